//! Each right that the operator has, taken away alone: what is lost by it, and how that is told. A right whose loss nobody
//! notices would be one too many.

mod shows;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding};
use kube::Api;
use kube::api::PostParams;
use kube::config::Kubeconfig;
use lockgate_cluster::{Cluster, Options};
use serde_json::json;

use crate::support::audit::Audit;
use crate::support::rights::{LEASE_RULES, RULES, Right, granted, role, rules_of, without};
use crate::support::{self, Operator, Space, admin, named};

/// What is lost with each right, as docs/security.md says it.
const LOSSES: [(&str, &str); 30] = [
    ("list lockgate.dev/pipelines", "no Pipeline is looked at"),
    ("watch lockgate.dev/pipelines", "a Pipeline that is made or changed later is not seen"),
    ("delete lockgate.dev/pipelines", "`ttl_after_finished` deletes nothing, and the Pipeline says so"),
    ("patch lockgate.dev/pipelines/status", "Pods start, and no Pipeline says anything"),
    ("get pods", "a Pod that lost its label is not found again, and its Pipeline stands still"),
    ("list pods", "no Pipeline is looked at"),
    ("watch pods", "that a Pod runs or has ended is not seen"),
    ("create pods", "no Pod starts: `PodRefused`"),
    ("delete pods", "another run does not begin, nothing is healed or rolled: the message of `Ready` names the Pod"),
    ("get secrets", "no Pod with a Secret starts: `SecretForbidden`"),
    ("list secrets", "the doorbell: a Secret that comes is found by asking every few seconds"),
    ("watch secrets", "the same"),
    ("list serviceaccounts", "no Pipeline is looked at"),
    ("watch serviceaccounts", "a ServiceAccount that comes later is not seen"),
    ("list configmaps", "no Pod with a ConfigMap starts: `VolumeForbidden`"),
    ("watch configmaps", "the same, but every few seconds a list is believed for a moment"),
    ("list persistentvolumeclaims", "no Pod with a claim starts: `VolumeForbidden`"),
    ("watch persistentvolumeclaims", "the same, but every few seconds a list is believed for a moment"),
    ("list events", "a volume that cannot be mounted is not told: no `VolumeMount`"),
    ("watch events", "the same, for Pods that start later"),
    ("create events.k8s.io/events", "no Event is sent"),
    ("list lockgate.dev/registries", "no Registry attaches anything, and nothing is said of any"),
    ("watch lockgate.dev/registries", "the same, but every few seconds, then minutes, a list is believed for a moment"),
    ("patch lockgate.dev/registries/status", "Registries attach their Secrets, and say nothing"),
    ("list lockgate.dev/clusterregistries", "no ClusterRegistry's copy is attached"),
    (
        "watch lockgate.dev/clusterregistries",
        "the same, but every few seconds, then minutes, a list is believed for a moment",
    ),
    ("create coordination.k8s.io/leases", "no operator leads, unless the Lease is there"),
    ("get coordination.k8s.io/leases", "no operator leads"),
    ("watch coordination.k8s.io/leases", "a follower asks for the Lease every `--leader-elect-retry-period`"),
    ("update coordination.k8s.io/leases", "a leader ends when its Lease cannot be renewed"),
];

/// An operator that lacks one right, in a namespace of its own with an account of its own.
struct Case {
    taken: Right,
    space: Space,
    operator: Operator,
    audit: Audit,
}

fn all_rules() -> Vec<PolicyRule> {
    [rules_of(RULES), rules_of(LEASE_RULES)].concat()
}

#[test]
fn every_right_has_its_loss_and_the_docs_name_it() {
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md")).unwrap();
    let told: BTreeSet<String> = LOSSES.iter().map(|(right, _)| (*right).to_owned()).collect();
    let rights: BTreeSet<String> = granted(&all_rules()).iter().map(ToString::to_string).collect();
    assert_eq!(told, rights, "the rows of LOSSES and what deploy/ grants");
    assert_eq!(told.len(), LOSSES.len(), "a right stands twice");
    for (right, loss) in LOSSES {
        let row = format!("| `{right}` | {loss} |");
        assert!(docs.contains(&row), "docs/security.md lacks {row}");
    }
}

/// Gives an account of this namespace these rights in it, and writes its kubeconfig.
async fn account(cluster: &Cluster, space: &Space, rules: Vec<PolicyRule>) -> PathBuf {
    let params = PostParams::default();
    let account = ServiceAccount { metadata: named("operator"), ..ServiceAccount::default() };
    space.api::<ServiceAccount>().create(&params, &account).await.unwrap();
    let subjects = json!([{"kind": "ServiceAccount", "name": "operator", "namespace": space.name}]);
    // What is in no namespace cannot be granted in one.
    let cluster_wide = |rule: &PolicyRule| rule.resources.iter().flatten().any(|name| name == "clusterregistries");
    let beyond: Vec<PolicyRule> = rules.iter().filter(|rule| cluster_wide(rule)).cloned().collect();
    if !beyond.is_empty() {
        let name = format!("operator-{}", space.name);
        let granted = ClusterRole { metadata: named(&name), rules: Some(beyond), ..ClusterRole::default() };
        Api::<ClusterRole>::all(space.client.clone()).create(&params, &granted).await.unwrap();
        let binding = json!({
            "metadata": {"name": name}, "subjects": subjects,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        });
        let bindings: Api<ClusterRoleBinding> = Api::all(space.client.clone());
        bindings.create(&params, &serde_json::from_value(binding).unwrap()).await.unwrap();
    }
    let rules = rules.into_iter().filter(|rule| !cluster_wide(rule)).collect();
    space.api::<Role>().create(&params, &role("operator", &space.name, rules)).await.unwrap();
    let binding = json!({
        "metadata": {"name": "operator"}, "subjects": subjects,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "operator"},
    });
    space.api::<RoleBinding>().create(&params, &serde_json::from_value(binding).unwrap()).await.unwrap();
    let spec = TokenRequestSpec { expiration_seconds: Some(3600), ..TokenRequestSpec::default() };
    let asked = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
    let token = space.api::<ServiceAccount>().create_token_request("operator", &params, &asked).await.unwrap();
    let mut config = serde_json::to_value(Kubeconfig::read_from(cluster.kubeconfig()).unwrap()).unwrap();
    config["users"][0]["user"] = json!({"token": token.status.unwrap().token});
    let path = cluster.dir().join(format!("kubeconfig-{}", space.name));
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

impl Case {
    async fn start(cluster: &Cluster, number: usize, taken: Right) -> Self {
        let space = Space::new(&admin(cluster).await, &format!("loss-{number:02}")).await;
        let kubeconfig = account(cluster, &space, without(&all_rules(), &taken)).await;
        shows::prepare(&taken, &space).await;
        let namespaces = format!("--watch-namespaces={}", space.name);
        let lease = format!("--leader-elect-namespace={}", space.name);
        let mut flags = vec![namespaces.as_str()];
        if taken.resource == "leases" {
            flags.extend(shows::ELECT);
            flags.push(&lease);
        }
        let operator = Operator::start_with_flags(cluster, &kubeconfig, &flags);
        let audit = Audit::of_account(cluster, &format!("system:serviceaccount:{}:operator", space.name));
        Self { taken, space, operator, audit }
    }

    /// That this right and no other was lacking.
    async fn lacks_nothing_else(&mut self) {
        self.audit.settle(&self.space.client).await;
        let refused = self.audit.read().iter().filter(|entry| entry.is_unauthorised());
        let refused: BTreeSet<Right> = refused.map(crate::support::audit::Entry::right).collect();
        assert_eq!(refused, BTreeSet::from([self.taken.clone()]), "what was refused");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_right_that_is_taken_away_is_missed_and_the_loss_is_told() {
    let cluster = tokio::task::spawn_blocking(|| support::install(Options::new().audit(true))).await.unwrap();
    let rights = granted(&all_rules());
    assert_eq!(rights.len(), LOSSES.len());
    let mut cases: FuturesUnordered<_> = rights
        .into_iter()
        .enumerate()
        .map(|(number, taken)| {
            let cluster = &cluster;
            async move {
                let told = format!("{taken}");
                let mut case = Case::start(cluster, number, taken).await;
                println!("without {told}: {}", shows::loss(&mut case).await);
                case.lacks_nothing_else().await;
            }
        })
        .collect();
    while cases.next().await.is_some() {}
    drop(cases);
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}
