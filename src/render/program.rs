//! Expressions as programs. Nothing is run here that was not compiled here, and nothing is imported.

use std::fmt;

use jaq_core::compile::Undefined;
use jaq_core::load::parse::Def;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars};
use jaq_json::Val;

use super::functions::{self, Data, why_absent};
use super::words;

/// Why an expression is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// Where, in characters of the expression, counted from 1.
    pub(crate) at: usize,
    /// What is wrong there. An expression has no values of Secrets in it.
    pub(crate) why: String,
}

/// Why a program gave nothing to render. Without any value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It gave no result.
    Nothing,
    /// It gave more than one.
    Several,
    /// It failed: how, in words.
    Failed(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("it gives no result, and has to give exactly one"),
            Self::Several => f.write_str("it gives more than one result; for a list write [ ] around it"),
            Self::Failed(how) => f.write_str(how),
        }
    }
}

/// Makes programs of expressions.
pub(super) struct Language {
    definitions: Vec<Def<&'static str>>,
}

/// A program.
pub(super) struct Program(Filter<Data>);

impl Language {
    pub(super) fn new() -> Self {
        Self { definitions: functions::definitions() }
    }

    /// The program of an expression.
    pub(super) fn compile(&self, expression: &str) -> Result<Program, Syntax> {
        let arena = Arena::default();
        let file = File { code: expression, path: () };
        let modules = Loader::new(self.definitions.iter().cloned()).load(&arena, file).map_err(|errors| {
            let first = errors.into_iter().next().map(|(_, error)| error);
            first.map_or_else(nameless, |error| not_loaded(expression, error))
        })?;
        // `import "f" as $x` is loaded by nobody, and would be an index out of bounds at run time.
        let mut imports = None;
        let _ = load::import(&modules, |import| {
            imports.get_or_insert(*import.path);
            Ok(())
        });
        if let Some(path) = imports {
            return Err(no_modules(expression, path));
        }
        let compiled = Compiler::default().with_funs(functions::natives()).compile(modules).map_err(|errors| {
            let first = errors.into_iter().flat_map(|(_, undefined)| undefined).next();
            first.map_or_else(nameless, |(name, what)| not_known(expression, name, &what))
        })?;
        Ok(Program(compiled))
    }
}

impl Program {
    /// The one result that it has for this input.
    pub(super) fn run(&self, expression: &str, input: Val) -> Result<Val, Failure> {
        let context = Ctx::<Data>::new(&self.0.lut, Vars::new([]));
        let mut results = self.0.id.run((context, input));
        let first = results.next().ok_or(Failure::Nothing)?;
        let value = first.map_err(|exception| {
            let error = exception.get_err();
            Failure::Failed(
                error.map_or_else(|_| "it does not end as it should".to_owned(), |e| words::of(e, expression)),
            )
        })?;
        if results.next().is_some() { Err(Failure::Several) } else { Ok(value) }
    }
}

/// What could not be read, or is no expression.
fn not_loaded(expression: &str, error: load::Error<&str>) -> Syntax {
    let found = match error {
        load::Error::Io(errors) => {
            return errors.first().map_or_else(nameless, |(path, _)| no_modules(expression, path));
        }
        load::Error::Lex(errors) => errors.into_iter().next().map(|(expected, found)| (expected.as_str(), found)),
        load::Error::Parse(errors) => {
            return errors
                .into_iter()
                .next()
                .map_or_else(nameless, |(expected, found)| expected_here(expression, expected.as_str(), found));
        }
    };
    found.map_or_else(nameless, |(expected, found)| expected_here(expression, expected, found))
}

fn expected_here(expression: &str, expected: &str, found: &str) -> Syntax {
    let there = match found.split_whitespace().next() {
        None => "the expression ends".to_owned(),
        Some(word) => format!("{} stands", words::quoted(word)),
    };
    let expected = match expected {
        "nothing" => "its end",
        "term" => "a term, as in .a",
        "token" => "anything else",
        other => other,
    };
    Syntax { at: place(expression, found), why: format!("{there} where jq expects {expected}") }
}

fn no_modules(expression: &str, path: &str) -> Syntax {
    Syntax { at: place(expression, path), why: "there are no modules: import and include find nothing".to_owned() }
}

fn not_known(expression: &str, name: &str, what: &Undefined) -> Syntax {
    let shown = words::quoted(name);
    let why = match (what, why_absent(name)) {
        (_, Some(reason)) => format!("{shown} is not there: {reason}"),
        (Undefined::Filter(arguments), None) => format!("there is no function {shown} with {arguments} arguments"),
        (other, None) => format!("there is no {} {shown}", other.as_str()),
    };
    Syntax { at: place(expression, name), why }
}

/// What jaq refuses without a word of why.
fn nameless() -> Syntax {
    Syntax { at: 1, why: "this is no expression of jq".to_owned() }
}

/// Where a part of an expression stands in it: in characters, counted from 1. What is no part of it stands at its begin.
fn place(expression: &str, part: &str) -> usize {
    let offset = (part.as_ptr() as usize).checked_sub(expression.as_ptr() as usize);
    let before = offset.and_then(|offset| expression.get(..offset));
    before.map_or(1, |before| before.chars().count() + 1)
}
