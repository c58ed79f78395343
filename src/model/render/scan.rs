//! Finds `jq(EXPR)` in a string. It knows of jq only what is needed to see where an expression ends: strings, what stands in them
//! as `\( … )`, comments and brackets. One pass without recursion, so that no text can harm whoever asks.
//!
//! `jq` has to stand as a word of its own: `myjq(` and `_jq(` are text. Where `jq(` itself is meant, an expression says it:
//! `jq("jq(")`.

use std::fmt;
use std::iter::Peekable;
use std::str::CharIndices;

/// The longest expression, in bytes.
pub const MAX_EXPRESSION: usize = 1024;
/// How many brackets and strings may be open at once within an expression.
pub const MAX_NESTING: usize = 100;

/// What an expression begins with.
const OPENING: &str = "jq(";

/// A part of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Stands as it is.
    Text(&'a str),
    /// Is computed.
    Expression(Expression<'a>),
}

/// What stands between `jq(` and its `)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expression<'a> {
    /// The expression, as written.
    pub text: &'a str,
    /// Where it begins in its string, in characters, counted from 1.
    pub at: usize,
}

/// Why a string has no pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, in characters of the string, counted from 1: the expression's begin, or the bracket that is meant.
    pub at: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with an expression, as far as it can be told without jq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The string ends before its `)`.
    NotClosed,
    /// There is nothing but spaces in it.
    Empty,
    /// It has more than [`MAX_EXPRESSION`] bytes.
    TooLong,
    /// More than [`MAX_NESTING`] brackets and strings are open at once.
    TooDeep,
    /// A bracket that closes none that is open.
    Unmatched(char),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotClosed => f.write_str(r#"no ) closes this jq( (for the text "jq(" itself write jq("jq("))"#),
            Self::Empty => f.write_str("there is no expression in this jq()"),
            Self::TooLong => write!(f, "the expression is longer than {MAX_EXPRESSION} bytes"),
            Self::TooDeep => write!(f, "more than {MAX_NESTING} brackets and strings stand in each other"),
            Self::Unmatched(bracket) => write!(f, "{bracket} closes no bracket that is open here"),
        }
    }
}

/// The pieces of a string, in order: joined, with `jq(` and `)` around each expression, they are the string.
///
/// # Errors
/// The first thing that is wrong.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Fault> {
    let mut pieces = Vec::new();
    // What is before this has been cut, and how many characters that were.
    let (mut cut, mut characters) = (0, 0);
    while let Some(opening) = next_opening(text, cut) {
        let plain = between(text, cut, opening);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        let begin = opening + OPENING.len();
        let at = characters + plain.chars().count() + OPENING.len() + 1;
        let rest = between(text, begin, text.len());
        let length = length(rest).map_err(|(place, problem)| {
            let skipped = between(rest, 0, place).chars().count();
            Fault { at: at + skipped, problem }
        })?;
        let body = between(rest, 0, length);
        if body.trim().is_empty() {
            return Err(Fault { at, problem: Problem::Empty });
        }
        pieces.push(Piece::Expression(Expression { text: body, at }));
        cut = begin + length + 1;
        characters = at + body.chars().count();
    }
    let plain = between(text, cut, text.len());
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// Where the next `jq(` that is a word of its own begins.
fn next_opening(text: &str, from: usize) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = between(text, from, text.len()).match_indices(OPENING).map(|(index, _)| from + index);
    found.find(|index| !between(text, 0, *index).ends_with(is_word))
}

/// How many bytes the expression has that this begins with, without the `)` behind it; or where something is wrong with it.
fn length(text: &str) -> Result<usize, (usize, Problem)> {
    // What would close all that is open; a quotation mark stands for a string.
    let mut open = vec![')'];
    let mut chars = text.char_indices().peekable();
    while let Some((index, c)) = chars.next() {
        let Some(&closes) = open.last() else { break };
        if index > MAX_EXPRESSION {
            return Err((0, Problem::TooLong));
        }
        match (closes, c) {
            // Whatever it is, it is no quotation mark.
            ('"', '\\') => open.extend(chars.next().filter(|(_, escaped)| *escaped == '(').map(|_| ')')),
            ('"', '"') => {
                open.pop();
            }
            ('"', _) => {}
            (_, '#') => skip_comment(&mut chars),
            (_, '"') => open.push('"'),
            (_, '(') => open.push(')'),
            (_, '[') => open.push(']'),
            (_, '{') => open.push('}'),
            (_, ')' | ']' | '}') if c != closes => return Err((index, Problem::Unmatched(c))),
            (_, ')' | ']' | '}') => {
                open.pop();
                if open.is_empty() {
                    return Ok(index);
                }
            }
            _ => {}
        }
        if open.len() > MAX_NESTING + 1 {
            return Err((index, Problem::TooDeep));
        }
    }
    Err((0, if text.len() > MAX_EXPRESSION { Problem::TooLong } else { Problem::NotClosed }))
}

/// To the end of a comment: of its line, but a line that ends in an odd number of `\` goes on in the next.
fn skip_comment(chars: &mut Peekable<CharIndices<'_>>) {
    let mut escapes = 0;
    while let Some((_, c)) = chars.next() {
        match c {
            '\n' if escapes % 2 == 0 => return,
            '\\' => escapes += 1,
            // Part of the line's end.
            '\r' if chars.peek().is_some_and(|(_, next)| *next == '\n') => {}
            _ => escapes = 0,
        }
    }
}

/// A part of a text, by bytes.
fn between(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text as it is, expressions as `<expression@at>`.
    fn shown(text: &str) -> String {
        let piece = |piece: &Piece<'_>| match piece {
            Piece::Text(text) => (*text).to_owned(),
            Piece::Expression(expression) => format!("<{}@{}>", expression.text, expression.at),
        };
        match pieces(text) {
            Ok(pieces) => pieces.iter().map(piece).collect(),
            Err(fault) => format!("{:?}@{}", fault.problem, fault.at),
        }
    }

    #[test]
    fn expressions_are_found_with_their_places() {
        for (text, expected) in [
            ("", ""),
            ("plain (text)", "plain (text)"),
            ("jq(.a)", "<.a@4>"),
            ("bearer jq(.secrets.token)", "bearer <.secrets.token@11>"),
            ("jq(.a)jq(.b)", "<.a@4><.b@10>"),
            ("ü jq(.ü) ü jq(1)!", "ü <.ü@6> ü <1@15>!"),
            ("jq(\"a)b\")", "<\"a)b\"@4>"),
            (r#"jq("a\")b")"#, r#"<"a\")b"@4>"#),
            (r#"jq("\(")\("))")")")x"#, r#"<"\(")\("))")")"@4>x"#),
            (r#"jq("\\")x"#, r#"<"\\"@4>x"#),
            ("jq([{a:(1)}][0])", "<[{a:(1)}][0]@4>"),
            ("jq(.a # )\n)x", "<.a # )\n@4>x"),
            ("jq(.a # \"\\\n)\n)x", "<.a # \"\\\n)\n@4>x"),
            ("jq(.a # \\\\\n)x", "<.a # \\\\\n@4>x"),
            ("jq(.a # \\\r\n)\n)x", "<.a # \\\r\n)\n@4>x"),
            // Written with the word in another.
            ("myjq(.a) _jq(.a) 1jq(.a) éjq(.a)", "myjq(.a) _jq(.a) 1jq(.a) éjq(.a)"),
            ("-jq(.a) .jq(.b)", "-<.a@5> .<.b@13>"),
            ("jq (.a) JQ(.a) jq[.a]", "jq (.a) JQ(.a) jq[.a]"),
            // The text itself.
            (r#"jq("jq(")x)"#, r#"<"jq("@4>x)"#),
            ("jq(jq(1))", "<jq(1)@4>"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        for (text, expected) in [
            ("jq(", "NotClosed@4"),
            ("é jq(.a", "NotClosed@6"),
            ("jq(.a # )", "NotClosed@4"),
            ("jq(\"a)", "NotClosed@4"),
            ("jq(\"a\\", "NotClosed@4"),
            ("jq()", "Empty@4"),
            ("a jq( \n)", "Empty@6"),
            ("jq([)])", "Unmatched(')')@5"),
            ("jq(.é })", "Unmatched('}')@7"),
            ("jq(\"\\(]\")", "Unmatched(']')@7"),
            ("jq(1) jq(", "NotClosed@10"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn the_limits_are_where_they_are_said_to_be() {
        let long = |n: usize| format!("jq({})", "1".repeat(n));
        assert!(pieces(&long(MAX_EXPRESSION)).is_ok());
        assert_eq!(shown(&long(MAX_EXPRESSION + 1)), "TooLong@4");
        assert_eq!(shown(&format!("jq({}", "1".repeat(1_000_000))), "TooLong@4");
        assert_eq!(shown(&format!("jq(#{}", "1".repeat(1_000_000))), "TooLong@4");

        let deep = |n: usize| format!("jq({}{})", "[".repeat(n), "]".repeat(n));
        assert!(pieces(&deep(MAX_NESTING)).is_ok());
        assert_eq!(shown(&deep(MAX_NESTING + 1)), "TooDeep@104");
        assert_eq!(shown(&deep(100_000)), "TooDeep@104");
        // A string and what stands in it are two.
        let strings = |n: usize| format!("jq({}1{})", "\"\\(".repeat(n), ")\"".repeat(n));
        assert!(pieces(&strings(MAX_NESTING / 2)).is_ok());
        assert_eq!(shown(&strings(MAX_NESTING / 2 + 1)), "TooDeep@154");
    }

    fn hostile() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("jq(".to_owned()),
            Just("jq(.a)".to_owned()),
            Just("\\(".to_owned()),
            Just("\"".to_owned()),
            Just("#".to_owned()),
            Just("\\\r\n".to_owned()),
            "[()\\[\\]{}\\\\\"#\njqé_. ]{0,6}",
            any::<String>(),
        ];
        proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn the_pieces_joined_are_the_string(text in hostile()) {
            match pieces(&text) {
                Ok(pieces) => {
                    let mut joined = String::new();
                    for piece in pieces {
                        match piece {
                            Piece::Text(text) => joined.push_str(text),
                            Piece::Expression(expression) => {
                                joined.push_str("jq(");
                                prop_assert_eq!(joined.chars().count() + 1, expression.at);
                                joined.push_str(expression.text);
                                joined.push(')');
                            }
                        }
                    }
                    prop_assert_eq!(joined, text);
                }
                Err(fault) => prop_assert!((1..=text.chars().count() + 1).contains(&fault.at)),
            }
        }
    }
}
