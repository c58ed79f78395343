//! The data folder of one cluster, and what its owner leaves behind if it is killed.
//!
//! All folders lie in one parent below the temporary folder. Each has a file `owner`, locked by the
//! process that made it for as long as that process lives, and a file `ledger` that names what has to
//! be released beside the folder itself. Whoever opens a new folder first releases those whose lock
//! is free: their owners are dead.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Action as _, Error};
use crate::release::{self, Entry};
use crate::{random, tell};

/// Kept from removal by this file; `LOCKGATE_KEEP_CLUSTER_DIR` puts it there.
const KEEP: &str = "keep";

/// The data folder; dropping it releases what the ledger names and removes it.
pub(crate) struct RunDir {
    id: String,
    path: PathBuf,
    /// Held, never read: its lock says that we live.
    _owner: File,
}

impl RunDir {
    /// Releases what dead owners left, then makes a folder.
    pub(crate) fn new() -> Result<Self, Error> {
        let parent = parent();
        make_private(&parent)?;
        let _alone = lock_parent()?;
        sweep(&parent);
        let id = random::hex(4)?;
        let path = parent.join(&id);
        make_private(&path)?;
        let mut owner = File::create(path.join("owner")).action(|| format!("write to {}", path.display()))?;
        owner.lock().action(|| "lock the owner file".into())?;
        let pid = std::process::id();
        let started = release::start_time(pid).unwrap_or_default();
        writeln!(owner, "pid {pid}, started {started}").action(|| "write the owner file".into())?;
        make_private(&path.join("logs"))?;
        if std::env::var_os("LOCKGATE_KEEP_CLUSTER_DIR").is_some() {
            File::create(path.join(KEEP)).action(|| "mark the data folder".into())?;
        }
        Ok(Self { id, path, _owner: owner })
    }

    /// Eight characters that no other running cluster has.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf, Error> {
        let path = self.file(name);
        write_private(&path, content.as_ref())?;
        Ok(path)
    }

    /// Makes a folder, with its parents.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.file(name);
        make_private(&path)?;
        Ok(path)
    }

    pub(crate) fn record_process(&self, pid: u32) -> Result<(), Error> {
        // One that has ended already needs no release.
        release::start_time(pid).map_or(Ok(()), |started| self.record(&Entry::Process { pid, started }))
    }

    /// Writes down what has to be released when this cluster is gone.
    pub(crate) fn record(&self, entry: &Entry) -> Result<(), Error> {
        let ledger = self.file(release::LEDGER);
        let open = File::options().create(true).append(true).open(&ledger);
        // One write, so that lines of two threads cannot mix.
        let line = format!("{entry}\n");
        open.and_then(|mut file| file.write_all(line.as_bytes())).action(|| format!("write {}", ledger.display()))
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        discard(&self.path);
        if self.path.exists() {
            tell::note(&format!("the data folder stays: {}", self.path.display()));
        }
    }
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let open = File::options().create(true).write(true).truncate(true).mode(0o600).open(path);
    open.and_then(|mut file| file.write_all(content)).action(|| format!("write {}", path.display()))
}

/// Held while something is chosen that no two clusters may share.
pub(crate) fn lock_parent() -> Result<File, Error> {
    let path = parent().join(".lock");
    let file = File::create(&path).action(|| format!("open {}", path.display()))?;
    file.lock().action(|| format!("lock {}", path.display()))?;
    Ok(file)
}

fn parent() -> PathBuf {
    std::env::temp_dir().join(format!("lockgate-clusters-{}", rustix::process::getuid().as_raw()))
}

fn make_private(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).action(|| format!("make {}", path.display()))
}

fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        // A folder without owner file comes from a process killed at its very start.
        let dead = File::open(path.join("owner")).map_or(true, |owner| owner.try_lock().is_ok());
        if dead {
            discard(&path);
        }
    }
}

fn discard(path: &Path) {
    release::all(path);
    if !path.join(KEEP).exists() {
        let _ = fs::remove_dir_all(path);
    }
}
