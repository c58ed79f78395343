//! What people set once for all commands: a YAML file of their own.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

use super::error::Error;

/// The file. Each field may be left out; others are refused.
///
/// ```yaml
/// secret:
///   max_size: 4Ki
///   max_count: 8
/// ```
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// Of `lockgate secret create`.
    #[serde(default)]
    pub secret: SecretConfig,
}

/// Limits.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretConfig {
    /// `--max-size`.
    #[serde(default, deserialize_with = "optional_size")]
    pub max_size: Option<u64>,
    /// `--max-count`.
    pub max_count: Option<u32>,
}

impl Config {
    /// Reads the file that is named; where none is, the one in its usual place, if it is there.
    pub(super) fn read(named: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = named.map(Path::to_path_buf).or_else(usual_place) else { return Ok(Self::default()) };
        let text = match std::fs::read_to_string(&path) {
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(|error| Error::File(path.display().to_string(), error))?,
        };
        let options = serde_saphyr::options! { with_snippet: false };
        let parsed: Option<Self> = serde_saphyr::from_str_with_options(&text, options)
            .map_err(|error| Error::Usage(format!("--config {}: {error}", path.display())))?;
        Ok(parsed.unwrap_or_default())
    }
}

/// As the XDG base directories have it.
fn usual_place() -> Option<PathBuf> {
    let given = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = given("XDG_CONFIG_HOME").or_else(|| Some(given("HOME")?.join(".config")))?;
    Some(folder.join("lockgate").join("config.yaml"))
}

/// A number of bytes: a whole number, alone or with `k`, `M`, `G`, `Ki`, `Mi` or `Gi` behind it.
pub(super) fn size(text: &str) -> Result<u64, &'static str> {
    const UNITS: [(&str, u64); 6] =
        [("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30), ("k", 1000), ("M", 1_000_000), ("G", 1_000_000_000)];
    let (digits, factor) =
        UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor))).unwrap_or((text, 1));
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok()).flatten();
    number.and_then(|number| number.checked_mul(factor)).ok_or("write a number of bytes, as in 4096 or 4Ki")
}

/// The same in a file, where a number may stand without quotes.
fn optional_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }
    match Option::<Written>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Written::Number(bytes)) => Ok(Some(bytes)),
        Some(Written::Text(text)) => size(&text).map(Some).map_err(serde::de::Error::custom),
    }
}
