//! An image: layers, a configuration and a manifest, as the files of an OCI layout.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::error::{Action as _, Error};
use crate::layer::{LayerBlob, sha256};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// What an image consists of.
#[derive(Debug)]
pub struct Image<'a> {
    /// From the lowest to the topmost.
    pub layers: &'a [LayerBlob],
    /// As images call it: `amd64`, `arm64`.
    pub architecture: &'a str,
    /// What a container does when nothing else is said (`config` of the image configuration).
    pub config: Value,
    /// When it was made, as RFC 3339; absent if nobody needs to know.
    pub created: Option<String>,
    /// Annotations of the manifest.
    pub annotations: Map<String, Value>,
    /// The name under which containerd imports it.
    pub reference: Option<&'a str>,
}

impl Image<'_> {
    /// Writes the layout into a folder, where the image has the name `image`, and gives its digest.
    pub fn write(&self, layout: &Path) -> Result<String, Error> {
        let blobs = layout.join("blobs/sha256");
        fs::create_dir_all(&blobs).action(|| format!("make {}", blobs.display()))?;
        for layer in self.layers {
            place(layer, &blobs.join(&layer.digest))?;
        }
        let put = |media_type: &str, content: &Value| -> Result<Value, Error> {
            let text = content.to_string();
            let digest = sha256(text.as_bytes());
            write(&blobs.join(&digest), &text)?;
            Ok(descriptor(media_type, &digest, text.len() as u64))
        };
        let diffs: Vec<String> = self.layers.iter().map(|layer| format!("sha256:{}", layer.diff_id)).collect();
        let mut config = json!({
            "architecture": self.architecture, "os": "linux", "config": self.config,
            "rootfs": {"type": "layers", "diff_ids": diffs},
        });
        insert(&mut config, "created", self.created.clone().map(Value::from));
        let layers: Vec<Value> =
            self.layers.iter().map(|layer| descriptor(layer.media_type, &layer.digest, layer.size)).collect();
        let mut manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": put(CONFIG, &config)?, "layers": layers});
        let annotations = (!self.annotations.is_empty()).then(|| self.annotations.clone().into());
        insert(&mut manifest, "annotations", annotations);
        let mut entry = put(MANIFEST, &manifest)?;
        let digest = entry.get("digest").and_then(Value::as_str).unwrap_or_default().to_owned();
        // The first name is for skopeo, the second for containerd.
        let mut names = json!({"org.opencontainers.image.ref.name": "image"});
        insert(&mut names, "io.containerd.image.name", self.reference.map(Value::from));
        insert(&mut entry, "annotations", Some(names));
        let platform = json!({"architecture": self.architecture, "os": "linux"});
        insert(&mut entry, "platform", Some(platform));
        write(&layout.join("index.json"), &json!({"schemaVersion": 2, "manifests": [entry]}).to_string())?;
        write(&layout.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#)?;
        Ok(digest)
    }
}

/// Layers are large, and may be those of several images: a second name for the file is enough.
fn place(layer: &LayerBlob, at: &Path) -> Result<(), Error> {
    if layer.path == at || at.exists() {
        return Ok(());
    }
    fs::hard_link(&layer.path, at)
        .or_else(|_| fs::copy(&layer.path, at).map(drop))
        .action(|| format!("write {}", at.display()))
}

fn descriptor(media_type: &str, digest: &str, size: u64) -> Value {
    json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": size})
}

fn insert(object: &mut Value, key: &str, value: Option<Value>) {
    if let (Some(object), Some(value)) = (object.as_object_mut(), value) {
        object.insert(key.to_owned(), value);
    }
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).action(|| format!("write {}", path.display()))
}
