//! The image of one program: the program, its loader and libraries, and no shell.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::elf;
use crate::error::Error;
use crate::layer::{Compression, Layer, sha256};
use crate::layout::Image;
use crate::system;

/// What runs in a container of the image.
pub const ENTRYPOINT: &str = "/lockgate";
/// As whom, in numbers, so that a kubelet can tell that it is not root. It is the `nonroot` of distroless images.
pub const USER: &str = "65532:65532";

/// Where the image has them, and where most programs look.
const AUTHORITIES_IN_IMAGE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A program that is to become an image.
#[derive(Debug)]
pub struct Program {
    /// The ELF program.
    pub binary: PathBuf,
    /// Its version.
    pub version: String,
    /// The commit that it was built from, if that is known.
    pub revision: Option<String>,
    /// Where its source can be read, if that is known.
    pub source: Option<String>,
    /// The time of everything in the image, in seconds since 1970 (`SOURCE_DATE_EPOCH`).
    pub time: u64,
    /// A folder whose files go to `/licenses`.
    pub licenses: Option<PathBuf>,
    /// How its layers are stored.
    pub compression: Compression,
    /// The name under which containerd imports it.
    pub reference: Option<String>,
}

impl Program {
    /// A program as it is, for a cluster of tests: nothing is known of it, and nothing is compressed, since what was not built
    /// for a release is large.
    #[must_use]
    pub fn plain(binary: PathBuf) -> Self {
        // One version for all members of the workspace.
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self {
            binary,
            version,
            revision: None,
            source: None,
            time: 0,
            licenses: None,
            compression: Compression::None,
            reference: None,
        }
    }

    /// Writes the image as an OCI layout into a folder, and gives its digest.
    pub fn write(&self, layout: &Path) -> Result<String, Error> {
        let head = elf::head(&self.binary)?;
        let blobs = layout.join("blobs/sha256");
        // What changes rarely comes first: a registry that has it is not sent it again.
        let system = self.system(&head)?.write(&blobs, self.compression, self.time)?;
        let program = self.program()?.write(&blobs, self.compression, self.time)?;
        let labels = self.labels();
        let config = json!({
            "Entrypoint": [ENTRYPOINT],
            "User": USER,
            "WorkingDir": "/",
            "Env": [format!("SSL_CERT_FILE={AUTHORITIES_IN_IMAGE}")],
            "Labels": labels,
        });
        let image = Image {
            layers: &[system, program],
            architecture: head.architecture,
            config,
            created: Some(self.created()?),
            annotations: labels,
            reference: self.reference.as_deref(),
        };
        image.write(layout)
    }

    /// The digest of the program itself.
    pub fn sha256(&self) -> Result<String, Error> {
        let read = |source| Error::Io { action: format!("read {}", self.binary.display()), source };
        Ok(sha256(&std::fs::read(&self.binary).map_err(read)?))
    }

    fn system(&self, head: &elf::Head) -> Result<Layer, Error> {
        let mut layer = Layer::new();
        if let Some(loader) = &head.loader {
            layer.file(loader, 0o755, loader);
            for library in elf::libraries(&self.binary, loader)? {
                layer.file(&library, 0o644, &library);
            }
        }
        layer.folder("/tmp", 0o1777);
        layer.text(
            "/etc/passwd",
            0o644,
            "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n",
        );
        layer.text("/etc/group", 0o644, "root:x:0:\nnonroot:x:65532:\n");
        // Names are looked up as everywhere: the file that the kubelet writes, then DNS.
        layer.text("/etc/nsswitch.conf", 0o644, "hosts: files dns\n");
        if let Some(bundle) = system::authorities() {
            layer.file(AUTHORITIES_IN_IMAGE, 0o644, bundle);
        }
        Ok(layer)
    }

    fn program(&self) -> Result<Layer, Error> {
        let mut layer = Layer::new();
        layer.file(ENTRYPOINT, 0o755, &self.binary);
        if let Some(folder) = &self.licenses {
            let read = |source| Error::Io { action: format!("read {}", folder.display()), source };
            for entry in std::fs::read_dir(folder).map_err(read)? {
                let entry = entry.map_err(read)?;
                layer.file(Path::new("/licenses").join(entry.file_name()), 0o644, entry.path());
            }
        }
        Ok(layer)
    }

    /// The annotations that the image specification names, also set as labels, as `docker build` would.
    fn labels(&self) -> Map<String, Value> {
        let mut labels = Map::new();
        let mut set = |name: &str, value: &str| {
            labels.insert(format!("org.opencontainers.image.{name}"), value.into());
        };
        set("title", "lockgate");
        set("description", "Holds a pipeline's Pods back until every Secret they need is in place");
        set("licenses", "Apache-2.0");
        set("version", &self.version);
        if let Some(revision) = &self.revision {
            set("revision", revision);
        }
        if let Some(source) = &self.source {
            set("source", source);
        }
        labels
    }

    /// The time of everything in the image, as RFC 3339.
    pub fn created(&self) -> Result<String, Error> {
        let moment = i64::try_from(self.time).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        moment.map(|moment| moment.to_string()).ok_or_else(|| Error::Input(format!("{} is no time", self.time)))
    }
}
