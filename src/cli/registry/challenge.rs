//! `WWW-Authenticate`: how a registry wants to be logged in to (RFC 9110, 11.6.1).

use std::collections::BTreeMap;

/// One way to log in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    /// In lower case, as in `bearer`.
    pub(super) scheme: String,
    /// By name in lower case, as in `realm`.
    pub(super) params: BTreeMap<String, String>,
}

/// Reads one header. What is malformed is passed over.
pub(super) fn challenges(header: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',', '=', '"']);
        let end = rest.find([' ', '\t', ',', '=', '"']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            return found;
        }
        let word = word.to_ascii_lowercase();
        let Some(value) = after.trim_start().strip_prefix('=') else {
            found.push(Challenge { scheme: word, params: BTreeMap::new() });
            rest = after;
            continue;
        };
        let (value, after) = value_of(value.trim_start());
        if let Some(challenge) = found.last_mut() {
            challenge.params.insert(word, value);
        }
        rest = after;
    }
}

/// A parameter's value, with or without quotes, and what stands behind it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find([' ', '\t', ',']).unwrap_or(text.len()));
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => value.extend(chars.next()),
            c => value.push(c),
        }
    }
    (value, chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Vec<(String, Vec<(String, String)>)> {
        challenges(header).into_iter().map(|found| (found.scheme, found.params.into_iter().collect())).collect()
    }

    fn one(scheme: &str, params: &[(&str, &str)]) -> (String, Vec<(String, String)>) {
        (scheme.to_owned(), params.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    #[test]
    fn challenges_of_registries_are_read() {
        let bearer = one("bearer", &[("realm", "https://auth.test/token"), ("service", "registry.test")]);
        for (header, found) in [
            (r#"Bearer realm="https://auth.test/token",service="registry.test""#, vec![bearer]),
            (r#"Basic realm="a \"b\", c""#, vec![one("basic", &[("realm", "a \"b\", c")])]),
            ("BASIC Realm = x , charset=UTF-8", vec![one("basic", &[("charset", "UTF-8"), ("realm", "x")])]),
            (
                r#"Negotiate, Basic realm="x", Bearer realm="y",scope="repository:a/b:pull,push""#,
                vec![
                    one("negotiate", &[]),
                    one("basic", &[("realm", "x")]),
                    one("bearer", &[("realm", "y"), ("scope", "repository:a/b:pull,push")]),
                ],
            ),
            ("", vec![]),
            (r#"realm="x""#, vec![]),
            (r#"Basic realm="never ends"#, vec![one("basic", &[("realm", "never ends")])]),
        ] {
            assert_eq!(read(header), found, "{header}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read_to_its_end(header in "[Ba=\", \\\\\t]{0,30}|\\PC{0,30}") {
            challenges(&header);
        }
    }
}
