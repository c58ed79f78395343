//! Volumes, as the container mounts them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::env::reference;
use crate::cli::import::draft::Draft;
use crate::cli::import::finding::child;
use crate::cli::import::source::Source;

/// Where the API server mounts a ServiceAccount's token.
const TOKEN_DIR: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Kubernetes' own mode of a file.
const MODE: i64 = 0o644;

/// The mounts of the container, each with what its volume says.
pub(super) fn map(source: &mut Source, draft: &mut Draft, pod: &str, container: &str) {
    let volumes: Vec<(String, String)> = source
        .elements(&child(pod, "volumes"))
        .into_iter()
        .filter_map(|at| Some((source.text(&child(&at, "name"))?, at)))
        .collect();
    // What a volume says is taken once, and counts for each of its mounts.
    let whole = source.again();
    let mut mounted = BTreeSet::new();
    for mount in source.elements(&child(container, "volumeMounts")) {
        let name = source.text(&child(&mount, "name")).unwrap_or_default();
        let path = source.text(&child(&mount, "mountPath")).unwrap_or_default();
        let Some((_, volume)) = volumes.iter().find(|(known, _)| *known == name) else {
            source.error(&mount, format!("there is no volume {name}"));
            continue;
        };
        // The ServiceAccount's token, as the API server mounts it into every Pod: there as here it comes by itself.
        if path == TOKEN_DIR && name.starts_with("kube-api-access-") {
            source.take(&mount);
            source.take(volume);
            mounted.insert(volume.clone());
            continue;
        }
        let mut at = Mount { path: path_of(&path), sub_path: source.text(&child(&mount, "subPath")), read_only: false };
        at.read_only = source.flag(&child(&mount, "readOnly")) == Some(true);
        if !mounted.insert(volume.clone()) {
            if whole.peek(&child(volume, "emptyDir")).is_some() {
                source.unserved(&mount, "is mounted twice: each place gets an empty folder of its own");
            }
            // Again from the whole, silently: it was reported with the first mount.
            let mut again = whole.again();
            one(&mut again, draft, volume, &at);
            continue;
        }
        one(source, draft, volume, &at);
    }
    source.take_empty(&child(container, "volumeMounts"));
    for (name, volume) in volumes {
        if !mounted.contains(&volume) {
            source.lost(&volume, format!("{name} is mounted by no container that is imported"));
        }
    }
}

/// Where a volume appears.
struct Mount {
    path: String,
    sub_path: Option<String>,
    read_only: bool,
}

impl Mount {
    fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("mount_path".to_owned(), self.path.clone().into());
        if let Some(path) = &self.sub_path {
            fields.insert("sub_path".to_owned(), path.clone().into());
        }
        fields
    }
}

/// A path as ours are written: without a slash at its end.
fn path_of(path: &str) -> String {
    match path.trim_end_matches('/') {
        "" => "/".to_owned(),
        path => path.to_owned(),
    }
}

fn one(source: &mut Source, draft: &mut Draft, volume: &str, mount: &Mount) {
    let field = |name: &str| child(volume, name);
    let mut fields = mount.fields();
    if source.peek(&field("secret")).is_some() {
        let secret = field("secret");
        if let Some(name) = source.text(&child(&secret, "secretName")) {
            fields.insert("name".to_owned(), name.into());
        }
        of_secret(source, &mut fields, &secret, &child(&secret, "defaultMode"));
        draft.push("/spec/transform/secrets", Value::Object(fields));
    } else if source.peek(&field("projected")).is_some() {
        projected(source, draft, &field("projected"), mount);
    } else if source.peek(&field("configMap")).is_some() {
        let map = field("configMap");
        reference(source, &mut fields, &map, &["name"]);
        let name = fields.remove("name").unwrap_or_default();
        fields.insert("config_map".to_owned(), name);
        source.lost(&child(&map, "items"), "every key becomes a file; one key as one file is sub_path");
        mode(source, &child(&map, "defaultMode"));
        draft.push("/spec/transform/volumes", Value::Object(fields));
    } else if source.peek(&field("persistentVolumeClaim")).is_some() {
        let claim = field("persistentVolumeClaim");
        let name = source.text(&child(&claim, "claimName")).unwrap_or_default();
        fields.insert("claim".to_owned(), name.into());
        if source.flag(&child(&claim, "readOnly")) == Some(true) || mount.read_only {
            fields.insert("read_only".to_owned(), true.into());
        }
        draft.push("/spec/transform/volumes", Value::Object(fields));
    } else if source.peek(&field("emptyDir")).is_some() {
        let mut scratch = Map::new();
        if source.text(&format!("{volume}/emptyDir/medium")).as_deref() == Some("Memory") {
            scratch.insert("memory".to_owned(), true.into());
        }
        if let Some(size) = source.text(&format!("{volume}/emptyDir/sizeLimit")) {
            scratch.insert("size".to_owned(), size.into());
        }
        source.take_empty(&field("emptyDir"));
        if fields.remove("sub_path").is_some() {
            source.unserved(volume, "is an empty folder, of which a folder is mounted: the whole is");
        }
        fields.insert("scratch".to_owned(), Value::Object(scratch));
        draft.push("/spec/transform/volumes", Value::Object(fields));
    } else if source.peek(&field("csi")).is_some() {
        source.lost(
            volume,
            "a Pipeline mounts no CSI volume: let its driver write a Secret, and name that (docs/recipes/csi.md)",
        );
    } else {
        source.lost(
            volume,
            "a Pipeline mounts Secrets, ConfigMaps, claims and empty folders: put what this holds on a claim",
        );
    }
}

fn projected(source: &mut Source, draft: &mut Draft, at: &str, mount: &Mount) {
    let default = child(at, "defaultMode");
    let given = source.peek(&default).cloned();
    for element in source.elements(&child(at, "sources")) {
        let secret = child(&element, "secret");
        if source.peek(&secret).is_some() {
            let mut fields = mount.fields();
            reference(source, &mut fields, &secret, &["name"]);
            if let Some(mode) = &given {
                items(source, &mut fields, &secret, mode.as_i64());
            } else {
                items(source, &mut fields, &secret, None);
            }
            draft.push("/spec/transform/secrets", Value::Object(fields));
        }
        source.lost(
            &element,
            "of a projected volume only Secrets are mounted; a ConfigMap is mounted at a path of its own",
        );
    }
    mode(source, &default);
}

/// `items`, `optional` and the mode of a Secret's files.
fn of_secret(source: &mut Source, fields: &mut Map<String, Value>, secret: &str, default: &str) {
    reference(source, fields, secret, &[]);
    let has_items = source.len(&child(secret, "items")) > 0;
    let given = source.peek(default).and_then(Value::as_i64);
    items(source, fields, secret, given);
    if has_items {
        source.take(default);
    } else {
        mode(source, default);
    }
}

fn items(source: &mut Source, fields: &mut Map<String, Value>, secret: &str, default: Option<i64>) {
    let mut items = Vec::new();
    for item in source.elements(&child(secret, "items")) {
        let mut one = Map::new();
        for name in ["key", "path"] {
            if let Some(text) = source.text(&child(&item, name)) {
                one.insert(name.to_owned(), text.into());
            }
        }
        if let Some(mode) = source.integer(&child(&item, "mode")).or(default.filter(|mode| *mode != MODE)) {
            one.insert("mode".to_owned(), mode.into());
        }
        items.push(Value::Object(one));
    }
    if !items.is_empty() {
        fields.insert("items".to_owned(), json!(items));
    }
}

/// Takes the mode of all files, which is Kubernetes' own.
fn mode(source: &mut Source, at: &str) {
    if source.peek(at).and_then(Value::as_i64) == Some(MODE) {
        source.take(at);
    }
    source.lost(at, "files have mode 0644: give those of a Secret that need another items, each with its mode");
}
