//! What a scalar is: `resolve.go` of `go.yaml.in/yaml/v2` 2.4, and the keys of `sigs.k8s.io/yaml` 1.6.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use granit_parser::Tag;
use serde_json::Value;

use super::node;
use super::number::{self, Parsed};

/// A scalar.
#[derive(Clone)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    /// Above what an `i64` holds.
    Uint(u64),
    Float(f64),
    Text(String),
}

impl Scalar {
    /// The value in JSON. Infinities and what is no number have none; [`Self::is_json`] tells.
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => Value::Bool(*bool),
            Self::Int(int) => (*int).into(),
            #[allow(clippy::cast_precision_loss)] // kubectl's, too: it decodes what is no int64 as a float64.
            Self::Uint(uint) => node::number(*uint as f64),
            Self::Float(float) => node::number(*float),
            Self::Text(text) => Value::String(text.clone()),
        }
    }

    /// Whether JSON has this value.
    pub(super) fn is_json(&self) -> bool {
        !matches!(self, Self::Float(float) if !float.is_finite())
    }

    /// The key that this is in JSON.
    pub(super) fn key(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Bool(bool) => Some(bool.to_string()),
            Self::Int(int) => Some(int.to_string()),
            Self::Float(float) => Some(number::short(*float)),
            Self::Null | Self::Uint(_) => None,
        }
    }
}

const PREFIX: &str = "tag:yaml.org,2002:";

/// What a scalar is. `plain` is one without quotes and not a block.
///
/// # Errors
/// Why its tag does not fit it.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&Tag>) -> Result<Scalar, &'static str> {
    let Some(full) = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix())) else {
        return Ok(if plain { untagged(text) } else { Scalar::Text(text.into()) });
    };
    let misfit = Err("this value is not of the type that its tag says");
    match (full.strip_prefix(PREFIX), untagged(text)) {
        (Some("int"), int @ (Scalar::Int(_) | Scalar::Uint(_))) => Ok(int),
        (Some("float"), float @ Scalar::Float(_)) => Ok(float),
        #[allow(clippy::cast_precision_loss)] // As whoever wrote the tag asked.
        (Some("float"), Scalar::Int(int)) => Ok(Scalar::Float(int as f64)),
        (Some("bool"), bool @ Scalar::Bool(_)) => Ok(bool),
        (Some("null"), Scalar::Null) => Ok(Scalar::Null),
        (Some("timestamp"), Scalar::Text(_)) if number::is_time(text) => Ok(Scalar::Text(text.into())),
        (Some("int" | "float" | "bool" | "null" | "timestamp"), _) => misfit,
        (Some("binary"), _) => binary(text).map(Scalar::Text).ok_or("this value is no base64, as its tag says"),
        _ => Ok(Scalar::Text(text.into())),
    }
}

fn untagged(text: &str) -> Scalar {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Scalar::Bool(false),
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        text => match number::parse(text) {
            Some(Parsed::Int(int)) => Scalar::Int(int),
            Some(Parsed::Uint(uint)) => Scalar::Uint(uint),
            Some(Parsed::Float(float)) => Scalar::Float(float),
            None => Scalar::Text(text.into()),
        },
    }
}

/// What Go's base64 makes of it, and Go's JSON of bytes that are no UTF-8.
fn binary(text: &str) -> Option<String> {
    const LENIENT: GeneralPurpose =
        GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
    let bytes = LENIENT.decode(text.replace(['\r', '\n'], "")).ok()?;
    let mut decoded = String::new();
    for chunk in bytes.utf8_chunks() {
        decoded.push_str(chunk.valid());
        decoded.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Some(decoded)
}
