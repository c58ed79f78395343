//! What an expression names of what it is given, as far as that can be seen without running it: `.secrets.NAME`, where `.` is the
//! input.

use std::collections::BTreeSet;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::load::{self};
use jaq_core::path::Part;

/// Names from the input down, as far as they are written out; none is all of the input.
pub(super) type Path = Vec<String>;

/// What stands without arguments and looks at nothing.
const CONSTANTS: [&str; 6] = ["null", "true", "false", "empty", "nan", "infinite"];

/// The paths that it names. What is not seen is not named: a name that is computed, or that stands where `.` is something else.
pub(super) fn paths(expression: &str) -> BTreeSet<Path> {
    let mut found = BTreeSet::new();
    if let Some(term) = load::parse(expression, |parser| parser.term()) {
        walk(&term, &mut found);
    }
    found
}

/// Looks at a term whose input is that of the whole expression. The scanner bounds how deep it is.
fn walk(term: &Term<&str>, found: &mut BTreeSet<Path>) {
    match term {
        Term::Path(base, path) => {
            if matches!(**base, Term::Id) {
                let names = path.0.iter().map_while(|(part, _)| match part {
                    Part::Index(index) => text(index),
                    Part::Range(..) => None,
                });
                found.insert(names.map(ToOwned::to_owned).collect());
            } else {
                walk(base, found);
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
                match (value, text(key)) {
                    (Some(value), _) => walk(value, found),
                    // `{a}` is `{a: .a}`.
                    (None, Some(name)) => {
                        found.insert(vec![name.to_owned()]);
                    }
                    (None, None) => {}
                }
            }
        }
        // What is caught is given the error.
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
        Term::Call(name, arguments) => {
            if arguments.is_empty() && !CONSTANTS.contains(name) {
                found.insert(Path::new());
            }
            // What an argument is given only the function knows; that it is the input is likely, and not enough to say of a Secret
            // that there is none.
            let mut likely = BTreeSet::new();
            for argument in arguments {
                walk(argument, &mut likely);
            }
            found.extend(likely.into_iter().filter(|path| path.first().is_none_or(|first| first != "secrets")));
        }
        Term::Id | Term::Recurse => {
            found.insert(Path::new());
        }
        Term::Num(_) | Term::Var(_) | Term::Break(_) => {}
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

    /// Each path with its dots; `.` is all.
    fn shown(expression: &str) -> String {
        let path = |path: Path| format!(".{}", path.join("."));
        paths(expression).into_iter().map(path).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_are_seen_where_they_stand() {
        for (expression, expected) in [
            (".secrets.a", ".secrets.a"),
            (".secrets[\"my-db\"].x", ".secrets.my-db.x"),
            (".secrets.\"b c\"", ".secrets.b c"),
            (".secrets.a?.b", ".secrets.a.b"),
            ("\"\\(.secrets.a):\\(.secrets.b | @uri)\"", ".secrets.a .secrets.b"),
            ("[.secrets.a, {x: .secrets.b, (.secrets.c): 1}] | .[0]", ".secrets.a .secrets.b .secrets.c"),
            ("if .secrets.a then .secrets.b else .c end", ".c .secrets.a .secrets.b"),
            (".secrets.a // .b", ".b .secrets.a"),
            (".secrets.a as $x | .secrets.b + $x", ".secrets.a .secrets.b"),
            ("reduce .secrets.a as $x (.secrets.b; . + .secrets.c)", ".secrets.a .secrets.b"),
            (".env[.secrets.a]", ".env .secrets.a"),
            ("try .secrets.a catch .secrets.b", ".secrets.a"),
            ("-(.secrets.a | length)", ".secrets.a"),
            (".a[0].b", ".a"),
            (".[0]", "."),
            (".", "."),
            ("..", "."),
            ("keys", "."),
            ("{user, n: 1, $x}", ".user"),
            ("null", ""),
            (".secrets", ".secrets"),
            (".secrets[.step]", ".secrets .step"),
            // Not the input, or not known to be it.
            (".x | .secrets.a", ".x"),
            (".x.secrets.a", ".x.secrets.a"),
            ("map(.secrets.a)", ""),
            ("ltrimstr(.x)", ".x"),
            (".secrets[\"a\\(1)\"]", ".secrets"),
            ("\".secrets.a\"", ""),
            ("1 + 2", ""),
            ("not jq (", ""),
        ] {
            assert_eq!(shown(expression), expected, "{expression}");
        }
    }
}
