//! What the API-server suite asked for, against what is granted: for each way to install, nothing unused and nothing refused.
//!
//! It reads the audit logs that the clusters of the suite leave in the folder `LOCKGATE_AUDIT_DIR`; hack/test.sh runs both.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // It is a test.

#[path = "support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use lockgate_cluster::Programs;
use support::audit::{Audit, Entry, OPERATOR};
use support::rights::{LEASE_RULES, Notes, Right, granted, rules_in, rules_of};

/// The ways to install, and a further file. The suite has to try each.
const PARTS: [&str; 7] = [
    "deploy/base",
    "deploy/overlays/namespaced",
    "deploy/overlays/none",
    "deploy/overlays/namespaced-none",
    "deploy/overlays/ha",
    "deploy/overlays/projector",
    LEASE_RULES,
];
/// With two replicas the Lease is tried, beside a projector that; the rest is the base's.
const LIKE_BASE: [&str; 2] = ["deploy/overlays/ha", "deploy/overlays/projector"];
/// Who refuses on purpose.
const REFUSE: [&str; 4] = [
    "ha.rs leaves the Role of the Lease out",
    "rights.rs takes the rights on Secrets away",
    "trust.rs grants the rights in team-b when the operator runs already",
    "volumes.rs takes the right on ConfigMaps away",
];

/// What is asked for in vain with these parts, since a Role cannot grant it: nothing waits for it.
const BEYOND: (&str, &str) = ("deploy/overlays/namespaced", "list lockgate.dev/clusterregistries");

/// A server that starts refuses everybody until it has read the rights, for which it sends these requests.
const READS_THE_RIGHTS: &str = "sendInitialEvents=true";
/// So long before and after those a refusal of a right that is granted says nothing.
const STARTING: SignedDuration = SignedDuration::from_secs(10);

/// What one cluster of the suite was asked for.
struct Asked {
    notes: Notes,
    /// What was allowed.
    rights: BTreeSet<Right>,
    /// What was refused by a server that had read the rights: the right and the request.
    refused: BTreeSet<(Right, String)>,
    refused_at_a_start: BTreeSet<Right>,
    requests: usize,
}

/// When the API server of this log began to read the rights.
fn starts(log: &Path) -> Vec<Timestamp> {
    let mut audit = Audit::in_log(log.to_owned(), "system:apiserver");
    let reads = |entry: &&Entry| {
        entry.right().group == "rbac.authorization.k8s.io"
            && (entry.verb == "list" || entry.uri.contains(READS_THE_RIGHTS))
    };
    audit.read().iter().filter(reads).map(Entry::received).collect()
}

/// All of them, but those without an operator.
fn asked(folder: &Path) -> Vec<Asked> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "log") {
            continue;
        }
        let mut audit = Audit::in_log(path.clone(), OPERATOR);
        let entries = audit.read();
        if !entries.is_empty() {
            let (refused, allowed): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.is_unauthorised());
            let starts = starts(&path);
            let near =
                |entry: &&Entry| starts.iter().any(|start| entry.received().duration_since(*start).abs() < STARTING);
            let (at_a_start, refused): (Vec<&Entry>, Vec<&Entry>) = refused.into_iter().partition(near);
            all.push(Asked {
                notes: Notes::beside(&path),
                rights: allowed.into_iter().map(Entry::right).collect(),
                refused: refused.into_iter().map(|entry| (entry.right(), entry.uri.clone())).collect(),
                refused_at_a_start: at_a_start.into_iter().map(Entry::right).collect(),
                requests: entries.len(),
            });
        }
    }
    all
}

/// What a kustomization or a file grants to the operator. What it grants to the projector that one's own tests compare
/// (tests/apiserver/projector/quiet.rs).
fn grants(kubectl: &Path, part: &str) -> BTreeSet<Right> {
    if Path::new(part).extension().is_some() {
        return granted(&rules_of(part));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(part);
    let rendered = support::output(Command::new(kubectl).arg("kustomize").arg(folder));
    let is_role = |object: &&str| object.contains("\nkind: Role\n") || object.contains("\nkind: ClusterRole\n");
    let is_operators = |object: &&str| !object.contains("\n  name: lockgate-projector\n");
    rendered
        .split("\n---\n")
        .filter(is_role)
        .filter(is_operators)
        .flat_map(|object| granted(&rules_in(object)))
        .collect()
}

/// All manifests and templates below a folder.
fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(manifests(&path));
        } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "tpl") {
            all.push(path);
        }
    }
    all
}

/// A tenant whom we let change a namespace could give it the label that a `GlobalPrivate` ClusterRegistry asks for.
#[test]
fn nothing_of_ours_may_change_a_namespace() {
    const READ: [&str; 3] = ["get", "list", "watch"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut rules = 0;
    for path in ["deploy", "charts", "examples"].into_iter().flat_map(|folder| manifests(&root.join(folder))) {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        for (number, line) in lines.iter().enumerate() {
            let Some((_, resources)) = line.split_once("resources: [") else { continue };
            rules += 1;
            let names = |word: &str| word.trim_matches(|c: char| " \"'".contains(c)).to_owned();
            let all: Vec<String> = resources.trim_end_matches(']').split(',').map(names).collect();
            assert!(!all.iter().any(|name| name == "*"), "{}: {line}", path.display());
            if !all.iter().any(|name| name == "namespaces" || name.starts_with("namespaces/")) {
                continue;
            }
            let verbs = lines.iter().skip(number).find_map(|line| line.split_once("verbs: ["));
            let (_, verbs) = verbs.unwrap_or_else(|| panic!("{}: no verbs behind {line}", path.display()));
            for verb in verbs.trim_end().trim_end_matches(']').split(',').map(names) {
                assert!(READ.contains(&verb.as_str()), "{}: {verb} on namespaces", path.display());
            }
        }
    }
    assert!(rules > 20, "only {rules} rules were found");
}

#[test]
#[ignore = "reads what a whole run of the API-server suite left behind: hack/test.sh runs it after that"]
fn what_the_suite_asked_for_is_what_is_granted() {
    let folder = std::env::var_os("LOCKGATE_AUDIT_DIR");
    let folder = PathBuf::from(folder.expect("not run: LOCKGATE_AUDIT_DIR has to name what the API-server suite left"));
    let all = asked(&folder);
    let tried: BTreeSet<&str> = all.iter().flat_map(|one| &one.notes.installs).map(String::as_str).collect();
    assert_eq!(tried, BTreeSet::from(PARTS), "not run: {} lacks the suite, or a part of it", folder.display());
    let kubectl = Programs::ensure(&["kubectl"]).unwrap().path("kubectl");
    let parts: BTreeMap<&str, BTreeSet<Right>> = PARTS.map(|part| (part, grants(&kubectl, part))).into();

    for one in &all {
        let Asked { notes, rights, refused, refused_at_a_start, .. } = one;
        let granted: BTreeSet<Right> = notes.installs.iter().flat_map(|part| parts[part.as_str()].clone()).collect();
        let lacking: Vec<String> = rights.difference(&granted).map(ToString::to_string).collect();
        assert!(lacking.is_empty(), "{notes:?}: allowed and not granted: {lacking:#?}");
        let lacking = refused_at_a_start.difference(&granted).next();
        let in_namespaces = notes.installs.iter().any(|part| part.starts_with(BEYOND.0));
        let beyond = |right: &Right| in_namespaces && right.to_string() == BEYOND.1;
        let lacking = lacking.filter(|right| !beyond(right));
        let refused = refused.iter().filter(|(right, _)| !beyond(right));
        let refused = refused.map(|(right, uri)| format!("{right}: {uri}"));
        let refused: Vec<String> = refused.chain(lacking.map(ToString::to_string)).collect();
        assert!(refused.is_empty() || !notes.refuses.is_empty(), "{notes:?}: refused: {refused:#?}");
    }
    for (part, granted) in &parts {
        let with = |one: &&Asked| {
            one.notes.installs.iter().any(|name| name == part || name == "deploy/base" && LIKE_BASE.contains(part))
        };
        let asked: BTreeSet<Right> = all.iter().filter(with).flat_map(|one| one.rights.clone()).collect();
        let unused: Vec<String> = granted.difference(&asked).map(ToString::to_string).collect();
        assert!(unused.is_empty(), "{part} grants what nobody asked for: {unused:#?}");
        println!(
            "{part}: the {} rights that it grants were asked for, on {} clusters",
            granted.len(),
            all.iter().filter(with).count()
        );
    }
    let refuse: BTreeSet<&str> = all.iter().flat_map(|one| &one.notes.refuses).map(String::as_str).collect();
    assert_eq!(refuse, BTreeSet::from(REFUSE), "who refuses on purpose");
    let requests: usize = all.iter().map(|one| one.requests).sum();
    println!("{requests} requests on {} clusters, none refused but where a test means it: {REFUSE:#?}", all.len());
}
