//! Container images made of nothing but a static busybox.

use std::path::{Path, PathBuf};
use std::process::Command;

use lockgate_image::{Compression, Image, Layer, LayerBlob, elf};
use serde_json::{Map, Value, json};

use crate::error::{Error, run};
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
    architecture: &'static str,
    layer: LayerBlob,
}

impl Images {
    /// Packs busybox and its links into a layer.
    pub(crate) fn new(folder: PathBuf) -> Result<Self, Error> {
        let busybox = static_busybox().ok_or_else(|| Error::Node("there is no static busybox".into()))?;
        let mut layer = Layer::new();
        // Not ours to restrict: Pods may run as any user.
        layer.folder("/root", 0o755);
        layer.folder("/tmp", 0o1777);
        layer.file("/bin/busybox", 0o755, &busybox);
        for applet in run(Command::new(&busybox).arg("--list"))?.lines().filter(|applet| *applet != "busybox") {
            layer.link(format!("/bin/{applet}"), "busybox");
        }
        let users = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
        layer.text("/etc/passwd", 0o644, users);
        layer.text("/etc/group", 0o644, "root:x:0:\nnogroup:x:65534:\n");
        let layer = layer.write(&folder, Compression::None, 0)?;
        Ok(Self { layer, architecture: elf::head(&busybox)?.architecture, folder })
    }

    /// An OCI layout with one image of this name.
    pub(crate) fn layout(&self, reference: &str, config: &Config) -> Result<PathBuf, Error> {
        let layout = self.folder.join(crate::random::hex(4)?);
        let image = Image {
            layers: std::slice::from_ref(&self.layer),
            architecture: self.architecture,
            config: config.0.clone(),
            created: None,
            annotations: Map::new(),
            reference: Some(reference),
        };
        image.write(&layout)?;
        Ok(layout)
    }

    /// The same as one file.
    pub(crate) fn archive(&self, reference: &str, config: &Config) -> Result<PathBuf, Error> {
        archive(&self.layout(reference, config)?)
    }
}

/// An OCI layout as one file beside it.
pub(crate) fn archive(layout: &Path) -> Result<PathBuf, Error> {
    let archive = layout.with_extension("tar");
    run(Command::new("tar").arg("-C").arg(layout).arg("-cf").arg(&archive).arg("."))?;
    Ok(archive)
}
