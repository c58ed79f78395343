//! What is written: whole files, each of which appears under its name only when it is whole.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::worker::Trouble;

/// The mode of what is rendered: whoever the step's user is, it can read it, and nobody else has this volume.
pub(super) const MODE: u32 = 0o444;
/// The bit of a folder's mode that makes what is in it its group's; a new folder has it from the one that it is in.
const SET_GROUP: u32 = 0o2000;
/// What a file is called until it is whole.
const UNFINISHED: &str = "..lockgate-unfinished";

/// The folder that is written into.
pub(super) struct Out<'a>(&'a Path);

impl<'a> Out<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Self(folder)
    }

    /// Writes a file below the folder, in place of one that is there.
    pub(super) fn write(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), Trouble> {
        let (folders, name) = match parts(path).as_deref() {
            Some([folders @ .., name]) => (folders.to_vec(), *name),
            _ => return Err(outside(path)),
        };
        let failed = |path: &Path, error: &io::Error| Trouble::file("written", path, error);
        let folder = self.folder(&folders)?;
        let unfinished = folder.join(UNFINISHED);
        replace(&unfinished, bytes, mode).map_err(|error| failed(&unfinished, &error))?;
        let finished = folder.join(name);
        fs::rename(&unfinished, &finished).map_err(|error| failed(&finished, &error))
    }

    /// An empty folder below this one, in place of whatever is there.
    pub(super) fn clear(&self, path: &str) -> Result<(), Trouble> {
        let folders = parts(path).ok_or_else(|| outside(path))?;
        let folder = self.folder(&folders)?;
        let emptied = fs::remove_dir_all(&folder).and_then(|()| make(&folder));
        emptied.map_err(|error| Trouble::file("written", &folder, &error))
    }

    /// The folder below this one, made where it is not there. A link on the way is no folder of ours.
    fn folder(&self, folders: &[&str]) -> Result<PathBuf, Trouble> {
        let mut folder = self.0.to_path_buf();
        for name in folders {
            folder.push(name);
            let made = match fs::symlink_metadata(&folder) {
                Ok(found) if found.is_dir() => Ok(()),
                Ok(_) => Err(io::Error::other("it is no folder")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => make(&folder),
                Err(error) => Err(error),
            };
            made.map_err(|error| Trouble::file("written", &folder, &error))?;
        }
        Ok(folder)
    }
}

/// A folder that everybody in the Pod can look into. Where the volume is of the Pod's group (`fsGroup`), its files are, too.
fn make(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    let of_group = fs::metadata(folder)?.permissions().mode() & SET_GROUP;
    fs::set_permissions(folder, Permissions::from_mode(0o755 | of_group))
}

/// A new file, whatever was there; a link is replaced, not followed.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    // Not as the process's mask has it.
    file.set_permissions(Permissions::from_mode(mode))
}

/// The names of a path below a folder. `None`: it leads elsewhere.
fn parts(path: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = path.split('/').collect();
    let leads_below = |part: &&str| !part.is_empty() && !part.starts_with("..") && *part != "." && !part.contains('\0');
    parts.iter().all(leads_below).then_some(parts)
}

fn outside(path: &str) -> Trouble {
    Trouble::Failed(format!("the request asks for {path:?}, which is no path below the folder that is written into"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_below_or_nowhere() {
        for path in ["a", "a/b.json", "a..b", ".a", "a/.b"] {
            assert!(parts(path).is_some(), "{path}");
        }
        for path in ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/..", "../a", "..data/x", "a\0b"] {
            assert!(parts(path).is_none(), "{path}");
        }
    }

    /// What the kubelet does with a volume of a Pod that has a group (`pkg/volume`: `SetVolumeOwnership`).
    #[test]
    fn a_file_is_of_the_volume_s_group_however_deep_it_lies() {
        let root = std::env::temp_dir().join(format!("lockgate-out-group-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        fs::set_permissions(&root, Permissions::from_mode(0o2777)).unwrap();
        let out = Out::new(&root);
        assert!(out.write("a/b/c", b"new", 0o440).is_ok());
        assert!(out.clear("a").is_ok());
        assert!(out.write("a/b/c", b"new", 0o440).is_ok());
        let mode = |path: &str| fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("a"), mode("a/b"), mode("a/b/c")), (0o2755, 0o2755, 0o440));
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_link_is_replaced_or_refused_and_never_followed() {
        let root = std::env::temp_dir().join(format!("lockgate-out-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("out")).unwrap();
        fs::write(root.join("target"), "old").unwrap();
        std::os::unix::fs::symlink("../target", root.join("out/link")).unwrap();
        std::os::unix::fs::symlink("../target", root.join("out").join(UNFINISHED)).unwrap();
        std::os::unix::fs::symlink("..", root.join("out/up")).unwrap();
        let folder = root.join("out");
        let out = Out::new(&folder);

        assert!(out.write("link", b"new", 0o440).is_ok());
        assert!(fs::symlink_metadata(root.join("out/link")).unwrap().is_file());
        assert_eq!(fs::metadata(root.join("out/link")).unwrap().permissions().mode() & 0o777, 0o440);
        assert!(out.write("up/escaped", b"new", MODE).is_err());
        assert!(out.clear("up").is_err());
        assert!(out.write("a/b/c", b"new", MODE).is_ok());
        assert!(out.write("a/b/c", b"newer", MODE).is_ok());
        assert_eq!(fs::read(root.join("out/a/b/c")).unwrap(), b"newer");
        assert!(out.clear("a").is_ok());
        assert_eq!(fs::read_dir(root.join("out/a")).unwrap().count(), 0);

        assert_eq!(fs::read(root.join("target")).unwrap(), b"old");
        assert!(!root.join("escaped").exists());
        fs::remove_dir_all(&root).unwrap();
    }
}
