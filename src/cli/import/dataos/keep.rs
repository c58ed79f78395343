//! `type: secret` and `type: depot`: what keeps credentials. No value is looked at; what comes out is the line that makes the Secret,
//! and the reference that uses it.

use std::collections::BTreeMap;

use super::super::finding::{Severity, child};
use super::super::line::{create_generic, word};
use super::super::source::Source;
use super::known::PROPERTIES;
use super::{Here, Meta};
use crate::model::names::{SecretKey, is_dns_subdomain};

/// Names a Secret and the line that makes it.
pub fn secret(source: &mut Source, section: &str, meta: &Meta, here: &Here<'_>) {
    let line = create(source, section, &meta.name, here);
    let instance = meta.kind == "instance-secret";
    source.say(
        Severity::Lost,
        section,
        format!(
            "Secret {} is not imported, so that no value passes by here: {line}{}",
            meta.name,
            if instance {
                "; an instance-secret is seen in all workspaces: make it in each namespace that uses it"
            } else {
                ""
            }
        ),
    );
}

/// Takes a Secret's section, its values unseen; the line that makes it.
fn create(source: &mut Source, section: &str, name: &str, here: &Here<'_>) -> String {
    let in_namespace = &here.in_namespace;
    let kind = source.text(&child(section, "type")).unwrap_or_default();
    source.take(&child(section, "acl"));
    let keys = source.names(&child(section, "data"));
    let mut paths = BTreeMap::new();
    for field in ["files", "file"] {
        let at = child(section, field);
        for key in source.names(&at) {
            if let Some(path) = source.text(&child(&at, &key)) {
                paths.insert(key, path);
            }
        }
    }
    source.take(section);
    for key in keys.iter().chain(paths.keys()).filter(|key| SecretKey::parse(key).is_err()) {
        source.error(
            section,
            format!("a key {key:?} cannot be in a Secret of Kubernetes: letters, digits, -, _ and . only"),
        );
    }
    if !is_dns_subdomain(name) {
        source.error(section, "its name cannot be a Secret's in Kubernetes: lower case letters, digits, - and . only");
    }
    match kind.as_str() {
        "cloud-kernel-image-pull" => {
            format!(
                "lockgate secret create docker-registry {}{in_namespace} --from-file=.dockerconfigjson=FILE",
                word(name)
            )
        }
        PROPERTIES => format!(
            "{} (its pairs are handed over as one file {name}.properties by secrets: [{{name: {name}, mount_path: {}, format: properties}}])",
            create_generic(name, in_namespace, &keys, &paths),
            here.folder
        ),
        _ => create_generic(name, in_namespace, &keys, &paths),
    }
}

/// Names the Secrets of a depot, those to read and those to write apart, and the references that use them.
pub fn depot(source: &mut Source, section: &str, meta: &Meta, here: &Here<'_>) {
    for field in ["secrets", "dataosSecrets"] {
        for at in source.elements(&child(section, field)) {
            let Some(name) = source.text(&child(&at, "name")) else { continue };
            let acl = source.text(&child(&at, "acl"));
            let keys = source.texts(&child(&at, "keys"));
            source.note(
                &at,
                format!("Secret {name}{}: {}", purpose(acl.as_deref(), &name), reference(&name, &keys, here.folder)),
            );
            source.take(&at);
        }
    }
    for at in source.elements(&child(section, "connectionSecret")) {
        let text = |field| source.peek(&child(&at, field)).and_then(|text| text.as_str().map(ToOwned::to_owned));
        let (acl, kind) = (text("acl"), text("type"));
        let name = format!("{}-{}", meta.name, acl.as_deref().unwrap_or("rw"));
        let line = create(source, &at, &name, here);
        // The line of a properties file has the reference already.
        let then = match kind.as_deref() {
            Some(PROPERTIES) => String::new(),
            _ => format!(", then {}", reference(&name, &[], here.folder)),
        };
        source.say(
            Severity::Lost,
            &at,
            format!(
                "Secret {name}{} is not imported, so that no value passes by here: {line}{then}",
                aside(purpose(acl.as_deref(), &name)),
            ),
        );
    }
    for field in ["type", "description", "external", "source", "owner"] {
        source.take(&child(section, field));
    }
    source.take(section);
    source.say(
        Severity::Lost,
        section,
        "a depot has no counterpart: give host, port and database to the program as env, or in a ConfigMap; only what is secret stands in a Secret",
    );
}

/// What a Secret of a depot is for, by its acl, else by its name's end.
fn purpose(acl: Option<&str>, name: &str) -> &'static str {
    match acl {
        Some("rw") => ", to read and write",
        Some("r") => ", to read",
        _ if name.ends_with("-rw") || name.ends_with("_rw") => ", to read and write",
        _ if name.ends_with("-r") || name.ends_with("_r") => ", to read",
        _ => "",
    }
}

/// A purpose in the middle of a sentence.
fn aside(purpose: &str) -> String {
    if purpose.is_empty() { String::new() } else { format!("{purpose},") }
}

/// The entry of `secrets` that a step needs.
fn reference(name: &str, keys: &[String], folder: &str) -> String {
    let items: Vec<String> = keys.iter().map(|key| format!("{{key: {key}, path: {key}}}")).collect();
    let items = if items.is_empty() { String::new() } else { format!(", items: [{}]", items.join(", ")) };
    format!("secrets: [{{name: {name}, mount_path: {folder}{items}}}]")
}
