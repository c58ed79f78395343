//! A command line as Direktiv cuts it into words: with a shell's quotes, and no shell.

/// The words. `None`: a quote is not closed, or there is what only a shell would do something about.
pub fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    // `None` between words: `''` is a word, too.
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None | Some('"')) => word.get_or_insert_default().push(letters.next()?),
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (_, Some(open)) if open == letter => quote = None,
            (';' | '&' | '|' | '<' | '>' | '(' | ')' | '`', None) => return None,
            (blank, None) if blank.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_as_a_shell_cuts_it() {
        for (line, words) in [
            ("", vec![]),
            ("  a  b ", vec!["a", "b"]),
            ("sh -c 'echo  \"hi\"; ls'", vec!["sh", "-c", "echo  \"hi\"; ls"]),
            ("a \"b 'c' \\\"d\" ''", vec!["a", "b 'c' \"d", ""]),
            ("a\\ b --c='d e'f", vec!["a b", "--c=d ef"]),
        ] {
            assert_eq!(split(line), Some(words.into_iter().map(ToOwned::to_owned).collect()), "{line}");
        }
        for line in ["sh -c 'a", "a \"", "a \\", "a; b", "a | b", "a > b", "a && b", "`a`"] {
            assert_eq!(split(line), None, "{line}");
        }
    }
}
