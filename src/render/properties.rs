//! Lines as `java.util.Properties` reads them: `key=value`, one for each key of a Secret.
//!
//! What is outside of printable ASCII is written as `\uXXXX`, so that it is the same text to a reader of Latin-1 (as `load` of a
//! stream has it) and to one of UTF-8. `=`, `:`, `#` and `!` have a meaning only where a key is, and are escaped only there.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::values::SecretText;

/// The file of these keys, in their order.
#[must_use]
pub(crate) fn file(keys: &BTreeMap<String, SecretText>) -> SecretText {
    let mut text = String::new();
    for (key, value) in keys {
        for c in key.chars() {
            match c {
                ' ' | '=' | ':' | '#' | '!' => text.extend(['\\', c]),
                _ => push(&mut text, c),
            }
        }
        text.push('=');
        for (index, c) in value.expose().chars().enumerate() {
            match c {
                // The reader drops those before a value.
                ' ' if index == 0 => text.push_str("\\ "),
                _ => push(&mut text, c),
            }
        }
        text.push('\n');
    }
    SecretText::new(text)
}

fn push(text: &mut String, c: char) {
    match c {
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        '\u{c}' => text.push_str("\\f"),
        ' '..='~' => text.push(c),
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(keys: &BTreeMap<String, String>) -> String {
        let hidden = keys.iter().map(|(key, value)| (key.clone(), SecretText::new(value.clone()))).collect();
        file(&hidden).expose().to_owned()
    }

    #[test]
    fn a_line_is_what_java_writes_and_reads() {
        for (key, value, expected) in [
            ("db.user", "app", "db.user=app\n"),
            ("a", "", "a=\n"),
            ("a", " two  words ", "a=\\ two  words \n"),
            ("a", "\ttab", "a=\\ttab\n"),
            ("a", "x=y:z#!", "a=x=y:z#!\n"),
            ("a", "C:\\temp\\new", "a=C:\\\\temp\\\\new\n"),
            ("a", "one\ntwo\r\nthree\u{c}", "a=one\\ntwo\\r\\nthree\\f\n"),
            ("a", "Gerät 😀\u{0}\u{7f}", "a=Ger\\u00E4t \\uD83D\\uDE00\\u0000\\u007F\n"),
            ("#a b=c:d!\\", "x", "\\#a\\ b\\=c\\:d\\!\\\\=x\n"),
        ] {
            assert_eq!(written(&BTreeMap::from([(key.to_owned(), value.to_owned())])), expected);
        }
        let two = BTreeMap::from([("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())]);
        assert_eq!(written(&two), "a=1\nb=2\n");
    }

    proptest! {
        /// Read back by somebody else's reader, which does not know pairs of units; Java's does (`docs/input.md`).
        #[test]
        fn what_is_written_is_what_is_read(
            keys in proptest::collection::btree_map("[-._a-zA-Z0-9 =:#!\\\\é\t]{1,8}", "[\u{0}-\u{d7ff}]{0,12}|[ -~\t\r\n]{0,12}", 0..4)
        ) {
            let text = written(&keys);
            prop_assert!(text.is_ascii());
            let read = java_properties::read(text.as_bytes()).unwrap();
            prop_assert_eq!(read.into_iter().collect::<BTreeMap<_, _>>(), keys);
        }
    }
}
