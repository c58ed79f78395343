//! DataOS: a service or a worker becomes a Pipeline of mode Service, a workflow's jobs become the steps of one. Secrets are
//! named, with the line that makes them; their values are neither looked at nor printed.
//!
//! The forms are those of DataOS' documentation, old (`alpha`, `secrets`) and new (`stackSpec`, `dataosSecrets`).

mod flow;
mod keep;
mod known;
mod refer;
mod stack;
mod work;

use serde_json::Value;

pub use known::Known;

use super::Options;
use super::draft::Draft;
use super::finding::{Severity, child};
use super::line;
use super::source::Source;

/// Where DataOS mounts Secrets, by its documentation since 2023.
pub const SECRET_DIR: &str = "/etc/dataos/secret";

/// The workspace of a resource that names none.
const PUBLIC: &str = "public";

/// Where a resource stands, and what is asked for.
#[derive(Clone, Debug)]
struct Here<'a> {
    /// Where Secrets appear as files.
    folder: &'a str,
    /// What the same files define.
    known: &'a Known,
    /// The name that is asked for.
    name: Option<String>,
    /// The workspace in which names are looked up.
    home: String,
    /// The namespace, as a flag of a command; empty: the current one.
    in_namespace: String,
}

/// The types that have no counterpart, and what to use instead.
const ELSEWHERE: [(&str, &str); 12] = [
    ("cluster", "a query engine is not run by Lockgate: install it by its own chart, which can name the same Secrets"),
    ("volume", "make a PersistentVolumeClaim of this name; a Pipeline mounts it as `volumes: [{claim, mount_path}]`"),
    (
        "compute",
        "node pools are the cluster's: a Pipeline chooses nodes by scheduling_spec.node_selector and tolerations",
    ),
    ("policy", "use a Role and a RoleBinding; docs/policies.md has what can be demanded of Pipelines"),
    ("grant", "use a RoleBinding"),
    ("database", "use an operator or a chart of that database"),
    ("lakehouse", "use an operator or a chart of that engine"),
    ("monitor", "use Prometheus: docs/metrics.md"),
    ("pager", "use Alertmanager: docs/metrics.md"),
    ("operator", "install it by its own chart"),
    ("dataplane", "use the cluster itself"),
    ("resource", "use the custom resource that it stands for"),
];

/// The types that are read.
const READ: [&str; 8] = ["service", "worker", "workflow", "secret", "instance-secret", "depot", "stack", "bundle"];

/// Whether a document is a resource of DataOS: it has a name and one of DataOS' types.
#[must_use]
pub fn is_resource(document: &Value) -> bool {
    let kind = document.get("type").and_then(Value::as_str).unwrap_or_default();
    let is_known = READ.contains(&kind) || ELSEWHERE.iter().any(|(name, _)| *name == kind);
    // Of a type that came later its own section tells.
    let is_theirs = is_known || document.get("version").is_some() && document.get(kind).is_some_and(Value::is_object);
    is_theirs
        && document.get("apiVersion").is_none()
        && (document.get("name").is_some() || document.get(kind).is_some())
}

/// What becomes of a document that [`is_resource`].
pub fn map(source: &mut Source, options: &Options, known: &Known) -> Vec<Draft> {
    let text = |pointer| source.peek(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let object = [text("/type"), text("/name")].join(" ");
    object.trim_end().clone_into(&mut source.object);
    resource(source, "", None, options, known)
}

/// What becomes of the resource at `base`: a document, or one of a bundle that says its workspace.
fn resource(
    source: &mut Source,
    base: &str,
    workspace: Option<String>,
    options: &Options,
    known: &Known,
) -> Vec<Draft> {
    let meta = Meta::take(source, base, workspace);
    let here = meta.here(options, known);
    let section = child(base, &meta.kind);
    match meta.kind.as_str() {
        "service" | "worker" => work::import(source, &section, &meta, &here).into_iter().collect(),
        "workflow" => flow::import(source, &section, &meta, &here).into_iter().collect(),
        "secret" | "instance-secret" => {
            keep::secret(source, &section, &meta, &here);
            Vec::new()
        }
        "depot" => {
            keep::depot(source, &section, &meta, &here);
            Vec::new()
        }
        "stack" => {
            stack::report(source, &section);
            Vec::new()
        }
        "bundle" => bundle(source, &section, options, known),
        kind => {
            let instead = ELSEWHERE
                .iter()
                .find(|(name, _)| *name == kind)
                .map_or("this type is not known here", |(_, instead)| *instead);
            let secrets = refer::names(source, &child(&section, "dataosSecrets"));
            if !secrets.is_empty() {
                let names = secrets.join(", ");
                source.note(&child(&section, "dataosSecrets"), format!("it needs the Secrets {names} where it goes"));
            }
            source.take(&section);
            source.say(Severity::Lost, base, format!("a {kind} has no counterpart: {instead}"));
            Vec::new()
        }
    }
}

/// What all resources have.
#[derive(Debug, Default)]
struct Meta {
    /// Where it stands in the document.
    base: String,
    kind: String,
    name: String,
    /// The workspace, if it is said.
    workspace: Option<String>,
    description: Option<String>,
    owner: Option<String>,
    tags: Vec<String>,
}

impl Meta {
    fn take(source: &mut Source, base: &str, workspace: Option<String>) -> Self {
        let at = |field: &str| child(base, field);
        let meta = Self {
            base: base.to_owned(),
            kind: source.text(&at("type")).unwrap_or_default(),
            name: source.text(&at("name")).unwrap_or_default(),
            workspace: source.text(&at("workspace")).or(workspace),
            description: source.text(&at("description")),
            owner: source.text(&at("owner")),
            tags: source.texts(&at("tags")),
        };
        // The manifest's version and the layer say how DataOS reads it, not what it is.
        source.take(&at("version"));
        source.take(&at("layer"));
        meta
    }

    /// Writes it into an object that was made of the resource.
    fn write(&self, source: &mut Source, draft: &mut Draft) {
        if let Some(workspace) = &self.workspace {
            draft.set("/metadata/namespace", workspace.as_str());
            draft.comment("/metadata/namespace", "The workspace; leave it out to choose the namespace with -n.");
        }
        let annotation = |name: &str| child("/metadata/annotations", name);
        let tags = (!self.tags.is_empty()).then(|| self.tags.join(","));
        let kept = [
            ("kubernetes.io/description", &self.description),
            ("dataos.info/owner", &self.owner),
            ("dataos.info/tags", &tags),
        ];
        for (name, text) in kept {
            if let Some(text) = text {
                draft.set(&annotation(name), text.trim_end());
            }
        }
        if self.owner.is_some() {
            source.note(&child(&self.base, "owner"), "kept as an annotation: who may do what is said by RBAC");
        }
    }

    fn here<'a>(&self, options: &'a Options, known: &'a Known) -> Here<'a> {
        let namespace = self.workspace.as_ref().or(options.namespace.as_ref());
        Here {
            folder: options.dataos_secret_dir.as_deref().unwrap_or(SECRET_DIR).trim_end_matches('/'),
            known,
            name: options.name.clone(),
            home: self.workspace.clone().unwrap_or_else(|| PUBLIC.to_owned()),
            in_namespace: namespace.map(|name| format!(" -n {}", line::word(name))).unwrap_or_default(),
        }
    }
}

/// A bundle's resources, each as if it stood alone.
fn bundle(source: &mut Source, section: &str, options: &Options, known: &Known) -> Vec<Draft> {
    for workspace in source.elements(&child(section, "workspaces")) {
        if let Some(name) = source.text(&child(&workspace, "name")) {
            source.note(
                &workspace,
                format!("a workspace is a namespace: kubectl create namespace {}", line::word(&name)),
            );
        }
        source.take(&workspace);
    }
    let mut drafts = Vec::new();
    for element in source.elements(&child(section, "resources")) {
        let at = |field: &str| child(&element, field);
        source.take(&at("id"));
        source.lost(&at("file"), "this file was not read: import it, too");
        source.lost(
            &at("dependencies"),
            "resources of a bundle wait for each other in DataOS; here all may be applied at once, since a Pipeline waits for its Secrets",
        );
        source.take(&at("dependencyConditions"));
        let workspace = source.text(&at("workspace"));
        if source.peek(&at("spec")).is_some() {
            drafts.extend(resource(source, &at("spec"), workspace, options, known));
        }
    }
    source.lost(
        &child(section, "schedule"),
        "a bundle's own schedule has no counterpart: apply and delete the objects when you want",
    );
    drafts
}

/// Values that dataos-ctl would have filled in: `$NAME`, `${NAME}`, `{{…}}`.
fn say_interpolated(source: &mut Source, base: &str) {
    let mut found = Vec::new();
    interpolated(source.peek(base), base, &mut found);
    for pointer in found {
        source.note(
            &pointer,
            "holds a $VARIABLE or {{template}}, which dataos-ctl fills in when it applies, but with --disable-interpolation; nothing fills it in here: write what is meant. In cmd, args and env $(NAME) takes the value of a variable of the container",
        );
    }
}

fn interpolated(value: Option<&Value>, pointer: &str, found: &mut Vec<String>) {
    match value {
        Some(Value::String(text)) if is_interpolated(text) => found.push(pointer.to_owned()),
        Some(Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                interpolated(Some(item), &child(pointer, index), found);
            }
        }
        Some(Value::Object(fields)) => {
            for (name, field) in fields {
                interpolated(Some(field), &child(pointer, name), found);
            }
        }
        _ => {}
    }
}

fn is_interpolated(text: &str) -> bool {
    let is_name = |rest: &str| rest.starts_with(|c: char| c == '{' || c == '_' || c.is_ascii_alphabetic());
    text.contains("{{") || text.split('$').skip(1).any(is_name)
}

#[cfg(test)]
mod page_tests;
