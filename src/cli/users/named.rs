//! What a Pipeline's spec names: by its meaning where it is valid, else by the fields that are there.
//!
//! A spec that breaks a rule still names its Secrets: it is one edit away from using them.

use serde_json::Value;

use super::{Place, Usage};
use crate::api::pipeline::{Mode, OnSecretChange, PipelineSpec};
use crate::model::parse;
use crate::model::work::{self, Lifecycle, MAIN_STEP, SecretUse, Step, Work};

/// What a spec says of Secrets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// How the Pods live.
    pub mode: Mode,
    /// What is asked for when a Secret changes, its default included.
    pub on_secret_change: OnSecretChange,
    /// The Secret's name, and the place.
    pub places: Vec<(String, Place)>,
    /// Each step and its image.
    pub images: Vec<(String, String)>,
}

/// Reads a spec as it came from the cluster.
pub(super) fn read(spec: &Value) -> Named {
    let valid = serde_json::from_value::<PipelineSpec>(spec.clone()).ok().and_then(|spec| parse::parse(&spec).ok());
    valid.map_or_else(|| by_fields(spec), |work| by_meaning(&work))
}

/// Of a valid spec.
fn by_meaning(work: &Work) -> Named {
    let place = |step: &Step, SecretUse { secret, optional, usage }: &SecretUse| {
        let usage = match usage {
            work::Usage::Env { var, key } => Usage::Env { var: var.to_string(), key: key.to_string() },
            work::Usage::EnvPrefix { prefix } => Usage::EnvPrefix(prefix.clone()),
            work::Usage::Mount { path, sub_path, .. } => {
                let is_rendered = step.is_rendered(path);
                Usage::Mount { path: path.to_string(), sub_path: sub_path.clone(), is_rendered }
            }
            work::Usage::Input { called, key } => {
                Usage::Input { called: called.clone(), key: key.as_ref().map(ToString::to_string) }
            }
            work::Usage::ImagePull => Usage::ImagePull,
        };
        (secret.to_string(), Place { step: step.name.clone(), usage, optional: *optional, via: None })
    };
    Named {
        mode: if work.lifecycle == Lifecycle::Job { Mode::Job } else { Mode::Service },
        on_secret_change: work.on_secret_change,
        places: work.steps.iter().flat_map(|step| step.uses.iter().map(|used| place(step, used))).collect(),
        images: work.steps.iter().map(|step| (step.name.clone(), step.image.clone())).collect(),
    }
}

/// Of any spec: whatever can be read of each field, and nothing is refused.
fn by_fields(spec: &Value) -> Named {
    let mode = if text(spec, "mode") == Some("Service") { Mode::Service } else { Mode::Job };
    let on_secret_change = match (text(spec, "on_secret_change"), mode) {
        (Some("RestartAll"), _) => OnSecretChange::RestartAll,
        (Some("Restart"), _) | (None, Mode::Service) => OnSecretChange::Restart,
        _ => OnSecretChange::Ignore,
    };
    let main = spec.get("transform").map(|container| (MAIN_STEP, container));
    let steps = list(spec, "steps").map(|step| (text(step, "name").unwrap_or_default(), step));
    let mut containers: Vec<(&str, &Value)> = main.into_iter().chain(steps).collect();
    if containers.is_empty() {
        // What the spec gives to every step is named, though there is none.
        containers.push((MAIN_STEP, &Value::Null));
    }
    let image = |(name, own): &(&str, &Value)| Some(((*name).to_owned(), text(own, "image")?.to_owned()));
    Named {
        mode,
        on_secret_change,
        images: containers.iter().filter_map(image).collect(),
        places: containers.into_iter().flat_map(|(name, own)| of_step(spec, name, own)).collect(),
    }
}

/// A container's own entries, the spec's, its own pull secrets, the spec's, its input's; each pull secret once.
fn of_step(spec: &Value, name: &str, own: &Value) -> Vec<(String, Place)> {
    let mut places: Vec<(String, Place)> = Vec::new();
    let all = || list(own, "secrets").chain(list(spec, "secrets"));
    let rendered = all().filter(|entry| entry.get("format").is_some()).filter_map(|entry| text(entry, "mount_path"));
    let rendered: Vec<&str> = rendered.collect();
    for entry in all() {
        let Some(secret) = text(entry, "name") else { continue };
        let optional = entry.get("optional").and_then(Value::as_bool).unwrap_or_default();
        let usages = of_entry(entry, &rendered);
        let usages = if usages.is_empty() { vec![Usage::Unsaid] } else { usages };
        let place = |usage| (secret.to_owned(), Place { step: name.to_owned(), usage, optional, via: None });
        places.extend(usages.into_iter().map(place));
    }
    for secret in list(own, "image_pull_secrets").chain(list(spec, "image_pull_secrets")).filter_map(Value::as_str) {
        let place = Place { step: name.to_owned(), usage: Usage::ImagePull, optional: false, via: None };
        let place = (secret.to_owned(), place);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    for entry in own.get("input").into_iter().flat_map(|input| list(input, "secrets")) {
        let Some(secret) = text(entry, "name") else { continue };
        let called = text(entry, "as").unwrap_or(secret).to_owned();
        let usage = Usage::Input { called, key: text(entry, "key").map(ToOwned::to_owned) };
        places.push((secret.to_owned(), Place { step: name.to_owned(), usage, optional: false, via: None }));
    }
    places
}

/// `rendered`: the folders that the init container makes.
fn of_entry(entry: &Value, rendered: &[&str]) -> Vec<Usage> {
    let owned = |field: &str| text(entry, field).map(ToOwned::to_owned);
    let env = owned("env_var").map(|var| Usage::Env { var, key: owned("key").unwrap_or_default() });
    let prefix = owned("env_prefix").map(Usage::EnvPrefix);
    let mount = owned("mount_path").map(|path| {
        let is_rendered = rendered.contains(&path.as_str());
        Usage::Mount { path, sub_path: owned("sub_path"), is_rendered }
    });
    [env, prefix, mount].into_iter().flatten().collect()
}

fn text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object.get(field).and_then(Value::as_str)
}

fn list<'a>(object: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    object.get(field).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A spec with every form in every place.
    fn graph() -> Value {
        json!({
            "steps": [
                {"name": "load", "image": "a:1", "secrets": [
                    {"name": "db", "env_var": "DB", "key": "password", "mount_path": "/etc/db", "optional": true},
                    {"name": "app", "env_prefix": "APP_"},
                ], "image_pull_secrets": ["own", "both"]},
                {"name": "send", "needs": ["load"], "image": "a:1"},
            ],
            "secrets": [{"name": "conf", "mount_path": "/etc/conf", "sub_path": "app.conf"}],
            "image_pull_secrets": ["both", "all"],
        })
    }

    #[test]
    fn a_valid_spec_names_the_same_by_its_meaning_and_by_its_fields() {
        let transform = json!({"transform": {"image": "a:1", "secrets": [{"name": "db", "mount_path": "/etc/db"}]}});
        let service = json!({"transform": {"image": "a:1", "image_pull_secrets": ["r"]}, "mode": "Service"});
        let all = json!({"transform": {"image": "a:1", "image_pull_secrets": ["r"]}, "on_secret_change": "RestartAll"});
        let rendered = json!({"transform": {"image": "a:1", "image_pull_secrets": ["r"], "secrets": [
            {"name": "tls", "mount_path": "/etc/app"}, {"name": "app", "mount_path": "/etc/app", "format": "properties"},
            {"name": "db", "mount_path": "/etc/db"},
        ], "input": {"secrets": [{"name": "api", "key": "t", "as": "x"}], "template": {}, "mount_path": "/in.json"}}});
        for spec in [graph(), transform, service, all, rendered] {
            let valid = parse::parse(&serde_json::from_value(spec.clone()).unwrap()).unwrap();
            assert_eq!(by_meaning(&valid), by_fields(&spec), "{spec}");
        }
    }

    #[test]
    fn every_place_of_a_graph_is_named() {
        let all: Vec<String> =
            read(&graph()).places.iter().map(|(secret, place)| format!("{secret} {place}")).collect();
        assert_eq!(
            all,
            [
                "db step load: env_var DB (key password), optional",
                "db step load: mount_path /etc/db, optional",
                "app step load: env_prefix \"APP_\" (every key)",
                "conf step load: mount_path /etc/conf (sub_path app.conf)",
                "own step load: image_pull_secrets",
                "both step load: image_pull_secrets",
                "all step load: image_pull_secrets",
                "conf step send: mount_path /etc/conf (sub_path app.conf)",
                "both step send: image_pull_secrets",
                "all step send: image_pull_secrets",
            ]
        );
    }

    #[test]
    fn a_broken_rule_hides_no_user() {
        let names = |spec: Value| read(&spec).places.into_iter().map(|(secret, _)| secret).collect::<Vec<_>>();
        for (what, spec) in [
            ("no use", json!({"transform": {"image": "a:1", "secrets": [{"name": "db"}]}})),
            ("no key", json!({"transform": {"image": "a:1", "secrets": [{"name": "db", "env_var": "DB"}]}})),
            ("no image", json!({"transform": {"secrets": [{"name": "db", "mount_path": "/d"}]}})),
            ("no step", json!({"secrets": [{"name": "db", "mount_path": "/d"}]})),
            ("a number", json!({"transform": {"image": 1, "image_pull_secrets": [2, "db"]}})),
            ("another mode", json!({"mode": "Cron", "transform": {"image": "a:1", "image_pull_secrets": ["db"]}})),
        ] {
            assert_eq!(names(spec), ["db"], "{what}");
        }
        for spec in [Value::Null, json!([]), json!({"steps": 1, "transform": "x", "secrets": {"name": "db"}})] {
            assert!(names(spec).is_empty());
        }
    }
}
