//! The forms in which a program prints a value: as it is, quoted, in a URL, in base64. Pure.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Shorter texts are not looked for: they stand everywhere, as `no` and `443` do.
pub(super) const SHORTEST: usize = 4;
/// `base64` breaks its lines here; so do MIME and PEM.
const WRAPS: [usize; 2] = [76, 64];

/// All texts that would show this value: the whole, each of its lines, what a docker config holds, and every encoding of
/// these. `None`: it is too short to be looked for.
pub(super) fn forms(value: &[u8]) -> Option<BTreeSet<Vec<u8>>> {
    let mut found = BTreeSet::new();
    let inner = docker_config(value);
    for text in inner.iter().map(Vec::as_slice).chain([value]) {
        let whole = text.trim_ascii();
        add(&mut found, text);
        add(&mut found, whole);
        // `echo "$VALUE" | base64`
        let mut echoed = whole.to_vec();
        echoed.push(b'\n');
        encoded(&mut found, &echoed);
        let lines = whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines.filter(|line| line.len() < whole.len()).for_each(|line| add(&mut found, line));
    }
    found.retain(|form| form.len() >= SHORTEST);
    (value.trim_ascii().len() >= SHORTEST).then_some(found)
}

fn add(found: &mut BTreeSet<Vec<u8>>, text: &[u8]) {
    if text.len() < SHORTEST {
        return;
    }
    found.insert(text.to_vec());
    quoted(found, text);
    in_url(found, text);
    encoded(found, text);
}

/// In JSON, without the marks around it, once and twice.
fn quoted(found: &mut BTreeSet<Vec<u8>>, text: &[u8]) {
    let quote = |text: &str| {
        let quoted = serde_json::to_string(text).ok()?;
        Some(quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned())
    };
    let once = std::str::from_utf8(text).ok().and_then(quote);
    let twice = once.as_deref().and_then(quote);
    found.extend(once.into_iter().chain(twice).map(String::into_bytes));
}

/// Escaped by what most languages have: all but the letters, digits and marks that RFC 3986 leaves alone; the same with
/// `+` for a blank (forms); and what JavaScript's `encodeURIComponent` and Go's `PathEscape` leave alone besides.
fn in_url(found: &mut BTreeSet<Vec<u8>>, text: &[u8]) {
    for (kept, blank) in [("-._~", "%20"), ("-._~", "+"), ("-._", "+"), ("-_.!~*'()", "%20"), ("-_.~$&+:=@", "%20")] {
        let escape = |upper: bool| -> Vec<u8> {
            let one = |byte: &u8| match byte {
                b' ' => blank.as_bytes().to_vec(),
                byte if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(byte) => vec![*byte],
                byte if upper => format!("%{byte:02X}").into_bytes(),
                byte => format!("%{byte:02x}").into_bytes(),
            };
            text.iter().flat_map(one).collect()
        };
        found.extend([escape(true), escape(false)]);
    }
}

/// In base64, of both alphabets: alone, with and without padding, in lines; and in the midst of something longer, as in
/// `user:password` of HTTP: then the letters that the neighbours have a part in are left out.
fn encoded(found: &mut BTreeSet<Vec<u8>>, text: &[u8]) {
    let alone = [
        BASE64_STANDARD.encode(text),
        BASE64_STANDARD_NO_PAD.encode(text),
        BASE64_URL_SAFE.encode(text),
        BASE64_URL_SAFE_NO_PAD.encode(text),
    ];
    for wrap in WRAPS {
        found.extend(alone.iter().flat_map(|all| all.as_bytes().chunks(wrap).map(<[u8]>::to_vec)));
    }
    found.extend(alone.into_iter().map(String::into_bytes));
    for before in 0..3_usize {
        let mut shifted = vec![0; before];
        shifted.extend_from_slice(text);
        let begin = (before * 8).div_ceil(6);
        let end = shifted.len() * 8 / 6;
        for all in [BASE64_STANDARD_NO_PAD.encode(&shifted), BASE64_URL_SAFE_NO_PAD.encode(&shifted)] {
            found.extend(all.get(begin..end).map(|form| form.as_bytes().to_vec()));
        }
    }
}

/// One registry of a docker config.
#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    identitytoken: String,
    #[serde(default)]
    registrytoken: String,
}

#[derive(Deserialize)]
struct DockerConfig {
    auths: BTreeMap<String, Entry>,
}

/// The passwords and tokens of a docker config, if the value is one, of either of the two forms.
fn docker_config(value: &[u8]) -> Vec<Vec<u8>> {
    let new = serde_json::from_slice::<DockerConfig>(value).map(|config| config.auths);
    let old = || serde_json::from_slice::<BTreeMap<String, Entry>>(value);
    let entries = new.or_else(|_| old()).unwrap_or_default();
    let mut found = Vec::new();
    for Entry { auth, password, identitytoken, registrytoken } in entries.into_values() {
        let decoded = BASE64_STANDARD.decode(auth.trim()).unwrap_or_default();
        let inside = decoded.splitn(2, |byte| *byte == b':').nth(1).map(<[u8]>::to_vec);
        found.extend(inside);
        found.extend([auth, password, identitytoken, registrytoken].map(String::into_bytes));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(value: &str, form: &str) -> bool {
        forms(value.as_bytes()).is_some_and(|forms| forms.contains(form.as_bytes()))
    }

    #[test]
    fn a_value_is_known_in_each_of_its_forms() {
        let value = "canary-7c1f ü/\"+?>~";
        for form in [
            value,
            r#"canary-7c1f ü/\"+?>~"#,
            r#"canary-7c1f ü/\\\"+?>~"#,
            "canary-7c1f%20%C3%BC%2F%22%2B%3F%3E~",
            "canary-7c1f+%c3%bc%2f%22%2b%3f%3e~",
            "canary-7c1f%20%C3%BC%2F%22+%3F%3E~",
            // printf %s "$value" | base64
            "Y2FuYXJ5LTdjMWYgw7wvIis/Pn4=",
            "Y2FuYXJ5LTdjMWYgw7wvIis/Pn4",
            "Y2FuYXJ5LTdjMWYgw7wvIis_Pn4=",
            // echo "$value" | base64
            "Y2FuYXJ5LTdjMWYgw7wvIis/Pn4K",
        ] {
            assert!(has(value, form), "{form}");
        }
    }

    #[test]
    fn each_line_is_known_and_so_are_the_lines_of_base64() {
        let long = format!("first canary-7c1f line\r\n\r\n  second\n{}", "x".repeat(100));
        for form in ["first canary-7c1f line", "second", &"x".repeat(100)] {
            assert!(has(&long, form), "{form}");
        }
        let line = BASE64_STANDARD.encode(&long);
        assert!(has(&long, line.get(..76).unwrap()) && has(&long, line.get(76..152).unwrap()));
    }

    #[test]
    fn what_a_docker_config_holds_is_known_and_its_hosts_and_users_are_not() {
        let auth = BASE64_STANDARD.encode("robot:canary-7c1f-inside");
        let config = format!(
            r#"{{"auths": {{"r.test": {{"username": "robot", "password": "canary-7c1f", "auth": "{auth}"}}}}}}"#
        );
        for form in ["canary-7c1f", "canary-7c1f-inside", &auth] {
            assert!(has(&config, form), "{form}");
        }
        assert!(!has(&config, "robot") && !has(&config, "r.test"));
        assert!(has(r#"{"r.test": {"password": "canary-7c1f"}}"#, "canary-7c1f"), "the old form");
    }

    #[test]
    fn what_is_short_is_not_looked_for() {
        for short in ["", "no", " no\n", "443"] {
            assert!(forms(short.as_bytes()).is_none(), "{short:?}");
        }
        assert!(!has("password\nno", "no"), "a line");
        assert!(has("four", "four"));
    }
}
