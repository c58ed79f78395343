//! The graph of the steps: names, needs, and no circle.

use std::collections::{BTreeMap, BTreeSet};

use super::report::Report;
use crate::api::rules;
use crate::api::step::Step;
use crate::model::names::is_dns_subdomain;
use crate::model::render::CONTAINER;

/// Steps of a Pipeline.
const MAX_STEPS: usize = 32;
/// Needs of a step.
const MAX_NEEDS: usize = 8;
/// Characters of a step's name: it stands in labels, and a part of it in the Pods' names.
const MAX_NAME: usize = 40;

/// Checks names and needs.
pub(super) fn check(steps: &[Step], report: &mut Report) {
    report.at_most(steps.len(), MAX_STEPS, "spec.steps");
    let mut names = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        let field = format!("spec.steps[{index}].name");
        report.length(&step.name, 0, MAX_NAME, &field);
        report.require(is_dns_subdomain(&step.name) && !step.name.contains('.'), &field, rules::STEP_NAME);
        report.require(step.name != CONTAINER, &field, rules::STEP_NAME_OURS);
        let first = *names.entry(step.name.as_str()).or_insert(index);
        report.require(first == index, &field, rules::STEP_NAMES_UNIQUE);
    }
    let mut known = true;
    for (index, step) in steps.iter().enumerate() {
        known &= check_needs(&format!("spec.steps[{index}].needs"), step, &names, report);
    }
    // Beyond the bounds the search could take long, and the graph is refused already.
    let circle = if known && report.is_empty() { circle(steps, &names) } else { None };
    if let Some(circle) = circle {
        let path = circle.join(" -> ");
        report.add("spec.steps", format!("{}{path}{}", rules::STEPS_IN_A_CIRCLE, rules::BREAK_THE_CIRCLE));
    }
}

/// Whether every need is another step.
fn check_needs(field: &str, step: &Step, names: &BTreeMap<&str, usize>, report: &mut Report) -> bool {
    report.at_most(step.needs.len(), MAX_NEEDS, field);
    let mut seen = BTreeSet::new();
    let mut all_known = true;
    for (index, need) in step.needs.iter().enumerate() {
        let known = *need != step.name && names.contains_key(need.as_str());
        if !known {
            let message = format!("{} ({} needs {need})", rules::NEEDS_KNOWN, step.name);
            report.add(format!("{field}[{index}]"), message);
        }
        report.require(seen.insert(need), field, rules::NEEDS_UNIQUE);
        report.length(need, 0, MAX_NAME, &format!("{field}[{index}]"));
        all_known &= known;
    }
    all_known
}

/// The steps of one circle, each followed by one that it needs, the first one also at the end.
fn circle<'a>(steps: &'a [Step], names: &BTreeMap<&str, usize>) -> Option<Vec<&'a str>> {
    let mut left: BTreeSet<usize> = (0..steps.len()).collect();
    let needs = |step: &'a Step| step.needs.iter().filter_map(|need| names.get(need.as_str()).copied());
    // What waits for none that is left could start; what remains at the end lies on a circle or behind one.
    loop {
        let starts = |index: &usize| steps.get(*index).is_none_or(|step| needs(step).all(|need| !left.contains(&need)));
        let done: Vec<usize> = left.iter().copied().filter(starts).collect();
        if done.is_empty() {
            break;
        }
        left.retain(|index| !done.contains(index));
    }
    let mut walk: Vec<usize> = Vec::new();
    let mut at = *left.first()?;
    while !walk.contains(&at) {
        walk.push(at);
        at = steps.get(at).and_then(|step| needs(step).find(|need| left.contains(need)))?;
    }
    // The way into the circle is no part of it.
    let ring: Vec<usize> = walk.into_iter().skip_while(|index| *index != at).collect();
    let first = ring.iter().position(|index| ring.iter().all(|other| index <= other))?;
    let turned = ring.iter().cycle().skip(first).take(ring.len() + 1);
    turned.map(|index| steps.get(*index).map(|step| step.name.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of steps, each with its needs.
    fn said(graph: &[(&str, &[&str])]) -> Vec<String> {
        let owned = |name: &&str| (*name).to_owned();
        let step = |(name, needs): &(&str, &[&str])| Step {
            name: owned(name),
            needs: needs.iter().map(owned).collect(),
            ..Step::default()
        };
        let mut report = Report::default();
        check(&graph.iter().map(step).collect::<Vec<_>>(), &mut report);
        let found = report.into_result(()).err().unwrap_or_default();
        found.into_iter().map(|violation| format!("{}: {}", violation.field, violation.message)).collect()
    }

    #[test]
    fn a_graph_without_a_circle_is_good() {
        assert_eq!(said(&[]), [""; 0]);
        assert_eq!(said(&[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])]), [""; 0]);
        assert_eq!(said(&[("d", &["b", "c"]), ("c", &["a"]), ("b", &["a"]), ("a", &[])]), [""; 0]);
    }

    #[test]
    fn the_steps_of_a_circle_are_named_in_order() {
        let path = |graph| {
            let found = said(graph);
            assert_eq!(found.len(), 1, "{found:?}");
            found[0]
                .strip_prefix("spec.steps: the steps need each other in a circle: ")
                .unwrap()
                .split(';')
                .next()
                .unwrap()
                .to_owned()
        };
        assert_eq!(path(&[("load", &["extract"]), ("extract", &["load"])]), "load -> extract -> load");
        assert_eq!(path(&[("a", &["c"]), ("b", &["a"]), ("c", &["b"])]), "a -> c -> b -> a");
        // Neither the way into the circle nor what stands beside it is told.
        let into: &[(&str, &[&str])] =
            &[("in", &["y"]), ("free", &[]), ("x", &["free", "y"]), ("y", &["z"]), ("z", &["x"])];
        assert_eq!(path(into), "x -> y -> z -> x");
    }

    #[test]
    fn a_need_is_another_step_and_stands_once() {
        let unknown = |need| format!("spec.steps[0].needs[0]: {} (a needs {need})", rules::NEEDS_KNOWN);
        assert_eq!(said(&[("a", &["a"])]), [unknown("a")]);
        assert_eq!(said(&[("a", &["b"])]), [unknown("b")]);
        assert_eq!(said(&[("a", &[]), ("b", &["a", "a"])]), [format!("spec.steps[1].needs: {}", rules::NEEDS_UNIQUE)]);
    }

    #[test]
    fn a_name_is_a_label_and_stands_once() {
        for name in ["", "A", "a.b", "-a", "a-", "a_b"] {
            assert_eq!(said(&[(name, &[])]), [format!("spec.steps[0].name: {}", rules::STEP_NAME)], "{name:?}");
        }
        let twice = said(&[("a", &[]), ("b", &[]), ("a", &[])]);
        assert_eq!(twice, [format!("spec.steps[2].name: {}", rules::STEP_NAMES_UNIQUE)]);
    }
}
