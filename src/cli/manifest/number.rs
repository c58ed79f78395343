//! Numbers as Go reads and writes them, with what `go.yaml.in/yaml/v2` makes of underscores and `0b`.

use std::sync::LazyLock;

use k8s_openapi::jiff::civil::Date;
use regex::Regex;

/// A number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Parsed {
    Int(i64),
    /// Above what an `i64` holds.
    Uint(u64),
    Float(f64),
}

/// The number that a plain scalar is, if it is one.
pub(super) fn parse(text: &str) -> Option<Parsed> {
    match text.chars().next()? {
        '.' if is_separated(text) => float(&text.replace('_', "")).map(Parsed::Float),
        '0'..='9' | '+' | '-' => {
            let plain = text.replace('_', "");
            integer(&plain).or_else(|| float(&plain).map(Parsed::Float)).or_else(|| binary(&plain))
        }
        _ => None,
    }
}

/// Whether every underscore stands between two digits, as Go wants it where go-yaml does not take them away itself.
fn is_separated(text: &str) -> bool {
    let is_digit = |side: Option<&u8>| side.is_some_and(u8::is_ascii_digit);
    text.split('_').skip(1).all(|part| is_digit(part.as_bytes().first()))
        && text.rsplit('_').skip(1).all(|part| is_digit(part.as_bytes().last()))
}

/// `strconv.ParseInt(plain, 0, 64)`, or else `ParseUint`, which takes no sign.
fn integer(plain: &str) -> Option<Parsed> {
    let (negative, digits) = match plain.strip_prefix(['+', '-']) {
        Some(digits) => (plain.starts_with('-'), digits),
        None => (false, plain),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, digits.get(2..)?),
        Some("0o" | "0O") => (8, digits.get(2..)?),
        Some("0b" | "0B") => (2, digits.get(2..)?),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        _ => (10, digits),
    };
    // Rust's would take another sign.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let signed = if negative { -magnitude } else { magnitude };
    match i64::try_from(signed) {
        Ok(int) => Some(Parsed::Int(int)),
        Err(_) if plain.starts_with(['+', '-']) => None,
        Err(_) => u64::try_from(magnitude).ok().map(Parsed::Uint),
    }
}

/// What is left of `0b` when Go's own reading failed: a sign may follow it.
fn binary(plain: &str) -> Option<Parsed> {
    let digits = plain.strip_prefix("0b")?;
    i64::from_str_radix(digits, 2).ok().map(Parsed::Int)
}

/// A float in decimal digits that is no infinity.
fn float(plain: &str) -> Option<f64> {
    static FORM: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$").ok());
    if !FORM.as_ref()?.is_match(plain) {
        return None;
    }
    plain.parse::<f64>().ok().filter(|float| float.is_finite())
}

/// `strconv.FormatFloat(float, 'g', -1, 32)`, with YAML's words for what is no number: a float as a key.
#[allow(clippy::cast_possible_truncation)] // A key has the precision of 32 bits there.
pub(super) fn short(float: f64) -> String {
    let float = float as f32;
    if float.is_nan() {
        return ".nan".into();
    }
    if float.is_infinite() {
        return if float > 0.0 { ".inf".into() } else { "-.inf".into() };
    }
    let scientific = format!("{float:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.abs())
        }
        _ => float.to_string(),
    }
}

/// Whether Go's parser takes it for a time, in one of the forms that go-yaml knows.
pub(super) fn is_time(text: &str) -> bool {
    static FORM: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let clock = r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})([.,][0-9]+)?";
        Regex::new(&format!(
            r"^([0-9]{{4}})-([0-9]{{1,2}})-([0-9]{{1,2}})([Tt]{clock}(Z|[-+]([01][0-9]|2[0-4]):[0-5][0-9])| +{clock})?$"
        ))
        .ok()
    });
    let Some(found) = FORM.as_ref().and_then(|form| form.captures(text)) else { return false };
    let part = |group: usize| found.get(group).and_then(|part| part.as_str().parse::<i16>().ok());
    let small = |group: usize| part(group).and_then(|part| i8::try_from(part).ok()).unwrap_or_default();
    let is_clock = |first: usize| small(first) < 24 && small(first + 1) < 60 && small(first + 2) < 60;
    Date::new(part(1).unwrap_or(-1), small(2), small(3)).is_ok() && is_clock(5) && is_clock(11)
}
