//! `generic`: values from the command line, from files, folders and env files, as kubectl reads them
//! (`k8s.io/kubectl/pkg/cmd/create/create_secret.go`, `pkg/cmd/util/env_file.go`).

use std::ffi::OsStr;
use std::path::Path;

use super::args::CreateArgs;
use super::refuse::MAX_SIZE;
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::values::{Draft, SecretValue, read_file};
use crate::model::names::SecretKey;

/// A byte order mark, which may stand before the first line of an env file.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// The Secret with what the flags give it.
pub(super) fn draft(args: &CreateArgs, name: &str) -> Result<Draft, Error> {
    let has_others = !(args.from_file.is_empty() && args.from_literal.is_empty());
    if has_others && !args.from_env_file.is_empty() {
        return Err(Error::Usage("--from-env-file does not go with --from-file or --from-literal".into()));
    }
    let mut draft = Draft::new(name, args.type_.as_deref().unwrap_or_default());
    for (at, literal) in args.from_literal.iter().enumerate() {
        let wrong = |why: &str| Error::Usage(format!("--from-literal, number {}: {why}", at.saturating_add(1)));
        let (key, value) = halves(literal.expose())
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| wrong("write it as KEY=VALUE"))?;
        // What stands there is not shown: whoever forgot the key has a value there, with its own '='.
        if key_of(key).is_none() {
            return Err(wrong(&format!("what stands before '=' cannot be a key: {KEY_RULE}")));
        }
        add(&mut draft, key, SecretValue::new(value.to_vec()))?;
    }
    for source in &args.from_file {
        add_file(&mut draft, source, None)?;
    }
    for path in &args.from_env_file {
        add_env_file(&mut draft, &path.to_string_lossy(), &read_file(path, MAX_SIZE)?)?;
    }
    Ok(draft)
}

/// What stands before and behind the first `=`.
pub(in crate::cli) fn halves(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    Some((bytes.get(..at)?, bytes.get(at.checked_add(1)?..)?))
}

/// Adds `[KEY=]PATH`; without a key the file has the one that is given here, or its own name.
pub(super) fn add_file(draft: &mut Draft, source: &OsStr, key: Option<&str>) -> Result<(), Error> {
    let text = source.to_str().filter(|text| text.matches('=').count() <= 1).ok_or_else(|| {
        Error::Usage("--from-file: write it as KEY=PATH or PATH, in UTF-8 and with no other '=' in it".into())
    })?;
    let (given, path) = match text.split_once('=') {
        Some((key, path)) if key.is_empty() || path.is_empty() => {
            return Err(Error::Usage(format!("--from-file {}: write it as KEY=PATH or PATH", printable(text))));
        }
        Some((key, path)) => (Some(key), Path::new(path)),
        None => (None, Path::new(text)),
    };
    let named = |error| Error::File(path.display().to_string(), error);
    if !std::fs::metadata(path).map_err(named)?.is_dir() {
        let own = path.file_name().and_then(OsStr::to_str);
        let key = given.or(key).or(own).unwrap_or_default();
        return add(draft, key.as_bytes(), read_file(path, MAX_SIZE)?);
    }
    if given.or(key).is_some() {
        return Err(Error::Usage(format!(
            "--from-file {}: a folder has no key; its files are the keys",
            printable(text)
        )));
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(named)? {
        let entry = entry.map_err(named)?;
        // Neither folders nor links nor devices.
        if entry.file_type().map_err(named)?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    files.iter().try_for_each(|file| {
        let key = file.file_name().unwrap_or_default();
        add(draft, key.as_encoded_bytes(), read_file(file, MAX_SIZE)?)
    })
}

/// Adds the lines `KEY=VALUE` of a file; `name` is what it is called in messages.
pub(super) fn add_env_file(draft: &mut Draft, name: &str, file: &SecretValue) -> Result<(), Error> {
    let name = printable(name);
    let lines = file.expose().strip_prefix(BOM).unwrap_or(file.expose()).split(|byte| *byte == b'\n');
    for (at, line) in lines.enumerate() {
        let wrong = |why: &str| {
            let line = at.saturating_add(1);
            Error::Usage(format!("--from-env-file {name}, line {line}: {why}"))
        };
        let line = std::str::from_utf8(line).map_err(|_| wrong("it is no UTF-8"))?;
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').map_or((line, None), |(key, value)| (key, Some(value)));
        if !is_env_name(key) {
            return Err(wrong(
                "what stands before '=' is no name of a variable: letters, digits, '-', '_' and '.', no digit at its beginning, no blanks",
            ));
        }
        let value = match value {
            Some(value) => SecretValue::new(value.into()),
            None => SecretValue::new(std::env::var_os(key).map_or_else(
                || {
                    // Not shown: in a file that holds one value and no key it is that value.
                    eprintln!(
                        "Warning: --from-env-file {name}, line {}: there is no '=', so that all of it is a key, and the environment has no variable of that name: its value is empty",
                        at.saturating_add(1)
                    );
                    Vec::new()
                },
                std::ffi::OsString::into_encoded_bytes,
            )),
        };
        add(draft, key.as_bytes(), value)?;
    }
    Ok(())
}

/// `IsEnvVarName` of Kubernetes' `apimachinery/pkg/util/validation`.
fn is_env_name(text: &str) -> bool {
    let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty()
        && text.chars().all(ok)
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text != "."
        && !text.starts_with("..")
}

/// The key, if it can be one.
pub(in crate::cli) fn key_of(bytes: &[u8]) -> Option<SecretKey> {
    SecretKey::parse(std::str::from_utf8(bytes).ok()?).ok()
}

/// Adds one key. The same twice is a mistake.
pub(super) fn add(draft: &mut Draft, key: &[u8], value: SecretValue) -> Result<(), Error> {
    let key = key_of(key).ok_or_else(|| {
        Error::Usage(format!("{} cannot be a key: {KEY_RULE}", printable(&String::from_utf8_lossy(key))))
    })?;
    match draft.data.insert(key.as_str().to_owned(), value) {
        None => Ok(()),
        Some(_) => Err(Error::Usage(format!("the key {key} is given twice: give it once"))),
    }
}

/// What Kubernetes asks of a key.
pub(in crate::cli) const KEY_RULE: &str =
    "a key has letters, digits, '-', '_' and '.', at most 253 of them, is not '.' and does not begin with '..'";
