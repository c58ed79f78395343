//! What an ELF program asks of the system that runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::Endianness;
use object::elf::{EM_AARCH64, EM_X86_64, FileHeader64};
use object::read::elf::{FileHeader as _, ProgramHeader as _};

use crate::error::{Action as _, Error};

/// The head of an ELF program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// As images call it: `amd64`, `arm64`.
    pub architecture: &'static str,
    /// The dynamic loader; a static program has none.
    pub loader: Option<PathBuf>,
}

/// Reads the head of a program.
pub fn head(program: &Path) -> Result<Head, Error> {
    let bytes = fs::read(program).action(|| format!("read {}", program.display()))?;
    let wrong = |why: String| Error::Program { path: program.to_owned(), why };
    let no_elf = |error: object::Error| wrong(format!("it is no 64-bit ELF program: {error}"));
    let header = FileHeader64::<Endianness>::parse(&*bytes).map_err(no_elf)?;
    let endian = header.endian().map_err(no_elf)?;
    let architecture = match header.e_machine(endian) {
        EM_X86_64 => "amd64",
        EM_AARCH64 => "arm64",
        other => return Err(wrong(format!("it is for machine {other}; images are made for x86_64 and aarch64"))),
    };
    let segments = header.program_headers(endian, &*bytes).map_err(no_elf)?;
    let loader = segments.iter().find_map(|segment| segment.interpreter(endian, &*bytes).ok().flatten());
    let loader = loader.map(|path| PathBuf::from(String::from_utf8_lossy(path).into_owned()));
    Ok(Head { architecture, loader })
}

/// The shared libraries that a program needs, as its own loader finds them: what `ldd` does.
pub fn libraries(program: &Path, loader: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut list = Command::new(loader);
    list.arg("--list").arg(program);
    // In the image there is neither.
    list.env_remove("LD_LIBRARY_PATH").env_remove("LD_PRELOAD");
    let output = list.output().action(|| format!("run {}", loader.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let why = format!("its libraries are not all here: {text}{}", String::from_utf8_lossy(&output.stderr));
        return Err(Error::Program { path: program.to_owned(), why });
    }
    listed(&text).map_err(|why| Error::Program { path: program.to_owned(), why })
}

/// Makes sure that none of these texts is in the program: paths of the machine that built it would make it differ from
/// one that another machine built, and tell of that machine.
pub fn without(program: &Path, texts: &[String]) -> Result<(), Error> {
    let bytes = fs::read(program).action(|| format!("read {}", program.display()))?;
    for text in texts {
        if let Some(at) = memchr::memmem::find(&bytes, text.as_bytes()) {
            let rest = bytes.get(at..).unwrap_or_default();
            let end = rest.iter().position(|byte| !(b' '..=b'~').contains(byte)).unwrap_or(rest.len()).min(200);
            let found = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
            return Err(Error::Program {
                path: program.to_owned(),
                why: format!("it names a path of this machine: {found}"),
            });
        }
    }
    Ok(())
}

/// Reads lines such as `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f…)`. Those without an arrow are the loader
/// and what the kernel brings.
fn listed(text: &str) -> Result<Vec<PathBuf>, String> {
    let mut libraries = Vec::new();
    for (name, place) in text.lines().filter_map(|line| line.split_once(" => ")) {
        let path = place.rsplit_once(" (0x").map_or(place, |(path, _)| path);
        if !path.starts_with('/') {
            return Err(format!("{} is not on this machine", name.trim()));
        }
        libraries.push(PathBuf::from(path));
    }
    libraries.sort();
    Ok(libraries)
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn the_loaders_list_is_read() {
        let text = "\tlinux-vdso.so.1 (0x00007ffc)\n\tlibm.so.6 => /lib/a b/libm.so.6 (0x00007f1)\n\tlibc.so.6 => /lib/libc.so.6 (0x00007f2)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f3)\n";
        assert_eq!(listed(text), Ok(vec!["/lib/a b/libm.so.6".into(), "/lib/libc.so.6".into()]));
        let text = "\tlibodd.so.1 => not found\n";
        assert_eq!(listed(text), Err("libodd.so.1 is not on this machine".to_owned()));
    }
}
