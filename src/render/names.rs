//! Which Secrets an expression names, as far as that can be seen without running it: `.secrets.NAME` where `.` is the input.

use std::collections::BTreeSet;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::load::{self};
use jaq_core::path::Part;

/// The names behind `.secrets`. What is not seen is not named: a name that is computed, or that stands where `.` is something else.
pub(super) fn secrets(expression: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Some(term) = load::parse(expression, |parser| parser.term()) {
        walk(&term, &mut found);
    }
    found
}

/// Looks at a term whose input is that of the whole expression. The scanner bounds how deep it is.
fn walk(term: &Term<&str>, found: &mut BTreeSet<String>) {
    match term {
        Term::Path(base, path) => {
            walk(base, found);
            if matches!(**base, Term::Id)
                && let [(Part::Index(first), _), (Part::Index(second), _), ..] = &path.0[..]
                && text(first) == Some("secrets")
                && let Some(name) = text(second)
            {
                found.insert(name.to_owned());
            }
            for (part, _) in &path.0 {
                match part {
                    Part::Index(index) => walk(index, found),
                    Part::Range(from, to) => {
                        for bound in from.iter().chain(to) {
                            walk(bound, found);
                        }
                    }
                }
            }
        }
        Term::Str(_, parts) => {
            for part in parts {
                if let StrPart::Term(term) = part {
                    walk(term, found);
                }
            }
        }
        Term::Arr(inner) => inner.iter().for_each(|inner| walk(inner, found)),
        Term::Obj(fields) => {
            for (key, value) in fields {
                walk(key, found);
                if let Some(value) = value {
                    walk(value, found);
                }
            }
        }
        Term::Neg(inner) | Term::Label(_, inner) | Term::Def(_, inner) | Term::TryCatch(inner, _) => walk(inner, found),
        Term::BinOp(left, operator, right) => {
            walk(left, found);
            // Behind a pipe `.` is what came out of it; behind `|=` the old value.
            if !matches!(operator, BinaryOp::Pipe(None) | BinaryOp::Update) {
                walk(right, found);
            }
        }
        Term::IfThenElse(branches, otherwise) => {
            for (condition, then) in branches {
                walk(condition, found);
                walk(then, found);
            }
            if let Some(otherwise) = otherwise {
                walk(otherwise, found);
            }
        }
        Term::Fold(_, over, _, arguments) => {
            walk(over, found);
            if let Some(initial) = arguments.first() {
                walk(initial, found);
            }
        }
        Term::Call(..) | Term::Id | Term::Recurse | Term::Num(_) | Term::Var(_) | Term::Break(_) => {}
    }
}

/// A string without anything computed.
fn text<'a>(term: &Term<&'a str>) -> Option<&'a str> {
    match term {
        Term::Str(None, parts) => match parts[..] {
            [StrPart::Str(text)] => Some(text),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_seen_where_they_stand() {
        for (expression, expected) in [
            (".secrets.a", "a"),
            (".secrets[\"my-db\"].x", "my-db"),
            (".secrets.\"b c\"", "b c"),
            (".secrets.a?.b", "a"),
            ("\"\\(.secrets.a):\\(.secrets.b | @uri)\"", "a b"),
            ("[.secrets.a, {x: .secrets.b, (.secrets.c): 1}] | .[0]", "a b c"),
            ("if .secrets.a then .secrets.b else .secrets.c end", "a b c"),
            (".secrets.a // .secrets.b", "a b"),
            (".secrets.a as $x | .secrets.b + $x", "a b"),
            ("reduce .secrets.a as $x (.secrets.b; . + .secrets.c)", "a b"),
            (".env[.secrets.a]", "a"),
            ("try .secrets.a catch .secrets.b", "a"),
            ("-(.secrets.a | length)", "a"),
            // Not known, or not the input.
            (".secrets", ""),
            (".secrets[.step]", ""),
            (".x | .secrets.a", ""),
            (".x.secrets.a", ""),
            ("map(.secrets.a)", ""),
            (".secrets[\"a\\(1)\"]", ""),
            ("\".secrets.a\"", ""),
            ("not jq (", ""),
        ] {
            let found: Vec<String> = secrets(expression).into_iter().collect();
            assert_eq!(found.join(" "), expected, "{expression}");
        }
    }
}
