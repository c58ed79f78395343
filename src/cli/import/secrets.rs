//! Secrets that come along: those that stood in the files, and literals that `--extract-env` moves out of a Pipeline.
//!
//! They are in nothing that is printed. `--secret-file` writes them into a file that only its owner can read.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::draft::Draft;
use super::finding::{Finding, Severity, child};
use super::source::Source;
use super::{Imported, Options};
use crate::cli::values::SecretValue;
use crate::model::literals::literals;
use crate::model::names::{SecretKey, SecretName};

/// A Secret's manifest, as JSON. It has no `Debug`.
pub struct Sealed {
    /// Its name.
    pub name: String,
    /// Its namespace, or nothing.
    pub namespace: String,
    /// Where it stood: the file, its line and the object. `None`: `--extract-env` made it.
    pub(super) origin: Option<(String, Option<usize>, String)>,
    manifest: SecretValue,
}

impl Sealed {
    /// One that stood in a file.
    pub(super) fn of(manifest: &Value, source: &Source) -> Self {
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            name: text("/metadata/name"),
            namespace: text("/metadata/namespace"),
            origin: Some({
                let (file, object) = source.origin();
                (file, source.line(""), object)
            }),
            manifest: SecretValue::new(manifest.to_string().into_bytes()),
        }
    }

    /// Whether `--extract-env` made it.
    #[must_use]
    pub fn is_extracted(&self) -> bool {
        self.origin.is_none()
    }

    /// The manifest itself: for a file, or for the API server.
    pub(super) fn manifest(&self) -> &SecretValue {
        &self.manifest
    }
}

/// A variable to be moved into a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extract {
    /// The variable.
    pub variable: String,
    /// The Secret and its key; `None`: `NAME-env` of the Pipeline NAME, and the variable's name.
    pub to: Option<(String, String)>,
}

impl Extract {
    /// Reads `VARIABLE` or `VARIABLE=SECRET/KEY`.
    ///
    /// # Errors
    /// How it has to be written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((variable, to)) = text.split_once('=') else {
            return Ok(Self { variable: text.to_owned(), to: None });
        };
        let (secret, key) = to.split_once('/').ok_or("write VARIABLE, or VARIABLE=SECRET/KEY")?;
        SecretName::parse(secret).map_err(|why| format!("the Secret {why}"))?;
        SecretKey::parse(key).map_err(|why| format!("the key {why}"))?;
        Ok(Self { variable: variable.to_owned(), to: Some((secret.to_owned(), key.to_owned())) })
    }
}

/// Moves what was asked for, and says of every other literal that looks like a credential that it is one.
pub(super) fn extract(imported: &mut Imported, options: &Options) {
    // By namespace and name: several variables may go into one Secret.
    let mut made: BTreeMap<(String, String), BTreeMap<String, SecretValue>> = BTreeMap::new();
    for draft in imported.drafts.iter_mut().filter(|draft| draft.is_pipeline()) {
        for wanted in &options.extract {
            for container in draft.containers() {
                let Some((secret, key, value)) = take(draft, &container, wanted) else { continue };
                let text = format!("{} went into the Secret {secret}, key {key}", wanted.variable);
                imported.findings.push(draft.finding(Severity::Note, "", text));
                let namespace = draft.text("/metadata/namespace").to_owned();
                made.entry((namespace, secret)).or_default().insert(key, value);
            }
        }
        let spec = draft.object.pointer("/spec").cloned().unwrap_or_default();
        for literal in serde_json::from_value(spec).iter().flat_map(literals) {
            let text = format!(
                "the Pipeline's {} holds what looks like {}, and whoever may read the Pipeline may read it: {}",
                literal.field,
                literal.looks_like,
                literal.field.rsplit_once(".env.").map_or_else(
                    || "put it into a Secret, and name that in secrets".to_owned(),
                    |(_, name)| format!("--extract-env {name} moves it into a Secret")
                )
            );
            imported.findings.push(draft.finding(Severity::Note, "", text));
        }
    }
    for wanted in &options.extract {
        let text = format!("{} went into", wanted.variable);
        if !imported.findings.iter().any(|finding| finding.text.starts_with(&text)) {
            imported.findings.push(Finding {
                severity: Severity::Error,
                file: "--extract-env".to_owned(),
                line: None,
                object: wanted.variable.clone(),
                path: String::new(),
                text: "is no literal variable of any Pipeline: give the name of one that stands in env".to_owned(),
            });
        }
    }
    imported.secrets.extend(made.into_iter().map(|((namespace, name), values)| sealed(namespace, name, &values)));
}

/// Says of each Secret that stood in a file how it is made.
pub(super) fn left_out(imported: &mut Imported) {
    for sealed in &imported.secrets {
        let Some((file, line, object)) = sealed.origin.clone() else { continue };
        let is_alone = !imported.drafts.iter().any(|draft| draft.origin.0 == file);
        let how = if is_alone {
            format!("lockgate secret create -f {file} makes it")
        } else {
            "--secret-file FILE writes it into a file of its own, and lockgate secret create -f FILE makes it"
                .to_owned()
        };
        let text = format!("is left out, since it holds values: {how}");
        imported.findings.push(Finding { severity: Severity::Note, file, line, object, path: String::new(), text });
    }
}

/// Takes a literal out of a container and puts a reference in its place: the Secret, the key, the value.
fn take(draft: &mut Draft, container: &str, wanted: &Extract) -> Option<(String, String, SecretValue)> {
    let env = child(container, "env");
    let value = draft.object.pointer_mut(&env)?.as_object_mut()?.remove(&wanted.variable)?;
    if draft.object.pointer(&env).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty)
        && let Some(Value::Object(fields)) = draft.object.pointer_mut(container)
    {
        fields.remove("env");
    }
    let (secret, key) = wanted.to.clone().unwrap_or_else(|| (format!("{}-env", draft.name()), wanted.variable.clone()));
    let reference = json!({"name": secret, "env_var": wanted.variable, "key": key});
    let at = draft.push(&child(container, "secrets"), reference);
    draft.comment(&at, "Was a literal in env.");
    Some((secret, key, SecretValue::new(value.as_str()?.as_bytes().to_vec())))
}

fn sealed(namespace: String, name: String, values: &BTreeMap<String, SecretValue>) -> Sealed {
    let data: BTreeMap<&String, String> =
        values.iter().map(|(key, value)| (key, BASE64_STANDARD.encode(value.expose()))).collect();
    let mut manifest =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque", "data": data});
    if let (false, Some(metadata)) = (namespace.is_empty(), manifest.get_mut("metadata").and_then(Value::as_object_mut))
    {
        metadata.insert("namespace".to_owned(), namespace.clone().into());
    }
    let manifest = SecretValue::new(manifest.to_string().into_bytes());
    Sealed { name, namespace, origin: None, manifest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_and_where_it_goes() {
        let to = Some(("azure".to_owned(), "client-secret".to_owned()));
        assert_eq!(Extract::parse("A"), Ok(Extract { variable: "A".to_owned(), to: None }));
        assert_eq!(Extract::parse("A=azure/client-secret"), Ok(Extract { variable: "A".to_owned(), to }));
        for wrong in ["A=b", "A=B/c", "A=b/c d", "A=/", "A=b/"] {
            assert!(Extract::parse(wrong).is_err(), "{wrong}");
        }
    }
}
