//! Last words: what a container wrote to `/dev/termination-log`, made fit for a line of status.

/// So much of it is kept, in bytes.
const MOST: usize = 256;
/// So much of what our own init container says: it bounds that itself.
const MOST_OF_OURS: usize = 1024;

/// The text with everything escaped that could break out of its line or its quotation, and cut. `None`: nothing was said.
#[must_use]
pub fn of(text: &str) -> Option<String> {
    kept(text, MOST, |c| is_visible(c) && !matches!(c, '"' | '\\'))
}

/// The same of our own words, which are not quoted.
#[must_use]
pub fn of_ours(text: &str) -> Option<String> {
    kept(text, MOST_OF_OURS, is_visible)
}

fn kept(text: &str, most: usize, is_plain: impl Fn(char) -> bool) -> Option<String> {
    let mut kept = String::new();
    for c in text.trim().chars() {
        let piece = if is_plain(c) { String::from(c) } else { c.escape_default().to_string() };
        // An escape is kept whole or not at all.
        if kept.len() + piece.len() > most {
            break;
        }
        kept.push_str(&piece);
    }
    (!kept.is_empty()).then_some(kept)
}

/// Whether it shows as itself: no control character, and none that turns the direction of the text or has no width.
fn is_visible(c: char) -> bool {
    let invisible =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !c.is_control() && !invisible
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_said_stands_in_one_line() {
        let rows = [
            ("disk full\n", Some("disk full")),
            ("a\nb\tc\r", Some("a\\nb\\tc")),
            ("\u{1b}[31mred\u{0}", Some("\\u{1b}[31mred\\u{0}")),
            ("\u{202e}txt.exe", Some("\\u{202e}txt.exe")),
            (r#"say "no" \ "#, Some(r#"say \"no\" \\"#)),
            ("Gerät läuft nicht: 日本", Some("Gerät läuft nicht: 日本")),
            (" \n ", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(of(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn it_is_cut_at_a_whole_character_and_a_whole_escape() {
        assert_eq!(of(&"x".repeat(4096)).unwrap().len(), 256);
        assert_eq!(of(&format!("{}é", "x".repeat(255))).unwrap(), "x".repeat(255));
        assert_eq!(of(&format!("{}\u{7}y", "x".repeat(252))).unwrap(), "x".repeat(252));
    }

    proptest! {
        #[test]
        fn nothing_breaks_out(text in any::<String>()) {
            let kept = of(&text).unwrap_or_default();
            prop_assert!(kept.len() <= MOST);
            prop_assert!(!kept.contains(char::is_control));
            prop_assert!(!kept.replace("\\\\", "").replace("\\\"", "").contains('"'));
        }
    }
}
