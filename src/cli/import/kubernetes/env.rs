//! `env` and `envFrom`.

use serde_json::{Map, Value};

use crate::cli::import::draft::Draft;
use crate::cli::import::finding::child;
use crate::cli::import::source::Source;

/// The variables of the container at the pointer.
pub(super) fn map(source: &mut Source, draft: &mut Draft, container: &str) {
    let mut literals = Vec::new();
    for entry in source.elements(&child(container, "env")) {
        literals.extend(one(source, draft, &entry));
    }
    for (entry, name, value) in &literals {
        let before = literals.iter().take_while(|(at, ..)| at != entry);
        if before.into_iter().any(|(_, other, _)| other > name && names(value, other)) {
            source.unserved(&child(entry, "value"), format!("{name} takes the value of a variable that comes after it here: literals are set in the order of their names, after those of Secrets"));
        }
    }
    source.take_empty(&child(container, "env"));
    for entry in source.elements(&child(container, "envFrom")) {
        all(source, draft, &entry);
    }
    source.take_empty(&child(container, "envFrom"));
}

/// Maps an entry. What is a literal is given back: where it stands, its name, its value.
fn one(source: &mut Source, draft: &mut Draft, entry: &str) -> Option<(String, String, String)> {
    let Some(name) = source.text(&child(entry, "name")) else {
        source.error(entry, "has no name");
        return None;
    };
    let to = child("/spec/transform/env", &name);
    let secret = format!("{entry}/valueFrom/secretKeyRef");
    if source.peek(&secret).is_some() {
        let mut fields = Map::new();
        fields.insert("env_var".to_owned(), name.into());
        reference(source, &mut fields, &secret, &["name", "key"]);
        draft.push("/spec/transform/secrets", Value::Object(fields));
        return None;
    }
    if source.peek(&child(entry, "valueFrom")).is_some() {
        for (kind, why) in [
            (
                "configMapKeyRef",
                "a variable does not come from a ConfigMap: mount it (transform.volumes), or write the value",
            ),
            (
                "fieldRef",
                "a variable does not come from the Pod's fields: LOCKGATE_INDEX is the Pod's number, and the kubelet sets HOSTNAME to its name",
            ),
            ("resourceFieldRef", "a variable does not come from the container's resources: write the value"),
            ("fileKeyRef", "a variable does not come from a file: write the value"),
        ] {
            source.lost(&format!("{entry}/valueFrom/{kind}"), why);
        }
        return None;
    }
    // A name without a value is the empty text.
    let value = source.text(&child(entry, "value")).unwrap_or_default();
    if draft.object.pointer(&to).is_some() {
        source.note(entry, format!("{name} stands twice: the last one counts, as in Kubernetes"));
    }
    draft.set(&to, value.clone());
    Some((entry.to_owned(), name, value))
}

/// Whether the value takes that of a variable, as the kubelet reads it: `$$` is one `$`.
fn names(value: &str, variable: &str) -> bool {
    let value = value.replace("$$", "");
    value.split("$(").skip(1).filter_map(|rest| rest.split_once(')')).any(|(other, _)| other == variable)
}

fn all(source: &mut Source, draft: &mut Draft, entry: &str) {
    let secret = child(entry, "secretRef");
    if source.peek(&secret).is_some() {
        let mut fields = Map::new();
        reference(source, &mut fields, &secret, &["name"]);
        fields.insert("env_prefix".to_owned(), source.text(&child(entry, "prefix")).unwrap_or_default().into());
        draft.push("/spec/transform/secrets", Value::Object(fields));
    }
    source.lost(
        &child(entry, "configMapRef"),
        "variables do not come from a ConfigMap: mount it (transform.volumes), or write the values",
    );
    source.lost(&child(entry, "prefix"), "went with what was left out");
}

/// Takes a reference to a Secret: the named fields and `optional`.
pub(super) fn reference(source: &mut Source, fields: &mut Map<String, Value>, at: &str, names: &[&str]) {
    for name in names {
        if let Some(text) = source.text(&child(at, name)) {
            fields.insert((*name).to_owned(), text.into());
        }
    }
    if source.flag(&child(at, "optional")) == Some(true) {
        fields.insert("optional".to_owned(), true.into());
    }
}
