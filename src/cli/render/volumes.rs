//! The Secrets, as the kubelet mounts them: a folder each, with a file for each key, or below it where the Pod says so.
//!
//! The kubelet writes the files into a folder of another name and lets `..data` point to it, so that all of them change at once;
//! the names that are seen point there. What is read is one such state.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::worker::Trouble;
use crate::model::render::InputSecret;
use crate::render::Secret;
use crate::values::{SecretText, SecretValue};

/// What the kubelet's link to the files is called.
const STATE: &str = "..data";
/// More folders in each other than a path of an item can have.
const DEEPEST: usize = 128;

/// The folder of all Secrets.
pub(super) struct Volumes<'a>(&'a Path);

/// A file of a Secret.
pub(super) struct SecretFile {
    /// Where it is in its folder: the key, or the path that the Pod gives it.
    pub(super) path: String,
    /// The bits of its mode.
    pub(super) mode: u32,
    /// What is in it.
    pub(super) value: SecretValue,
}

impl<'a> Volumes<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Self(folder)
    }

    /// What `.secrets.<as>` is.
    pub(super) fn named(&self, secret: &InputSecret) -> Result<Secret, Trouble> {
        let name = &secret.name;
        let mut values = Vec::new();
        for file in self.files(&secret.dir)? {
            if secret.key.as_ref().is_none_or(|key| *key == file.path) {
                let text = text(file.value, &format!("the value of the key {:?} of .secrets.{name}", file.path))?;
                values.push((file.path, text));
            }
        }
        match (&secret.key, values.pop()) {
            (Some(_), Some((_, value))) => Ok(Secret::Value(value)),
            (Some(key), None) => {
                Err(Trouble::Refused(format!("the Secret that is called .secrets.{name} has no key {key:?}")))
            }
            (None, last) => {
                values.extend(last);
                Ok(Secret::Keys(values))
            }
        }
    }

    /// The files of one folder, sorted by their paths.
    pub(super) fn files(&self, dir: &str) -> Result<Vec<SecretFile>, Trouble> {
        let folder = self.0.join(dir);
        read(&folder).map_err(|error| Trouble::file("read", &folder, &error))
    }
}

/// A value that has to be text.
pub(super) fn text(value: SecretValue, what: &str) -> Result<SecretText, Trouble> {
    value.into_text().ok_or_else(|| Trouble::Refused(format!("{what} is no UTF-8, and so no text")))
}

fn read(folder: &Path) -> io::Result<Vec<SecretFile>> {
    let state = folder.join(STATE);
    let base = if state.exists() { state.canonicalize()? } else { folder.to_path_buf() };
    if !base.starts_with(folder.canonicalize()?) && base != folder {
        return Err(io::Error::other("its files are elsewhere"));
    }
    let mut found = Vec::new();
    let mut open: Vec<(PathBuf, String, usize)> = vec![(base, String::new(), 0)];
    while let Some((folder, prefix, depth)) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().into_string().map_err(|_| io::Error::other("a file's name is no UTF-8"))?;
            // No key begins so: these are the kubelet's own.
            if name.starts_with("..") {
                continue;
            }
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() && depth < DEEPEST {
                open.push((entry.path(), format!("{path}/"), depth + 1));
            } else if kind.is_file() {
                let mode = entry.metadata()?.permissions().mode() & 0o777;
                found.push(SecretFile { path, mode, value: SecretValue::new(fs::read(entry.path())?) });
            } else {
                return Err(io::Error::other("something in it is neither a file nor a folder"));
            }
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder for one test, gone with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("lockgate-volumes-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn write(&self, path: &str, bytes: &[u8]) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn read_as(folder: &Folder, key: Option<&str>) -> Result<Secret, String> {
        let secret = InputSecret { name: "db".to_owned(), dir: "0".to_owned(), key: key.map(ToOwned::to_owned) };
        Volumes::new(&folder.0).named(&secret).map_err(|trouble| match trouble {
            Trouble::Refused(why) => why,
            Trouble::Failed(why) => format!("failed: {why}"),
        })
    }

    #[test]
    fn a_volume_is_read_as_the_kubelet_writes_it() {
        let folder = Folder::new("kubelet");
        folder.write("0/..2026_11_22/user", b"canary-7c1f");
        folder.write("0/..2026_11_22/sub/ca.pem", b"pem");
        folder.write("0/..older/gone", b"old");
        symlink("..2026_11_22", folder.0.join("0/..data")).unwrap();
        symlink("..data/user", folder.0.join("0/user")).unwrap();
        symlink("..data/sub", folder.0.join("0/sub")).unwrap();
        let files = Volumes::new(&folder.0).files("0").ok().unwrap();
        let paths: Vec<&str> = files.iter().map(|file| &*file.path).collect();
        assert_eq!(paths, ["sub/ca.pem", "user"]);
        let Ok(Secret::Keys(keys)) = read_as(&folder, None) else { panic!("no object") };
        assert_eq!(keys.len(), 2);
        let Ok(Secret::Value(value)) = read_as(&folder, Some("user")) else { panic!("no value") };
        assert_eq!(value.expose(), "canary-7c1f");
    }

    #[test]
    fn what_cannot_be_read_is_told_without_values() {
        let folder = Folder::new("refused");
        folder.write("0/binary", b"canary-7c1f\xff");
        let said = |key| read_as(&folder, key).err().unwrap();
        assert_eq!(said(Some("absent")), "the Secret that is called .secrets.db has no key \"absent\"");
        assert_eq!(said(None), "the value of the key \"binary\" of .secrets.db is no UTF-8, and so no text");
        symlink("/etc", folder.0.join("0/link")).unwrap();
        assert!(said(None).ends_with("something in it is neither a file nor a folder"));
        let elsewhere = Folder::new("elsewhere");
        elsewhere.write("1/key", b"x");
        elsewhere.write("0/key", b"x");
        symlink("../1", elsewhere.0.join("0/..data")).unwrap();
        assert!(read_as(&elsewhere, None).err().unwrap().ends_with("its files are elsewhere"));
    }
}
