//! What the image takes from this machine, and what the machine's package manager knows of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::elf;
use crate::error::Error;

/// Where distributions keep the certificates of public authorities (Debian and Alpine, Fedora, openSUSE).
const AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// A Debian package of which something is in the image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DebianPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture, as Debian calls it.
    pub architecture: String,
}

impl DebianPackage {
    /// The file that says who holds the rights.
    #[must_use]
    pub fn copyright(&self) -> PathBuf {
        Path::new("/usr/share/doc").join(&self.name).join("copyright")
    }
}

/// The certificates of public authorities that this machine trusts, if it has any.
pub(crate) fn authorities() -> Option<&'static Path> {
    AUTHORITIES.iter().map(Path::new).find(|path| path.is_file())
}

/// The packages from which the image of a program takes something.
pub fn packages(program: &Path) -> Result<Vec<DebianPackage>, Error> {
    let mut names = Vec::new();
    if let Some(loader) = elf::head(program)?.loader {
        for file in elf::libraries(program, &loader)?.iter().chain([&loader]) {
            names.push(owner(file)?);
        }
    }
    if authorities().is_some() {
        // The bundle is made when the package is installed, so that no package owns it.
        names.push("ca-certificates".to_owned());
    }
    names.sort();
    names.dedup();
    names.iter().map(|name| described(name)).collect()
}

/// The package that owns a file. Since Debian moved `/lib` into `/usr/lib`, a file has two paths, and dpkg knows one.
fn owner(file: &Path) -> Result<String, Error> {
    let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let without_usr = real.strip_prefix("/usr").map(|rest| Path::new("/").join(rest)).unwrap_or_default();
    for path in [file, &real, &without_usr] {
        let answer = dpkg(Command::new("dpkg-query").arg("--search").arg(path))?;
        let owner = answer.as_deref().and_then(|line| line.split_once(": ")).map(|(owner, _)| owner.to_owned());
        if let Some(owner) = owner {
            return Ok(owner);
        }
    }
    Err(Error::Input(format!("no Debian package owns {}, so that its licence is not known", file.display())))
}

fn described(name: &str) -> Result<DebianPackage, Error> {
    let mut show = Command::new("dpkg-query");
    show.args(["--show", "--showformat=${Package} ${Version} ${Architecture}", name]);
    let answer = dpkg(&mut show)?.unwrap_or_default();
    let mut words = answer.split(' ').map(ToOwned::to_owned);
    match (words.next(), words.next(), words.next()) {
        (Some(name), Some(version), Some(architecture)) => Ok(DebianPackage { name, version, architecture }),
        _ => Err(Error::Input(format!("dpkg knows no package {name}"))),
    }
}

/// What dpkg answers; `None` if it says no.
fn dpkg(command: &mut Command) -> Result<Option<String>, Error> {
    let output = command.output().map_err(|error| {
        Error::Input(format!(
            "the image takes its libraries from this machine, and only dpkg can say under which licences: build on \
             Debian, or with the Dockerfile ({error})"
        ))
    })?;
    Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}
