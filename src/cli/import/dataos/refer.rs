//! `dataosSecrets` (and `secrets`, their older name) as references: whole Secrets and single keys, as files, as variables, and as
//! one properties file.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::draft::Draft;
use super::super::finding::{Severity, child};
use super::super::line::create_generic;
use super::super::source::Source;
use super::Here;

/// The folder's name in the container's environment.
const DIR_VAR: &str = "DATAOS_SECRET_DIR";

/// How a container receives a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consumption {
    Files,
    Variables,
    Properties,
}

/// What a container is given already, so that nothing is given twice.
#[derive(Debug, Default)]
pub struct Given {
    /// Variables, with the field that gives each.
    variables: BTreeSet<String>,
    /// Files in the folder, with the Secret of each.
    files: BTreeMap<String, String>,
    /// Secrets that are in the folder as a whole.
    whole: BTreeSet<String>,
    /// Secrets whose variables are given as a whole.
    all_variables: BTreeSet<String>,
    /// Secrets that are in the folder as a properties file.
    properties: BTreeSet<String>,
}

impl Given {
    /// Whether files are in the folder.
    pub fn has_files(&self) -> bool {
        !self.files.is_empty() || !self.whole.is_empty()
    }

    /// The Secrets that have files in the folder.
    fn in_folder(&self) -> BTreeSet<&String> {
        self.whole.iter().chain(self.files.values()).collect()
    }

    /// Whether a variable of this name comes from a Secret.
    pub fn has_variable(&self, name: &str) -> bool {
        self.variables.contains(name)
    }
}

/// Takes the references below `base` and writes them into the list `to`.
pub fn references(source: &mut Source, base: &str, draft: &mut Draft, to: &str, here: &Here<'_>, given: &mut Given) {
    for field in ["dataosSecrets", "secrets"] {
        for at in source.elements(&child(base, field)) {
            one(source, &at, draft, to, here, given);
        }
        // What is no list.
        if source.peek(&child(base, field)).is_some_and(|value| !value.is_array()) {
            source.texts(&child(base, field));
        }
    }
    let sharing = given.in_folder().len();
    if sharing > 1 && !given.whole.is_empty() {
        source.note(
            base,
            format!(
                "{sharing} Secrets share the folder {}: where two have a key of the same name, the later one's file is seen",
                here.folder
            ),
        );
    }
    if !given.properties.is_empty() {
        source.note(
            base,
            format!(
                "the files in {} are made when a Pod starts, since one of them is a properties file: a Secret that changes is seen by a fresh Pod, which a Service gets by itself",
                here.folder
            ),
        );
    }
}

/// One reference: where it stands, and which list it goes to.
struct Reference<'a> {
    at: &'a str,
    to: &'a str,
    folder: &'a str,
    name: &'a str,
    /// None: all.
    keys: &'a [String],
}

fn one(source: &mut Source, at: &str, draft: &mut Draft, to: &str, here: &Here<'_>, given: &mut Given) {
    let is_short = source.peek(at).is_some_and(Value::is_string);
    let name = if is_short { source.text(at) } else { source.text(&child(at, "name")) };
    let Some(name) = name else {
        if source.peek(at).is_some() {
            source.error(at, "names no Secret: give it a name");
            source.take(at);
        }
        return;
    };
    let (keys, consumption) = if is_short { (Vec::new(), None) } else { long(source, at) };
    let workspace = source.text(&child(at, "workspace")).unwrap_or_else(|| here.home.clone());
    if workspace != here.home {
        source.note(
            at,
            format!(
                "Secret {name} is in workspace {workspace}, and a reference stays in its namespace: make it here, too: {}",
                create_generic(&name, &here.in_namespace, &keys, &BTreeMap::new())
            ),
        );
    }
    let consumption = match consumption {
        Some(consumption) => consumption,
        None if here.known.is_properties(&workspace, &name) => {
            source.note(
                at,
                format!(
                    "its type is key-value-properties, so that it became one file {name}.properties in {}",
                    here.folder
                ),
            );
            Consumption::Properties
        }
        None => {
            if !is_short {
                source.note(
                    at,
                    format!("says no consumptionType, and became files in {}; for variables write {{name: {name}, env_prefix: \"\"}}, or env_var and key for one", here.folder),
                );
            }
            Consumption::Files
        }
    };
    let reference = Reference { at, to, folder: here.folder, name: &name, keys: &keys };
    match consumption {
        Consumption::Variables => variables(source, draft, &reference, given),
        Consumption::Properties => properties(source, draft, &reference, given),
        Consumption::Files => files(source, draft, &reference, given),
    }
}

/// The keys (none: all) and the consumption of the long form.
fn long(source: &mut Source, at: &str) -> (Vec<String>, Option<Consumption>) {
    let all = ["allKeys", "allkeys"].map(|field| source.flag(&child(at, field)));
    let mut keys = source.texts(&child(at, "keys"));
    keys.extend(source.text(&child(at, "key")).filter(|key| !keys.contains(key)));
    if all.contains(&Some(true)) && !keys.is_empty() {
        source.note(at, "names keys and says allKeys: all of them are given");
        keys.clear();
    }
    let field = child(at, "consumptionType");
    let consumption = match source.text(&field).map(|text| text.to_ascii_lowercase()).as_deref() {
        None => None,
        Some("envvars") => Some(Consumption::Variables),
        Some("file" | "files") => Some(Consumption::Files),
        Some("propfile" | "propfiles") => Some(Consumption::Properties),
        Some(_) => {
            source.error(&field, "must be envVars, propfile or file: mend it in the source");
            Some(Consumption::Files)
        }
    };
    (keys, consumption)
}

fn variables(source: &mut Source, draft: &mut Draft, reference: &Reference<'_>, given: &mut Given) {
    let Reference { at, to, name, keys, .. } = *reference;
    if keys.is_empty() {
        if given.all_variables.insert(name.to_owned()) {
            let entry = draft.push(to, json!({"name": name, "env_prefix": ""}));
            draft.comment(&entry, "Every key is a variable of its name.");
        } else {
            source.note(at, format!("Secret {name} is given already"));
        }
    }
    for key in keys {
        if given.variables.insert(key.clone()) {
            draft.push(to, json!({"name": name, "env_var": key, "key": key}));
        } else {
            source.say(
                Severity::Lost,
                at,
                format!("another Secret gives the variable {key} already: give this one another name, as in {{name: {name}, env_var: OTHER_{key}, key: {key}}}"),
            );
        }
    }
}

fn properties(source: &mut Source, draft: &mut Draft, reference: &Reference<'_>, given: &mut Given) {
    let Reference { at, to, folder, name, keys } = *reference;
    if !given.properties.insert(name.to_owned()) {
        source.note(at, format!("Secret {name} is given already"));
        return;
    }
    if !keys.is_empty() {
        source.say(
            Severity::Lost,
            at,
            format!("names keys, and the file {name}.properties holds all keys of the Secret: make a Secret of those that are meant"),
        );
    }
    given.files.insert(format!("{name}.properties"), name.to_owned());
    draft.push(to, json!({"name": name, "mount_path": folder, "format": "properties"}));
}

fn files(source: &mut Source, draft: &mut Draft, reference: &Reference<'_>, given: &mut Given) {
    let Reference { at, to, folder, name, keys } = *reference;
    if keys.is_empty() {
        if given.whole.insert(name.to_owned()) {
            draft.push(to, json!({"name": name, "mount_path": folder}));
        } else {
            source.note(at, format!("Secret {name} is given already"));
        }
        return;
    }
    let mut items = Vec::new();
    for key in keys {
        let other = given.files.get(key).cloned();
        let path = match other {
            None => key.clone(),
            Some(other) if other == name => continue,
            Some(other) => {
                let path = format!("{name}_{key}");
                source.note(
                    at,
                    format!("Secrets {other} and {name} both have a file {key} in {folder}: this one is named {path}"),
                );
                path
            }
        };
        given.files.insert(path.clone(), name.to_owned());
        items.push(json!({"key": key, "path": path}));
    }
    if !items.is_empty() {
        draft.push(to, json!({"name": name, "mount_path": folder, "items": items}));
    }
}

/// Tells the container where its files are, unless it was told.
pub fn say_folder(source: &mut Source, draft: &mut Draft, container: &str, here: &Here<'_>, place: &str) {
    let variable = child(&child(container, "env"), DIR_VAR);
    match draft.text(&variable) {
        "" => {
            draft.set(&variable, here.folder);
            if here.folder == super::SECRET_DIR {
                let text = "Where the files of Secrets are. DataOS' older pages say /opt/dataos/secret: --dataos-secret-dir.";
                draft.comment(&variable, text);
            }
        }
        told if told.trim_end_matches('/') == here.folder => {}
        _ => source.note(
            place,
            format!("{DIR_VAR} in envs names another folder than {}, where the files are: give that one with --dataos-secret-dir", here.folder),
        ),
    }
}

/// The names of the Secrets in a list that is not mapped.
pub fn names(source: &mut Source, pointer: &str) -> Vec<String> {
    let mut names = Vec::new();
    for at in source.elements(pointer) {
        let is_short = source.peek(&at).is_some_and(Value::is_string);
        names.extend(if is_short { source.text(&at) } else { source.text(&child(&at, "name")) });
    }
    names
}
