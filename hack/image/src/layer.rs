//! One layer: a tar archive that depends on its content alone.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use crate::error::{Action as _, Error};

/// Files by their path in the image; the folders above them come by themselves.
#[derive(Debug, Default)]
pub struct Layer {
    entries: BTreeMap<PathBuf, Entry>,
}

#[derive(Debug)]
enum Entry {
    Folder { mode: u32 },
    Text { mode: u32, content: Vec<u8> },
    File { mode: u32, from: PathBuf },
    Link { target: PathBuf },
}

/// How a layer is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As it is: quick, for what stays on this machine.
    None,
    /// With gzip, which every registry and every runtime takes.
    Gzip,
}

/// A stored layer.
#[derive(Debug, Clone)]
pub struct LayerBlob {
    pub(crate) path: PathBuf,
    pub(crate) digest: String,
    /// The digest of the archive, uncompressed.
    pub(crate) diff_id: String,
    pub(crate) size: u64,
    pub(crate) media_type: &'static str,
}

impl Layer {
    /// An empty layer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a folder. Those above a file need not be added: they have the mode 0755.
    pub fn folder(&mut self, path: impl AsRef<Path>, mode: u32) {
        self.add(path.as_ref(), Entry::Folder { mode });
    }

    /// Adds a file with this content.
    pub fn text(&mut self, path: impl AsRef<Path>, mode: u32, content: impl Into<Vec<u8>>) {
        self.add(path.as_ref(), Entry::Text { mode, content: content.into() });
    }

    /// Adds a file of this machine.
    pub fn file(&mut self, path: impl AsRef<Path>, mode: u32, from: impl Into<PathBuf>) {
        self.add(path.as_ref(), Entry::File { mode, from: from.into() });
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: impl AsRef<Path>, target: impl Into<PathBuf>) {
        self.add(path.as_ref(), Entry::Link { target: target.into() });
    }

    fn add(&mut self, path: &Path, entry: Entry) {
        let path = path.strip_prefix("/").unwrap_or(path);
        for above in path.ancestors().skip(1) {
            self.entries.entry(above.to_owned()).or_insert(Entry::Folder { mode: 0o755 });
        }
        self.entries.insert(path.to_owned(), entry);
    }

    /// Writes the layer into a folder, under its digest; all its times are `time`, in seconds since 1970.
    pub fn write(&self, folder: &Path, compression: Compression, time: u64) -> Result<LayerBlob, Error> {
        fs::create_dir_all(folder).action(|| format!("make {}", folder.display()))?;
        let draft = folder.join(format!("layer.{}.part", std::process::id()));
        let file = File::create(&draft).action(|| format!("write {}", draft.display()))?;
        let stored = Hashed::new(io::BufWriter::new(file));
        let (diff_id, stored, media_type) = match compression {
            Compression::None => {
                let stored = self.archive(stored, time)?;
                (stored.digest(), stored, "application/vnd.oci.image.layer.v1.tar")
            }
            Compression::Gzip => {
                let packed = Hashed::new(GzEncoder::new(stored, flate2::Compression::default()));
                let packed = self.archive(packed, time)?;
                let diff_id = packed.digest();
                let stored = packed.inner.finish().action(|| "compress a layer".into())?;
                (diff_id, stored, "application/vnd.oci.image.layer.v1.tar+gzip")
            }
        };
        let (digest, size) = (stored.digest(), stored.size);
        let mut file = stored.inner;
        file.flush().action(|| format!("write {}", draft.display()))?;
        let path = folder.join(&digest);
        fs::rename(&draft, &path).action(|| format!("write {}", path.display()))?;
        Ok(LayerBlob { path, digest, diff_id, size, media_type })
    }

    fn archive<W: Write>(&self, out: W, time: u64) -> Result<W, Error> {
        let mut archive = Builder::new(out);
        for (path, entry) in &self.entries {
            append(&mut archive, path, entry, time).action(|| format!("pack /{}", path.display()))?;
        }
        archive.into_inner().action(|| "pack a layer".into())
    }
}

fn append<W: Write>(archive: &mut Builder<W>, path: &Path, entry: &Entry, time: u64) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mtime(time);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    match entry {
        Entry::Folder { mode } => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(*mode);
            let name = if path == Path::new("") { "./".into() } else { path.join("") };
            archive.append_data(&mut header, name, io::empty())
        }
        Entry::Text { mode, content } => {
            header.set_mode(*mode);
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, path, content.as_slice())
        }
        Entry::File { mode, from } => {
            let file = File::open(from)?;
            header.set_mode(*mode);
            header.set_size(file.metadata()?.len());
            archive.append_data(&mut header, path, file)
        }
        Entry::Link { target } => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            archive.append_link(&mut header, path, target)
        }
    }
}

/// Counts and hashes what goes through it.
struct Hashed<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W> Hashed<W> {
    fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), size: 0 }
    }

    fn digest(&self) -> String {
        hex(&self.hash.clone().finalize())
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..count).unwrap_or_default());
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The digest of some bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
