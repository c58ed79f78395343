//! What a jq expression takes of the data that it is given. Tokens are looked at, not their grammar: what comes out is told to
//! people, and nothing else depends on it. One pass without recursion.

use std::iter::Peekable;
use std::str::CharIndices;

/// Words of jq after which a term begins.
const BEFORE_TERM: [&str; 13] =
    ["and", "or", "if", "then", "elif", "else", "as", "reduce", "foreach", "try", "catch", "def", "label"];

/// Words that take nothing of what they are given.
const CONSTANT: [&str; 9] = ["true", "false", "null", "empty", "end", "now", "env", "range", "break"];

/// What is open: a bracket, or what stands in a string as `\( … )`.
#[derive(Clone, Copy)]
struct Level {
    /// What closes it; a quotation mark stands for a string.
    closes: char,
    /// Whether `.` is the expression's own input where it opened.
    opened_with_input: bool,
    /// Whether it still is.
    is_input: bool,
    /// Between `as` and its `|`, which hands the input on.
    binds: bool,
    /// Behind `reduce` or `foreach`, before their brackets.
    begins_fold: bool,
    /// What stands in it behind a `;` is given something else: the brackets of `reduce` and `foreach`.
    folds: bool,
}

impl Level {
    fn new(closes: char, is_input: bool) -> Self {
        Self { closes, opened_with_input: is_input, is_input, binds: false, begins_fold: false, folds: false }
    }
}

/// The paths of the input that an expression takes, as in `.orders.id`; `.` is all of it. In the order in which they stand, each
/// once.
#[must_use]
pub fn paths(expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![Level::new('\0', true)];
    let mut chars = expression.char_indices().peekable();
    // Whether what went before can be followed by an index, so that a dot goes on with it.
    let mut after_term = false;
    while let Some((at, c)) = chars.next() {
        let Some(level) = open.last_mut() else { break };
        if level.closes == '"' {
            match c {
                '"' => {
                    open.pop();
                    after_term = true;
                }
                '\\' if matches!(chars.next(), Some((_, '('))) => {
                    let is_input = level.is_input;
                    open.push(Level::new(')', is_input));
                    after_term = false;
                }
                _ => {}
            }
            continue;
        }
        match c {
            '"' => {
                let is_input = level.is_input;
                open.push(Level::new('"', is_input));
            }
            '(' | '[' | '{' => {
                let mut inner = Level::new(closing(c), level.is_input);
                if c == '(' && level.binds && level.begins_fold {
                    inner.folds = true;
                    (level.binds, level.begins_fold) = (false, false);
                }
                open.push(inner);
                after_term = false;
            }
            ')' | ']' | '}' => {
                if open.len() > 1 {
                    open.pop();
                }
                after_term = true;
            }
            '|' => {
                level.is_input = level.is_input && level.binds;
                level.binds = false;
                after_term = false;
            }
            ';' => {
                level.is_input = level.opened_with_input && !level.folds;
                after_term = false;
            }
            ',' => {
                if level.closes == '}' {
                    level.is_input = level.opened_with_input;
                }
                after_term = false;
            }
            '#' => while chars.next_if(|(_, c)| *c != '\n').is_some() {},
            '$' => {
                word(expression, at, &mut chars);
                after_term = true;
            }
            '.' if after_term => {
                segment(expression, &mut chars);
            }
            '.' if chars.peek().is_some_and(|(_, next)| next.is_ascii_digit()) => {
                word(expression, at, &mut chars);
                after_term = true;
            }
            '.' => {
                let path = path(expression, &mut chars);
                if level.is_input && !found.contains(&path) {
                    found.push(path);
                }
                after_term = true;
            }
            _ if c.is_ascii_digit() => {
                while chars.next_if(|(_, c)| c.is_ascii_alphanumeric() || *c == '.').is_some() {}
                after_term = true;
            }
            _ if c.is_alphabetic() || c == '_' || c == '@' => {
                let word = word(expression, at, &mut chars);
                let behind = chars.clone().map(|(_, c)| c).find(|c| !c.is_whitespace());
                let in_object = level.closes == '}' && !after_term;
                after_term = true;
                if in_object && behind == Some(':') {
                    // A key.
                } else if BEFORE_TERM.contains(&word) {
                    level.binds = level.binds || word == "as";
                    level.begins_fold = level.begins_fold || matches!(word, "reduce" | "foreach");
                    after_term = false;
                } else if level.is_input && !CONSTANT.contains(&word) {
                    // `{a}` is `{a: .a}`; what has no arguments, such as `keys`, is given all.
                    let path = if in_object && matches!(behind, Some(',' | '}')) {
                        format!(".{word}")
                    } else {
                        ".".to_owned()
                    };
                    let has_arguments = behind == Some('(') || word.starts_with('@') && behind == Some('"');
                    if !has_arguments && !found.contains(&path) {
                        found.push(path);
                    }
                }
            }
            _ if c.is_whitespace() || c == '?' => {}
            _ => after_term = false,
        }
    }
    found
}

type Chars<'a> = Peekable<CharIndices<'a>>;

fn closing(opening: char) -> char {
    match opening {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

/// The rest of a word, of which a first character was read at `from`; the whole of it.
fn word<'a>(text: &'a str, from: usize, chars: &mut Chars<'_>) -> &'a str {
    while let Some((at, c)) = chars.peek() {
        // `a::b` is a name of a module's.
        let in_module = text.get(*at..).is_some_and(|rest| rest.starts_with("::"));
        if !(c.is_alphanumeric() || *c == '_' || in_module) {
            break;
        }
        chars.next();
        if in_module {
            chars.next();
        }
    }
    let to = chars.peek().map_or(text.len(), |(at, _)| *at);
    text.get(from..to).unwrap_or_default()
}

/// The name that follows a dot, without quotes; `None`: none does.
fn segment(text: &str, chars: &mut Chars<'_>) -> Option<String> {
    match chars.peek() {
        Some((from, c)) if c.is_alphabetic() || *c == '_' => {
            let from = *from;
            Some(word(text, from, chars).to_owned())
        }
        Some((_, '"')) => quoted(chars),
        _ => None,
    }
}

/// A string without anything computed in it. `None`: it is none, and nothing was read.
fn quoted(chars: &mut Chars<'_>) -> Option<String> {
    let mut ahead = chars.clone();
    ahead.next().filter(|(_, c)| *c == '"')?;
    let mut name = String::new();
    loop {
        match ahead.next()?.1 {
            '"' => break,
            '\\' => return None,
            c => name.push(c),
        }
    }
    *chars = ahead;
    Some(name)
}

/// What follows a dot at which a path begins: names, as far as they are written out.
fn path(text: &str, chars: &mut Chars<'_>) -> String {
    let mut path = String::new();
    let mut next = segment(text, chars);
    loop {
        if next.is_none() {
            // `["name"]`
            let mut ahead = chars.clone();
            next = ahead.next_if(|(_, c)| *c == '[').and_then(|_| quoted(&mut ahead));
            match next {
                Some(_) if ahead.next_if(|(_, c)| *c == ']').is_some() => *chars = ahead,
                _ => break,
            }
        }
        let Some(name) = next.take() else { break };
        let is_plain =
            name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_numeric());
        path.push_str(&if is_plain { format!(".{name}") } else { format!(".\"{name}\"") });
        let mut ahead = chars.clone();
        if ahead.next_if(|(_, c)| *c == '.').is_some()
            && let Some(name) = segment(text, &mut ahead)
        {
            next = Some(name);
            *chars = ahead;
        }
    }
    if path.is_empty() { ".".to_owned() } else { path }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_of_the_input_are_found() {
        for (expression, expected) in [
            (".secrets.token", ".secrets.token"),
            (".data", ".data"),
            (".", "."),
            ("..", "."),
            (".a.b.c", ".a.b.c"),
            (".a[0].b", ".a"),
            (".[0]", "."),
            (r#"."a b".c"#, r#"."a b".c"#),
            (r#".secrets["api-key"]"#, r#".secrets."api-key""#),
            (r#".secrets."api-key""#, r#".secrets."api-key""#),
            (".a + .b", ".a .b"),
            (".a // \"x\"", ".a"),
            (".a | .b", ".a"),
            (".a | ascii_downcase", ".a"),
            (".secrets.a | @base64", ".secrets.a"),
            (r#"@base64 "\(.secrets.user):\(.x)""#, ".secrets.user .x"),
            (r#""\(.a) .b (.c)""#, ".a"),
            (".secrets as $s | $s.a + .b", ".secrets .b"),
            (".secrets as {a: $x} | .c", ".secrets .c"),
            ("[.a, (.b | .c)]", ".a .b"),
            ("{a: .x, b: .y | .z, c: .w}", ".x .y .w"),
            ("{user, name: 1}", ".user"),
            ("{if: 1}", ""),
            ("{\"a\": 1, $x, (.k): 2}", ".k"),
            ("if .a then .b else 1 end", ".a .b"),
            ("if .a then 1 else 2 end.b", ".a"),
            ("reduce .a[] as $x (0; . + .b) | .c", ".a"),
            ("keys", "."),
            ("tojson | .a", "."),
            ("1.5 + .5", ""),
            ("now", ""),
            ("null", ""),
            ("true and .ok", ".ok"),
            ("$ENV.HOME", ""),
            ("test(.a; \"i\")", ".a"),
            (".a # .b\n | .c", ".a"),
            (".secrets.a?", ".secrets.a"),
            ("(.secrets).a", ".secrets"),
            ("\"plain\"", ""),
            (".été", ".été"),
            ("", ""),
        ] {
            assert_eq!(paths(expression).join(" "), expected, "{expression}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_too_strange(expression in "[a-c.|\"\\\\(){}\\[\\];,:$# 0-9@as]{0,40}", any: String) {
            let _ = (paths(&expression), paths(&any));
        }
    }
}
