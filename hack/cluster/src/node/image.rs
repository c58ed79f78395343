//! Container images made of nothing but a static busybox, written as OCI layouts by hand.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::encode;
use crate::error::{Action as _, Error, run};
use crate::packages::static_busybox;

/// What an image does when nothing else is said.
pub(crate) struct Config(Value);

impl Config {
    /// A shell. The label makes it another image than those under other names, so that having one
    /// does not mean having the other.
    pub(crate) fn shell(reference: &str) -> Self {
        Self(
            json!({"Cmd": ["sh"], "Env": ["PATH=/bin"], "WorkingDir": "/", "Labels": {"lockgate.test/reference": reference}}),
        )
    }

    /// Sleeps: it holds the namespaces of a Pod.
    pub(crate) fn sleeping() -> Self {
        Self(json!({"Entrypoint": ["/bin/busybox", "sleep", "2147483647"], "WorkingDir": "/"}))
    }
}

/// Makes images that share one layer.
#[derive(Debug, Clone)]
pub(crate) struct Images {
    folder: PathBuf,
    layer: Blob,
}

/// Some content by its digest.
#[derive(Debug, Clone)]
struct Blob {
    sha256: String,
    size: usize,
}

impl Blob {
    fn of(bytes: &[u8]) -> Self {
        Self { sha256: encode::hex(&Sha256::digest(bytes)), size: bytes.len() }
    }

    fn descriptor(&self, kind: &str) -> Value {
        json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": format!("sha256:{}", self.sha256), "size": self.size})
    }
}

impl Images {
    /// Packs busybox and its links into a layer.
    pub(crate) fn new(folder: PathBuf) -> Result<Self, Error> {
        let root = folder.join("root");
        fill_root(&root)?;
        let layer = folder.join("layer.tar");
        run(Command::new("tar")
            .args(["--numeric-owner", "--owner=0", "--group=0", "-C"])
            .arg(&root)
            .arg("-cf")
            .arg(&layer)
            .arg("."))?;
        let bytes = fs::read(&layer).action(|| "read the layer".into())?;
        Ok(Self { layer: Blob::of(&bytes), folder })
    }

    /// An OCI layout with one image of this name, tagged `image` within the layout.
    pub(crate) fn layout(&self, reference: &str, config: &Config) -> Result<PathBuf, Error> {
        let layout = self.folder.join(crate::random::hex(4)?);
        let blobs = layout.join("blobs/sha256");
        fs::create_dir_all(&blobs).action(|| format!("make {}", blobs.display()))?;
        let layer = blobs.join(&self.layer.sha256);
        fs::hard_link(self.folder.join("layer.tar"), &layer).action(|| "link the layer".into())?;
        let put = |content: &Value| {
            let text = content.to_string();
            let blob = Blob::of(text.as_bytes());
            write(&blobs.join(&blob.sha256), &text).map(|()| blob)
        };
        let diff = format!("sha256:{}", self.layer.sha256);
        let config = json!({"architecture": architecture(), "os": "linux", "config": config.0, "rootfs": {"type": "layers", "diff_ids": [diff]}});
        let config = put(&config)?.descriptor("config.v1+json");
        let layers = [self.layer.descriptor("layer.v1.tar")];
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers});
        let mut entry = put(&manifest)?.descriptor("manifest.v1+json");
        // The first name is for containerd, the second for skopeo.
        let names = json!({"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": "image"});
        if let Some(entry) = entry.as_object_mut() {
            entry.insert("annotations".into(), names);
        }
        write(&layout.join("index.json"), &json!({"schemaVersion": 2, "manifests": [entry]}).to_string())?;
        write(&layout.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#)?;
        Ok(layout)
    }

    /// The same as one file.
    pub(crate) fn archive(&self, reference: &str, config: &Config) -> Result<PathBuf, Error> {
        let layout = self.layout(reference, config)?;
        let archive = layout.with_extension("tar");
        run(Command::new("tar").arg("-C").arg(&layout).arg("-cf").arg(&archive).arg("."))?;
        Ok(archive)
    }
}

fn fill_root(root: &Path) -> Result<(), Error> {
    let busybox = static_busybox().ok_or_else(|| Error::Node("there is no static busybox".into()))?;
    for folder in ["bin", "etc", "tmp", "root"] {
        let path = root.join(folder);
        fs::create_dir_all(&path).action(|| format!("make {}", path.display()))?;
        // Not ours to restrict: Pods may run as any user.
        let mode = if folder == "tmp" { 0o1777 } else { 0o755 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).action(|| "set permissions".into())?;
    }
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).action(|| "set permissions".into())?;
    fs::copy(&busybox, root.join("bin/busybox")).action(|| "copy busybox".into())?;
    for applet in run(Command::new(&busybox).arg("--list"))?.lines().filter(|applet| *applet != "busybox") {
        let link = root.join("bin").join(applet);
        symlink("busybox", &link).action(|| format!("link {}", link.display()))?;
    }
    write(&root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")?;
    write(&root.join("etc/group"), "root:x:0:\nnogroup:x:65534:\n")
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).action(|| format!("write {}", path.display()))
}

/// The machine's architecture as images call it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
