//! The order of a workflow's states as needs of steps.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::finding::child;
use super::super::names;
use super::super::source::Source;

/// What is said of a state that nothing leads to.
const UNREACHED: &str = "no state leads here but by catch, so that it is no step";

/// A workflow's states, in an order in which none stands before what it needs.
#[derive(Debug, Default)]
pub struct Graph {
    /// Pointers of the states that are reached, the first first.
    pub order: Vec<String>,
    /// Pointers of the states that go on in one of several.
    pub branches: Vec<String>,
    /// Pointers of what is no part of the order, and why.
    pub left_out: Vec<(String, &'static str)>,
    /// Pointers of states, each with a name to which it goes and that no state has.
    pub unknown: Vec<(String, String)>,
    /// The steps that a state becomes, by its id; none: it has no container.
    steps: BTreeMap<String, Vec<String>>,
    /// The steps that have to be done before a state, by its id.
    needs: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Looks at the states; nothing is taken.
    pub fn of(source: &Source) -> Self {
        let states: Vec<(String, String)> = source
            .elements("/states")
            .into_iter()
            .filter_map(|at| Some((text(source, &child(&at, "id"))?, at)))
            .collect();
        let pointers: BTreeMap<String, String> = states.iter().cloned().collect();
        let nexts: BTreeMap<String, Vec<String>> =
            states.iter().map(|(id, at)| (id.clone(), nexts(source, at))).collect();
        let start = text(source, "/start/state").filter(|id| pointers.contains_key(id));
        let Some(start) = start.or_else(|| states.first().map(|(id, _)| id.clone())) else { return Self::default() };

        let mut graph = Self { steps: step_names(source, &states), ..Self::default() };
        let (order, backwards) = depth_first(&start, &nexts);
        let unreached = states.iter().filter(|(id, _)| !order.contains(id));
        graph.left_out.extend(unreached.map(|(_, at)| (at.clone(), UNREACHED)));
        for id in order.iter().filter(|id| backwards.iter().any(|(from, _)| from == *id)) {
            graph.left_out.extend(pointers.get(id).map(|at| {
                (
                    child(at, "transition"),
                    "goes back to an earlier state: steps have no loop, and this one was left out",
                )
            }));
        }
        for id in &order {
            let forward: BTreeSet<&String> = nexts
                .get(id)
                .into_iter()
                .flatten()
                .filter(|next| pointers.contains_key(*next) && !backwards.contains(&(id.clone(), (*next).clone())))
                .collect();
            let at = pointers.get(id);
            let may_end = !forward.is_empty() && at.is_some_and(|at| may_end(source, at));
            if forward.len() > 1 || may_end {
                graph.branches.extend(at.cloned());
            }
            let strangers = nexts.get(id).into_iter().flatten().filter(|next| !pointers.contains_key(*next));
            graph
                .unknown
                .extend(at.into_iter().flat_map(|at| strangers.clone().map(|next| (at.clone(), next.clone()))));
            let done = graph.done(id);
            for next in forward {
                graph.needs.entry(next.clone()).or_default().extend(done.iter().cloned());
            }
            graph.order.extend(pointers.get(id).cloned());
        }
        graph
    }

    /// The steps that are done when a state is: its own, or those before it.
    fn done(&self, id: &str) -> BTreeSet<String> {
        match self.steps.get(id).filter(|steps| !steps.is_empty()) {
            Some(steps) => steps.iter().cloned().collect(),
            None => self.needs.get(id).cloned().unwrap_or_default(),
        }
    }

    /// The steps that a state becomes.
    pub fn step_names(&self, id: &str) -> &[String] {
        self.steps.get(id).map_or(&[], Vec::as_slice)
    }

    /// The steps that a state's own steps need.
    pub fn needs(&self, id: &str) -> Vec<String> {
        self.needs.get(id).into_iter().flatten().cloned().collect()
    }
}

fn text(source: &Source, pointer: &str) -> Option<String> {
    source.peek(pointer).and_then(Value::as_str).map(ToOwned::to_owned)
}

/// The states that a state goes on in, but by `catch`.
fn nexts(source: &Source, at: &str) -> Vec<String> {
    let mut nexts: Vec<String> =
        ["transition", "defaultTransition"].iter().filter_map(|field| text(source, &child(at, field))).collect();
    for list in ["conditions", "events"] {
        let elements = source.elements(&child(at, list));
        nexts.extend(elements.iter().filter_map(|element| text(source, &child(element, "transition"))));
    }
    nexts
}

/// Whether a state that chooses may choose to go nowhere, which ends the workflow.
fn may_end(source: &Source, at: &str) -> bool {
    let list = match text(source, &child(at, "type")).as_deref() {
        Some("switch") => "conditions",
        Some("eventsXor") => "events",
        _ => return false,
    };
    let goes_on = |at: &String| text(source, &child(at, "transition")).is_some();
    let by_default = list == "events" || text(source, &child(at, "defaultTransition")).is_some();
    !by_default || !source.elements(&child(at, list)).iter().all(goes_on)
}

/// The names of the steps that each state becomes: one of an action that has an image, and several of a parallel state.
fn step_names(source: &Source, states: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
    let mut taken = BTreeSet::new();
    let mut unique = |wanted: &str| {
        let name = names::step(wanted);
        let numbered = (2..).map(|number: u32| names::step(&format!("{name}-{number}")));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| taken.insert(name.clone()));
        free.unwrap_or(name)
    };
    let mut steps = BTreeMap::new();
    for (id, at) in states {
        let has_image = |action: &str| super::function::has_image(source, action);
        let names: Vec<String> = match text(source, &child(at, "type")).as_deref() {
            Some("action" | "foreach") if has_image(&child(at, "action")) => vec![unique(id)],
            Some("parallel") => {
                let actions = source.elements(&child(at, "actions"));
                let numbered = actions.iter().enumerate().filter(|(_, action)| has_image(action));
                numbered.map(|(index, _)| unique(&format!("{id}-{index}"))).collect()
            }
            _ => Vec::new(),
        };
        steps.insert(id.clone(), names);
    }
    steps
}

/// The states that are reached, each after all that lead to it, and the transitions that go back.
fn depth_first(start: &str, nexts: &BTreeMap<String, Vec<String>>) -> (Vec<String>, BTreeSet<(String, String)>) {
    let mut backwards = BTreeSet::new();
    let mut finished: Vec<String> = Vec::new();
    let mut seen = BTreeSet::from([start.to_owned()]);
    // A state and how many of its transitions were followed.
    let mut path: Vec<(String, usize)> = vec![(start.to_owned(), 0)];
    while let Some((id, followed)) = path.last_mut() {
        let id = id.clone();
        let next = nexts.get(&id).and_then(|nexts| nexts.get(*followed)).cloned();
        *followed = followed.saturating_add(1);
        match next {
            Some(next) if path.iter().any(|(on_path, _)| *on_path == next) => {
                backwards.insert((id, next));
            }
            Some(next) => {
                if nexts.contains_key(&next) && seen.insert(next.clone()) {
                    path.push((next, 0));
                }
            }
            None => {
                path.pop();
                finished.push(id);
            }
        }
    }
    finished.reverse();
    (finished, backwards)
}
