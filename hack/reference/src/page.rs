//! The page: a section for each object of the schema, a line for each of its fields.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::Failure;
use crate::examples::{Example, Examples};
use crate::schema::{Path, Rule, child, fields, limits, object_in, rules, type_of, written};

/// The rules of fields that may only be empty.
const ONLY_EMPTY: [&str; 5] = ["false", "!self", "self == ''", "self == 0", "self.size() == 0"];
/// A rule's CEL is shown up to here.
const SHORT_CEL: usize = 100;

pub const HEAD: &str = "# Reference

Every field of a Pipeline, and then of a [Registry](#registryspec) and a [ClusterRegistry](#clusterregistryspec), with its type, its
default, its limits, what must hold of it and how it is written. `make generate` writes this page from
[crds](../crds/pipelines.yaml); each example is a line of a manifest that a test applies or holds against the types.
[pipeline.md](pipeline.md) and [registries.md](registries.md) tell the same as prose: what to write for what you want.

kubectl knows it, too:

```sh
kubectl explain pipeline.spec --api-version=lockgate.dev/v1alpha1
kubectl explain pipeline.spec.transform.secrets --api-version=lockgate.dev/v1alpha1
kubectl explain pipeline.status.references.state --api-version=lockgate.dev/v1alpha1
```

A *rule* is checked by the API server when you apply; its words are what you read where it is broken. Its CEL stands behind it
where it is short, and in the CustomResourceDefinition always. A field without a default is absent unless you write it.
";

/// Writes the part of one kind: every path begins with the prefix.
pub fn write(crd: &Value, prefix: &[String], examples: &Examples) -> Result<String, Failure> {
    let version = crd.pointer("/spec/versions/0").ok_or("the CRD has no version")?;
    let schema = version.pointer("/schema/openAPIV3Schema").ok_or("the version has no schema")?;
    let mut all = Vec::new();
    rules(schema, prefix, &mut all);
    let text = String::new();
    let mut page = Page { text, prefix: prefix.len(), rules: all, examples, seen: Vec::new(), lacking: Vec::new() };
    for part in ["metadata", "spec", "status"] {
        let object = schema.pointer(&format!("/properties/{part}")).filter(|object| fields(object).is_some());
        // Of the metadata only what is restricted is told.
        if let Some(object) = object {
            page.object(&child(prefix, part), object)?;
        }
    }
    page.columns(crd, version)?;
    if !page.lacking.is_empty() {
        let fields = page.lacking.join("\n");
        return Err(format!("these have no example, so put them into a manifest of tests/corpus/good, or, of status, into hack/reference/status:\n{fields}").into());
    }
    if let Some(rule) = page.rules.first() {
        return Err(format!("a rule of `{}` has no place on the page: {}", rule.of, rule.message).into());
    }
    Ok(page.text)
}

struct Page<'a> {
    text: String,
    /// So many parts of each path are before those of the object.
    prefix: usize,
    /// Those that are not told yet.
    rules: Vec<Rule>,
    examples: &'a Examples,
    /// The sections so far.
    seen: Vec<(Path, &'a Value)>,
    /// Fields that no manifest has.
    lacking: Vec<String>,
}

impl<'a> Page<'a> {
    /// An object, its fields, and then the objects in them.
    fn object<'b: 'a>(&mut self, path: &[String], schema: &'b Value) -> Result<(), Failure> {
        let title = written(path);
        let level = if path.len() == self.prefix + 1 { "##" } else { "###" };
        write!(self.text, "\n{level} `{title}`\n\n")?;
        if let Some(description) = description(schema) {
            writeln!(self.text, "{description}\n")?;
        }
        if let Some((other, differences)) = self.same(schema) {
            let but = if differences.is_empty() { String::new() } else { format!(", but {}", differences.join(", ")) };
            writeln!(self.text, "The fields and rules of {}{but}.", link(&other))?;
            let below =
                |rule: &Rule| rule.of.strip_prefix(&title).is_some_and(|rest| !rest.starts_with(char::is_alphabetic));
            self.rules.retain(|rule| !below(rule));
            return Ok(());
        }
        self.seen.push((path.to_vec(), schema));
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let own = fields(schema).ok_or_else(|| format!("{title} has no fields"))?;
        for (name, field) in sorted(own) {
            self.field(&child(path, name), field, required.contains(&name.as_str()))?;
        }
        let whole = self.take_rules(&title);
        if !whole.is_empty() {
            writeln!(self.text, "\nRules of the whole:\n")?;
            self.text.extend(whole.iter().map(|rule| format!("- {rule}\n")));
        }
        for (name, field) in sorted(own) {
            if let Some((last, object)) = object_in(name, field) {
                self.object(&child(path, &last), object)?;
            }
        }
        Ok(())
    }

    /// A field: what it is, an example, its rules.
    fn field(&mut self, path: &[String], schema: &Value, required: bool) -> Result<(), Failure> {
        let name = path.last().ok_or("a field has a name")?;
        let mut facts = vec![type_of(schema)];
        facts.extend(required.then(|| "required".to_owned()));
        facts.extend(schema.get("default").map(|default| format!("default `{default}`").replace('"', "")));
        facts.extend(limits(schema));
        let about = description(schema).map(|text| format!(" {text}")).unwrap_or_default();
        let see = object_in(name, schema).map(|(last, _)| {
            let parents = path.iter().take(path.len().saturating_sub(1)).cloned();
            format!(" Its fields: {}.", link(&parents.chain([last]).collect::<Vec<_>>()))
        });
        writeln!(self.text, "- **`{name}`**: {}.{about}{}", facts.join("; "), see.unwrap_or_default())?;
        let own = written(path);
        let only_empty = self.rules.iter().any(|rule| rule.of == own && ONLY_EMPTY.contains(&rule.cel.as_str()));
        let example = match self.examples.of(path.get(self.prefix..).unwrap_or_default(), only_empty) {
            Some(Example::Good(text)) if only_empty => format!("Only empty, as in {}", code(&text)),
            Some(Example::Good(text)) => format!("Example: {}", code(&text)),
            Some(Example::Refused(text)) => format!("Refused, as in {}", code(&text)),
            None => {
                self.lacking.push(own);
                return Ok(());
            }
        };
        writeln!(self.text, "  - {example}")?;
        let told = self.take_rules(&own);
        self.text.extend(told.iter().map(|rule| format!("  - Rule: {rule}\n")));
        Ok(())
    }

    /// The rules that speak of this, each message once.
    fn take_rules(&mut self, of: &str) -> Vec<String> {
        let (told, rest): (Vec<Rule>, Vec<Rule>) = self.rules.drain(..).partition(|rule| rule.of == of);
        self.rules = rest;
        let mut lines: Vec<(String, Vec<String>)> = Vec::new();
        for rule in told {
            match lines.iter_mut().find(|(message, _)| *message == rule.message) {
                Some((_, cels)) => cels.push(rule.cel),
                None => lines.push((rule.message, vec![rule.cel])),
            }
        }
        let line = |(message, cels): (String, Vec<String>)| match cels.as_slice() {
            [cel] if cel.len() <= SHORT_CEL => format!("{} ({})", plain(&message), code(cel)),
            _ => plain(&message),
        };
        lines.into_iter().map(line).collect()
    }

    /// A section with the same fields and rules, and which lists have other bounds here.
    fn same(&self, schema: &Value) -> Option<(Path, Vec<String>)> {
        let bare = without(schema, &["description", "maxItems"]);
        let (path, other) = self.seen.iter().find(|(_, other)| without(other, &["description", "maxItems"]) == bare)?;
        let mut differences = Vec::new();
        bounds(schema, other, &[], &mut differences);
        Some((path.clone(), differences))
    }

    /// What `kubectl get` shows, and `kubectl scale`.
    fn columns(&mut self, crd: &Value, version: &Value) -> Result<(), Failure> {
        let columns = version["additionalPrinterColumns"].as_array().ok_or("no printer columns")?;
        let plural = crd.pointer("/spec/names/plural").and_then(Value::as_str).ok_or("no plural")?;
        writeln!(self.text, "\n## Columns of {plural}\n\nWhat `kubectl get {plural}` shows, and with `-o wide`:\n")?;
        writeln!(self.text, "| column | shown | where it stands |\n| --- | --- | --- |")?;
        for column in columns {
            let text = |name: &str| column[name].as_str().unwrap_or_default();
            let shown = if column["priority"].as_i64().unwrap_or_default() > 0 { "with `-o wide`" } else { "always" };
            writeln!(self.text, "| {} | {shown} | `{}` |", text("name").to_uppercase(), text("jsonPath"))?;
        }
        let scale = |name: &str| version.pointer(&format!("/subresources/scale/{name}")).and_then(Value::as_str);
        if let (Some(spec), Some(status), Some(labels)) =
            (scale("specReplicasPath"), scale("statusReplicasPath"), scale("labelSelectorPath"))
        {
            writeln!(
                self.text,
                "\n`kubectl scale` and autoscalers set `{spec}`; they read `{status}` and `{labels}`."
            )?;
        }
        Ok(())
    }
}

/// The fields in the order of the page: by name, the container before what is around it, the graph last.
fn sorted(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut all: Vec<(&String, &Value)> = fields.iter().collect();
    all.sort_by_key(|(name, _)| match name.as_str() {
        "transform" => (0, name.as_str()),
        "steps" => (2, name.as_str()),
        name => (1, name),
    });
    all
}

/// Lists whose bounds differ.
fn bounds(here: &Value, there: &Value, path: &[String], found: &mut Vec<String>) {
    if here["maxItems"] != there["maxItems"] && !path.is_empty() {
        found.push(format!("`{}` {}", written(path), limits(here).join("; ")));
    }
    for (name, field) in fields(here).into_iter().flatten() {
        bounds(field, there["properties"].get(name).unwrap_or(&Value::Null), &child(path, name), found);
    }
    if here["items"].is_object() {
        let mut inside = path.to_vec();
        if let Some(last) = inside.last_mut() {
            last.push_str("[]");
        }
        bounds(&here["items"], &there["items"], &inside, found);
    }
}

/// The schema without these keywords, at every depth. A field may have such a name: its schema is an object.
fn without(schema: &Value, keywords: &[&str]) -> Value {
    match schema {
        Value::Object(map) => {
            let kept = map.iter().filter(|(name, value)| value.is_object() || !keywords.contains(&name.as_str()));
            Value::Object(kept.map(|(name, value)| (name.clone(), without(value, keywords))).collect())
        }
        Value::Array(all) => Value::Array(all.iter().map(|one| without(one, keywords)).collect()),
        other => other.clone(),
    }
}

fn description(schema: &Value) -> Option<String> {
    let text = schema["description"].as_str().filter(|text| !text.is_empty())?;
    let text = plain(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    Some(if text.ends_with('.') { text } else { format!("{text}.") })
}

/// Text that Markdown takes for nothing else.
fn plain(text: &str) -> String {
    text.replace('<', "\\<")
}

fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// A link to an object's section. GitHub's anchor of it has neither dots nor brackets.
fn link(path: &[String]) -> String {
    let title = written(path);
    let anchor: String = title.to_lowercase().chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
    format!("[`{title}`](#{anchor})")
}
