//! Lines that people paste into a shell. What a file says stands in them as one word; a value never does.

use std::collections::BTreeMap;

/// A word of a shell's line, quoted where it has to be.
#[must_use]
pub fn word(text: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '=' | ',' | '+');
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// The line that makes a Secret of these keys, each from a file of its own; `paths` are the keys whose files are known,
/// `in_namespace` is ` -n NAMESPACE` or nothing. Without
/// keys it has one to fill in.
#[must_use]
pub fn create_generic(name: &str, in_namespace: &str, keys: &[String], paths: &BTreeMap<String, String>) -> String {
    let mut line = format!("lockgate secret create generic {}{in_namespace}", word(name));
    for key in keys {
        line.push(' ');
        line.push_str(&word(&format!("--from-file={key}=FILE")));
    }
    for (key, path) in paths {
        line.push(' ');
        line.push_str(&word(&format!("--from-file={key}={path}")));
    }
    if keys.is_empty() && paths.is_empty() {
        line.push_str(" --from-file=KEY=FILE");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word() {
        for (text, quoted) in [
            ("a-b.c", "a-b.c"),
            ("a b", "'a b'"),
            ("a;b", "'a;b'"),
            ("a'b", "'a'\\''b'"),
            ("", "''"),
            ("$(x)", "'$(x)'"),
        ] {
            assert_eq!(word(text), quoted);
        }
    }

    #[test]
    fn keys_are_named_and_values_are_files() {
        let paths = BTreeMap::from([("c".to_owned(), "/c".to_owned())]);
        assert_eq!(
            create_generic("db", " -n team-a", &["a".to_owned(), "b d".to_owned()], &paths),
            "lockgate secret create generic db -n team-a --from-file=a=FILE '--from-file=b d=FILE' --from-file=c=/c"
        );
        assert!(create_generic("db", "", &[], &BTreeMap::new()).ends_with("--from-file=KEY=FILE"));
    }
}
