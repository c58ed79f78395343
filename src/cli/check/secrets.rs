//! Pipelines and Registries against the Secrets that stand in the same files. Of a Secret nothing is looked at but its type and the names of its keys.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::finding::{Finding, Severity};
use super::object::Object;
use super::offline::{containers, spec};
use super::rules::Rule;
use crate::api::pipeline::PipelineSpec;
use crate::api::transform::SecretEntry;
use crate::model::secret::PULL_SECRET_TYPES;
use crate::model::world::RegistryKind;

/// What a manifest says of a Secret.
struct Known<'a> {
    keys: BTreeSet<&'a str>,
    type_: &'a str,
}

/// Namespace and name.
type Id<'a> = (Option<&'a str>, &'a str);

/// What is to be mended between them and Secrets of their namespace. Those that name none are taken to go to the same one.
pub(super) fn findings(objects: &[Object<'_>]) -> Vec<Finding> {
    let secrets: BTreeMap<Id<'_>, Known<'_>> = objects.iter().filter_map(known).collect();
    let mut found = Vec::new();
    for pipeline in objects.iter().filter(|object| object.is_pipeline()) {
        let Some(spec) = spec(pipeline.value) else { continue };
        let find = |name: &'_ str| {
            secrets.iter().find(|((namespace, known), _)| *namespace == pipeline.namespace() && *known == name)
        };
        for (field, name, key, optional) in keys(&spec) {
            let Some((_, secret)) = find(&name).filter(|(_, secret)| !secret.keys.contains(key.as_str())) else {
                continue;
            };
            // One without any keys is filled by somebody else.
            let fails = !optional && !secret.keys.is_empty();
            let severity = if fails { Severity::Error } else { Severity::Warning };
            let has = match secret.keys.iter().copied().collect::<Vec<_>>() {
                keys if keys.is_empty() => "has no keys at all".to_owned(),
                keys => format!("has the keys {}", keys.join(", ")),
            };
            let message = format!("the Secret {name} in these files {has}, and not {key}: correct one of the two");
            found.push(pipeline.finding(Rule::SecretKeyMissing, severity, &field, message));
        }
        for (field, name) in pull_secrets(&spec) {
            let named = find(&name).map(|(_, secret)| secret);
            found.extend(named.and_then(|secret| no_pull_secret(pipeline, &field, &name, secret)));
        }
    }
    for (kind, registry) in objects.iter().filter_map(|object| Some((object.registry()?, object))) {
        let text = |pointer: &str| registry.value.pointer(pointer).and_then(Value::as_str);
        let namespace = match kind {
            RegistryKind::Registry => registry.namespace(),
            RegistryKind::ClusterRegistry => text("/spec/secret/namespace"),
        };
        let Some(name) = text("/spec/secret/name") else { continue };
        let named = secrets.get(&(namespace, name));
        found.extend(named.and_then(|secret| no_pull_secret(registry, "spec.secret.name", name, secret)));
    }
    found
}

/// A Secret that is named as a pull secret, and is none.
fn no_pull_secret(by: &Object<'_>, field: &str, name: &str, secret: &Known<'_>) -> Option<Finding> {
    let type_ = Some(secret.type_).filter(|type_| !PULL_SECRET_TYPES.contains(type_))?;
    let message = format!(
        "the Secret {name} in these files is of the type {type_}, which the kubelet skips: make it with lockgate secret create {name} --docker-server=…"
    );
    Some(by.finding(Rule::PullSecretType, Severity::Error, field, message))
}

fn known<'a>(object: &Object<'a>) -> Option<(Id<'a>, Known<'a>)> {
    let name = object.name().filter(|_| object.is_secret())?;
    let maps = ["data", "stringData"].into_iter().filter_map(|field| object.value.get(field)?.as_object());
    let keys = maps.flat_map(|map| map.keys().map(String::as_str)).collect();
    let type_ = object.value.get("type").and_then(Value::as_str).unwrap_or("Opaque");
    Some(((object.namespace(), name), Known { keys, type_ }))
}

/// Every key that a spec names: where, of which Secret, which, and whether it may be absent.
fn keys(spec: &PipelineSpec) -> Vec<(String, String, String, bool)> {
    let lists = containers(spec).into_iter().map(|(base, container)| (format!("{base}.secrets"), &container.secrets));
    let lists = lists.chain([("spec.secrets".to_owned(), &spec.secrets)]);
    let entries = lists.flat_map(|(list, entries)| {
        entries.iter().enumerate().map(move |(index, entry)| (format!("{list}[{index}]"), entry))
    });
    let inputs = containers(spec).into_iter().filter_map(|(base, container)| Some((base, container.input.as_ref()?)));
    let of_inputs = inputs.flat_map(|(base, input)| {
        input.secrets.iter().enumerate().filter_map(move |(index, secret)| {
            let field = format!("{base}.input.secrets[{index}].key");
            Some((field, secret.name.clone(), secret.key.clone()?, false))
        })
    });
    entries.flat_map(|(at, entry)| of_entry(&at, entry)).chain(of_inputs).collect()
}

fn of_entry(at: &str, entry: &SecretEntry) -> Vec<(String, String, String, bool)> {
    let key = |field: String, key: &String| (field, entry.name.clone(), key.clone(), entry.optional);
    let env = entry.key.iter().map(|name| key(format!("{at}.key"), name));
    let items = entry.items.iter().enumerate().map(|(index, item)| key(format!("{at}.items[{index}].key"), &item.key));
    let whole = entry.sub_path.iter().filter(|_| entry.items.is_empty());
    let file = whole.map(|name| key(format!("{at}.sub_path"), name));
    env.chain(items).chain(file).collect()
}

fn pull_secrets(spec: &PipelineSpec) -> Vec<(String, String)> {
    let own = containers(spec).into_iter().map(|(base, container)| (base, &container.image_pull_secrets));
    let lists = own.chain([("spec".to_owned(), &spec.image_pull_secrets)]);
    let named = lists.flat_map(|(base, names)| {
        names.iter().enumerate().map(move |(index, name)| (format!("{base}.image_pull_secrets[{index}]"), name.clone()))
    });
    named.collect()
}
