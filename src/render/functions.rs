//! What expressions can call: jq's functions as jaq has them, but for those that reach out of the expression. What is left is
//! a function of its input alone: no environment, file, network, clock or time zone, no output and no end of the process.

use jaq_core::data::JustLut;
use jaq_core::load::{self, parse::Def};
use jaq_core::native::Fun;
use jaq_json::Val;

/// What is known of a program when it is compiled; it has nothing besides its input.
pub(super) type Data = JustLut<Val>;

/// Those of jq's definitions that jaq has not, or has in another way.
const OURS: &str = include_str!("ours.jq");
/// Native functions that are left out.
/// (`strptime` takes names of time zones, and reads their files.)
const NATIVES: [&str; 8] =
    ["env", "now", "localtime", "strflocaltime", "strptime", "halt", "debug_empty", "stderr_empty"];
/// Definitions that are left out: they are made of those.
const DEFINED: [&str; 4] = ["halt", "halt_error", "debug", "stderr"];

/// What jq has and expressions have not, with the reason.
const ABSENT: [(&str, &str); 18] = [
    ("env", "the step's own variables are in .env"),
    ("$ENV", "the step's own variables are in .env"),
    ("now", "a rendered input does not depend on the time"),
    ("localtime", "a rendered input does not depend on the time zone; gmtime is there"),
    ("strflocaltime", "a rendered input does not depend on the time zone; strftime is there"),
    ("strptime", "it reads time zones from files; fromdateiso8601 is there"),
    ("input", "there is one input, and it is ."),
    ("inputs", "there is one input, and it is ."),
    ("input_filename", "there is one input, and it is ."),
    ("input_line_number", "there is one input, and it is ."),
    ("debug", "what is rendered is printed nowhere"),
    ("stderr", "what is rendered is printed nowhere"),
    ("halt", "error(\"…\") ends the rendering"),
    ("halt_error", "error(\"…\") ends the rendering"),
    ("modulemeta", "there are no modules"),
    ("get_search_list", "there are no modules"),
    ("$__prog_args", "there are no arguments"),
    ("$ARGS", "there are no arguments"),
];

/// Why a name is not known, where it is left out with intent.
pub(super) fn why_absent(name: &str) -> Option<&'static str> {
    ABSENT.iter().find(|(absent, _)| *absent == name).map(|(_, why)| *why)
}

/// The functions that are written in jq.
pub(super) fn definitions() -> Vec<Def<&'static str>> {
    let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let ours = load::parse(OURS, |parser| parser.defs()).unwrap_or_default();
    all.filter(|definition| !DEFINED.contains(&definition.name)).chain(ours).collect()
}

/// The functions that are written in Rust.
pub(super) fn natives() -> impl Iterator<Item = Fun<Data>> {
    let all = jaq_core::funs().chain(jaq_std::base_funs()).chain(jaq_std::extra_funs()).chain(jaq_json::funs());
    all.filter(|(name, ..)| !NATIVES.contains(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// All of them, so that a new version of jaq brings no function in unseen.
    #[test]
    fn what_can_be_called_is_what_was_looked_at() {
        let names: BTreeSet<String> =
            natives().map(|(name, arguments, _)| format!("{name}/{}", arguments.len())).collect();
        let known: BTreeSet<String> = include_str!("natives.txt").split_whitespace().map(ToOwned::to_owned).collect();
        assert_eq!(names, known);
        assert!(definitions().iter().all(|definition| !DEFINED.contains(&definition.name)));
    }

    #[test]
    fn our_own_definitions_can_all_be_read_and_stand_last_where_they_win() {
        let ours: Vec<&str> = load::parse(OURS, |parser| parser.defs()).unwrap().iter().map(|ours| ours.name).collect();
        assert_eq!(ours.len(), OURS.lines().filter(|line| line.starts_with("def ")).count());
        let all: Vec<&str> = definitions().iter().map(|definition| definition.name).collect();
        assert!(all.ends_with(&ours));
    }

    #[test]
    fn whatever_is_left_out_was_there() {
        let all: BTreeSet<&str> =
            jaq_std::base_funs::<Data>().chain(jaq_std::extra_funs()).map(|(name, ..)| name).collect();
        assert!(NATIVES.iter().all(|name| all.contains(name)));
        let all: BTreeSet<&str> = jaq_std::defs().map(|definition| definition.name).collect();
        assert!(DEFINED.iter().all(|name| all.contains(name)));
    }
}
