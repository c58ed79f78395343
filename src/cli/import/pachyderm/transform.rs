//! `transform`: the container.

use serde_json::{Map, Value, json};

use crate::api::rules;
use crate::cli::import::draft::Draft;
use crate::cli::import::finding::child;
use crate::cli::import::source::Source;

/// What Pachyderm runs where no image is named (`DefaultUserImage` in `src/server/worker`).
const DEFAULT_IMAGE: &str = "ubuntu:20.04";

/// The container's fields.
pub(super) fn map(source: &mut Source, draft: &mut Draft) {
    let image = source.text("/transform/image").filter(|image| !image.is_empty());
    if image.is_none() {
        source.note("/transform/image", format!("is missing: Pachyderm takes {DEFAULT_IMAGE}, which is written out"));
        draft.comment("/spec/transform/image", "Pachyderm's own, since the spec names none.");
    }
    draft.set("/spec/transform/image", image.unwrap_or_else(|| DEFAULT_IMAGE.to_owned()));
    for (from, to) in [("/transform/cmd", "/spec/transform/cmd"), ("/transform/stdin", "/spec/transform/stdin")] {
        let texts = source.texts(from);
        for (index, text) in texts.iter().enumerate() {
            reads_pachyderm(source, draft, &child(from, index), to, text);
        }
        draft.set(to, texts);
    }
    let env = source.text_map("/transform/env");
    for (name, value) in &env {
        let to = child("/spec/transform/env", name);
        if !reads_pachyderm(source, draft, &child("/transform/env", name), &to, value) && is_theirs(name) {
            source.lost("/transform/env", "sets a variable of Pachyderm's own");
        }
    }
    draft.set("/spec/transform/env", json!(env));
    let working_dir = source.text("/transform/working_dir").filter(|dir| !dir.is_empty());
    if let Some(dir) = &working_dir {
        reads_pachyderm(source, draft, "/transform/working_dir", "/spec/transform/working_dir", dir);
    }
    draft.set("/spec/transform/working_dir", working_dir);
    user(source, draft);
    secrets(source, draft);
    draft.set("/spec/transform/image_pull_secrets", source.texts("/transform/image_pull_secrets"));
    accept_return_code(source, draft);
    if source.flag("/transform/memory_volume") == Some(true) {
        draft.set("/spec/transform/memory_volume", true);
        source
            .note("/transform/memory_volume", "gives an empty folder in memory at /pfs: nobody fills it with an input");
    }
    refused(source);
}

/// Names of variables that Pachyderm sets in a worker.
fn is_theirs(name: &str) -> bool {
    name.starts_with("PACH_") || name.starts_with("PPS_")
}

/// Says that a text speaks of what only Pachyderm provides. Whether it does.
fn reads_pachyderm(source: &mut Source, draft: &mut Draft, from: &str, to: &str, text: &str) -> bool {
    let word = |text: &str, start: &str| {
        text.match_indices(start).any(|(at, _)| {
            let before = text.get(..at).and_then(|text| text.chars().next_back());
            before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_')
        })
    };
    let path = text.match_indices("/pfs").any(|(at, found)| {
        let after = text.get(at.saturating_add(found.len())..).and_then(|rest| rest.chars().next());
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        after.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
            && before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '/' && c != '.')
    });
    let variable = ["PACH_", "PPS_"].into_iter().any(|start| word(text, start));
    if path {
        source.unserved(from, "reads or writes /pfs, which Pachyderm fills and stores: mount a claim (transform.volumes), or let the program fetch its data and put its results away itself");
        draft.comment(to, "Speaks of /pfs, which nobody fills here.");
    }
    if variable {
        source.unserved(from, "uses a variable that Pachyderm sets in its workers: nothing sets it here; LOCKGATE_INDEX is the number of the Pod among its equals");
        draft.comment(to, "Uses a variable of Pachyderm's workers, which nothing sets here.");
    }
    path || variable
}

fn user(source: &mut Source, draft: &mut Draft) {
    let Some(user) = source.text("/transform/user").filter(|user| !user.is_empty()) else { return };
    if user.parse::<u32>().is_ok() {
        draft.set("/spec/transform/user", user);
    } else if user == "root" {
        draft.comment("/spec/transform/user", "Was written as root.");
        draft.set("/spec/transform/user", "0");
    } else {
        source.error("/transform/user", rules::USER);
        draft.comment("/spec/transform/image", "Ran as a user with a name: write its number as user.");
    }
}

fn secrets(source: &mut Source, draft: &mut Draft) {
    for entry in source.elements("/transform/secrets") {
        let mut fields = Map::new();
        for name in ["name", "env_var", "key", "mount_path"] {
            if let Some(text) = source.text(&child(&entry, name)).filter(|text| !text.is_empty()) {
                fields.insert(name.to_owned(), text.into());
            }
        }
        if fields.contains_key("key") && !fields.contains_key("env_var") {
            source.note(&child(&entry, "key"), "counts only with env_var, in Pachyderm too: every key becomes a file");
            fields.remove("key");
        }
        // As Pachyderm has it, a trailing slash is allowed.
        if let Some(Value::String(path)) = fields.get_mut("mount_path") {
            while path.len() > 1 && path.ends_with('/') {
                path.pop();
            }
        }
        draft.push("/spec/transform/secrets", Value::Object(fields));
    }
}

fn accept_return_code(source: &mut Source, draft: &mut Draft) {
    let codes: Vec<i64> =
        source.elements("/transform/accept_return_code").into_iter().filter_map(|code| source.integer(&code)).collect();
    draft.set("/spec/transform/accept_return_code", codes);
    source.take("/transform/accept_return_code");
}

/// What a `transform` has there and ours refuses, with the reason that it gives.
fn refused(source: &mut Source) {
    for (name, why) in
        [("err_cmd", rules::NO_ERR_CMD), ("err_stdin", rules::NO_ERR_STDIN), ("dockerfile", rules::NO_DOCKERFILE)]
    {
        source.lost_unless_empty(&format!("/transform/{name}"), why);
    }
    for (name, why) in [("debug", rules::NO_DEBUG), ("datum_batching", rules::NO_DATUM_BATCHING)] {
        source.lost_unless_empty(&format!("/transform/{name}"), why);
    }
}
