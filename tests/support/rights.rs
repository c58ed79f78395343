//! Rights, as RBAC grants them and as the audit log shows them used.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::path::Path;

use k8s_openapi::api::rbac::v1::{PolicyRule, Role};
use lockgate_cluster::Cluster;

/// The rules that are granted everywhere, or in each namespace that is watched.
pub const RULES: &str = "deploy/base/rbac.yaml";
/// What the election needs beyond those.
pub const LEASE_RULES: &str = "deploy/components/ha/rbac.yaml";

/// One verb on one resource. Written `patch lockgate.dev/pipelines/status`, and `get pods` in the core group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    pub verb: String,
    pub group: String,
    pub resource: String,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { verb, group, resource } if group.is_empty() => write!(f, "{verb} {resource}"),
            Self { verb, group, resource } => write!(f, "{verb} {group}/{resource}"),
        }
    }
}

/// Each right of these rules with a rule of its own.
fn single(rules: &[PolicyRule]) -> Vec<(Right, PolicyRule)> {
    let mut all = Vec::new();
    for rule in rules {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                for verb in &rule.verbs {
                    let right = Right { verb: verb.clone(), group: group.clone(), resource: resource.clone() };
                    let rule = PolicyRule {
                        api_groups: Some(vec![group.clone()]),
                        resources: Some(vec![resource.clone()]),
                        verbs: vec![verb.clone()],
                        ..rule.clone()
                    };
                    all.push((right, rule));
                }
            }
        }
    }
    all
}

/// Everything that these rules grant.
pub fn granted(rules: &[PolicyRule]) -> BTreeSet<Right> {
    single(rules).into_iter().map(|(right, _)| right).collect()
}

/// The same rules but for one right.
pub fn without(rules: &[PolicyRule], taken: &Right) -> Vec<PolicyRule> {
    let all = single(rules);
    let left: Vec<_> = all.iter().filter(|(right, _)| right != taken).map(|(_, rule)| rule.clone()).collect();
    assert_eq!(left.len() + 1, all.len(), "{taken} is to be granted once");
    left
}

/// The rules in an object, be it a `Role` or a `ClusterRole`.
pub fn rules_in(object: &str) -> Vec<PolicyRule> {
    let value: serde_json::Value = serde_saphyr::from_str(object).unwrap();
    serde_json::from_value(value["rules"].clone()).unwrap()
}

/// The rules in the first object of a file of `deploy/`.
pub fn rules_of(file: &str) -> Vec<PolicyRule> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    rules_in(text.split_once("\n---\n").unwrap().0)
}

/// What a cluster leaves beside its audit log, where that stays (`LOCKGATE_AUDIT_DIR`): for tests/rights.rs.
const NOTES: &str = "notes";

fn note(cluster: &Cluster, line: &str) {
    if std::env::var_os("LOCKGATE_AUDIT_DIR").is_none() {
        return;
    }
    let path = cluster.audit_log().with_extension(NOTES);
    let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
    writeln!(file, "{line}").unwrap();
}

/// Notes by which kustomization, or further file, the operator of this cluster is installed.
pub fn installs(cluster: &Cluster, from: &str) {
    note(cluster, &format!("installs {from}"));
}

/// Notes that requests of this cluster's operator are refused on purpose, and why.
pub fn refuses(cluster: &Cluster, why: &str) {
    note(cluster, &format!("refuses {why}"));
}

/// What a cluster noted.
#[derive(Debug, Default)]
pub struct Notes {
    pub installs: Vec<String>,
    pub refuses: Vec<String>,
}

impl Notes {
    /// Those beside this audit log.
    pub fn beside(log: &Path) -> Self {
        let text = std::fs::read_to_string(log.with_extension(NOTES)).unwrap_or_default();
        let of = |word: &str| text.lines().filter_map(|line| line.strip_prefix(word)).map(str::to_owned).collect();
        Self { installs: of("installs "), refuses: of("refuses ") }
    }
}

/// A Role with these rules.
pub fn role(name: &str, namespace: &str, rules: Vec<PolicyRule>) -> Role {
    let metadata = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        ..Default::default()
    };
    Role { metadata, rules: Some(rules) }
}
