//! Whether the projector runs, and whether anybody needs it.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::ResourceAttributes;
use kube::api::ListParams;
use kube::{Api, Client};

use super::access::{Question, names, setting};
use super::judge::{Check, of_deployment, ok, unseen, warn};
use super::seen::Read;
use crate::api::registry::ClusterRegistry;
use crate::model::world::PROJECTED_SECRET;

const NAME: &str = "projector";
/// Of ClusterRegistries no more are counted: one is enough to need a projector.
const MOST: u32 = 100;

/// A rule of `deploy/components/projector/rbac.yaml`.
struct Rule {
    group: &'static str,
    resource: &'static str,
    name: Option<&'static str>,
    verbs: &'static [&'static str],
}

/// Every rule, in the order of the file. A test holds both against each other.
const RULES: [Rule; 6] = [
    Rule { group: "lockgate.dev", resource: "clusterregistries", name: None, verbs: &["list", "watch"] },
    Rule { group: "lockgate.dev", resource: "clusterregistries/status", name: None, verbs: &["patch"] },
    Rule { group: "lockgate.dev", resource: "pipelines", name: None, verbs: &["list", "watch"] },
    Rule { group: "", resource: "namespaces", name: None, verbs: &["list", "watch"] },
    Rule {
        group: "",
        resource: "secrets",
        name: Some(PROJECTED_SECRET),
        verbs: &["list", "watch", "create", "patch", "delete"],
    },
    Rule { group: "events.k8s.io", resource: "events", name: None, verbs: &["create"] },
];
/// What it may do with the Secrets of a source namespace.
const SOURCE_VERBS: [&str; 2] = ["list", "watch"];

/// Whether this is a projector's Deployment, and no operator's. Both have the label by which they are looked for.
pub(in crate::cli) fn is_projector(deployment: &Deployment) -> bool {
    let containers = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref()).map(|pod| &pod.containers);
    let arguments = containers.and_then(|all| all.first()).and_then(|container| container.args.as_ref());
    arguments.and_then(|arguments| arguments.first()).is_some_and(|command| command == "projector")
}

/// The namespaces that a projector's Deployment has its sources in.
pub(super) fn sources(deployment: &Deployment) -> Option<Vec<String>> {
    let named = setting(deployment, "--source-namespaces", "LOCKGATE_PROJECTOR_SOURCE_NAMESPACES").map(names);
    named.or_else(|| Some(vec![deployment.metadata.namespace.clone()?]))
}

/// Every right that a projector with these sources needs. Only Events are nothing that a copy hangs on.
pub(super) fn questions(sources: &[String]) -> Vec<Question> {
    let question = |rule: &Rule, verb: &str, namespace: Option<&String>| {
        let (plural, subresource) = rule
            .resource
            .split_once('/')
            .map_or((rule.resource, None), |(plural, subresource)| (plural, Some(subresource)));
        let name = rule.name.map(|name| format!(" {name}")).unwrap_or_default();
        let place = namespace.map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
        let attributes = ResourceAttributes {
            group: Some(rule.group.to_owned()),
            resource: Some(plural.to_owned()),
            subresource: subresource.map(ToOwned::to_owned),
            name: rule.name.map(ToOwned::to_owned),
            verb: Some(verb.to_owned()),
            namespace: namespace.cloned(),
            ..ResourceAttributes::default()
        };
        let right = format!("{verb} {}{name}{place}", rule.resource);
        Question { is_vital: rule.resource != "events", right, attributes }
    };
    let wide = RULES.iter().flat_map(|rule| rule.verbs.iter().map(move |verb| question(rule, verb, None)));
    let source = Rule { group: "", resource: "secrets", name: None, verbs: &SOURCE_VERBS };
    let of_sources =
        sources.iter().flat_map(|namespace| SOURCE_VERBS.map(|verb| question(&source, verb, Some(namespace))));
    wide.chain(of_sources).collect()
}

/// How many ClusterRegistries there are; none where the kind is not known.
pub(super) async fn needed(client: &Client) -> kube::Result<usize> {
    let api: Api<ClusterRegistry> = Api::all(client.clone());
    match api.list_metadata(&ListParams::default().limit(MOST)).await {
        Ok(found) => Ok(found.items.len()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(0),
        Err(error) => Err(error),
    }
}

/// A row for each projector in the namespace; without one, whether somebody waits for it.
pub(super) fn judge<'a>(
    projectors: impl IntoIterator<Item = &'a Deployment>,
    registries: &Read<usize>,
    namespace: &str,
) -> Vec<Check> {
    let rows: Vec<Check> = projectors.into_iter().map(|found| of_deployment(NAME, found, namespace)).collect();
    if !rows.is_empty() {
        return rows;
    }
    vec![match registries {
        Ok(0) => ok(NAME, "there is none, and no ClusterRegistry that needs one"),
        Ok(count) => warn(
            NAME,
            format!(
                "there are {count} ClusterRegistries, and no projector in namespace {namespace} that copies their Secrets"
            ),
            "switch it on (projector.enabled, or deploy/components/projector; docs/projector.md), or delete them",
        ),
        Err(why) => unseen(NAME, why, "list on clusterregistries.lockgate.dev"),
    }]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::doctor::judge::State;
    use crate::cli::doctor::seen::Unread;

    fn deployment(args: &[&str]) -> Deployment {
        serde_json::from_value(json!({
            "metadata": {"name": "lockgate-projector", "namespace": "system"},
            "spec": {"replicas": 1, "selector": {}, "template": {"spec": {"serviceAccountName": "copies",
                "containers": [{"name": "projector", "image": "lockgate:0.1.0", "args": args}]}}},
            "status": {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
        }))
        .unwrap()
    }

    /// The rules of the first Role or `ClusterRole` of a file.
    fn rules(file: &str) -> Value {
        let text = std::fs::read_to_string(format!("deploy/components/projector/{file}")).unwrap();
        crate::cli::manifest::read(&text).unwrap().remove(0)["rules"].clone()
    }

    #[test]
    fn the_rules_are_those_that_are_installed() {
        let ours = RULES.iter().map(|rule| {
            let mut value = json!({"apiGroups": [rule.group], "resources": [rule.resource], "verbs": rule.verbs});
            if let Some(name) = rule.name {
                value["resourceNames"] = json!([name]);
            }
            value
        });
        assert_eq!(rules("rbac.yaml"), Value::Array(ours.collect()));
        let source = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": SOURCE_VERBS}]);
        assert_eq!(rules("sources/role.yaml"), source);
    }

    #[test]
    fn a_projector_is_told_from_an_operator_by_what_it_runs() {
        assert!(is_projector(&deployment(&["projector", "--log-format=json"])));
        assert!(!is_projector(&deployment(&["operator"])) && !is_projector(&deployment(&[])));
        assert!(!is_projector(&Deployment::default()));
    }

    #[test]
    fn what_it_needs_is_asked_by_name_and_in_each_source() {
        let rights = |args: &[&str]| -> Vec<String> {
            let sources = sources(&deployment(args)).unwrap();
            questions(&sources).into_iter().map(|question| question.right).collect()
        };
        let own = rights(&["projector"]);
        assert_eq!(own.len(), 15);
        for right in ["patch secrets lockgate-registries", "list secrets in namespace system", "list namespaces"] {
            assert!(own.contains(&right.to_owned()), "{right}: {own:?}");
        }
        let two = rights(&["projector", "--source-namespaces=a,b"]);
        assert_eq!(two.len(), 17);
        assert!(two.contains(&"watch secrets in namespace b".to_owned()) && !two.concat().contains("system"));
    }

    #[test]
    fn that_nobody_copies_counts_only_where_somebody_waits_for_it() {
        let judged = |there: &[Deployment], registries: Read<usize>| {
            let mut rows = judge(there, &registries, "system");
            assert_eq!(rows.len(), 1);
            rows.remove(0)
        };
        assert_eq!(judged(&[], Ok(0)).state, State::Ok);
        let waited_for = judged(&[], Ok(2));
        assert_eq!(waited_for.state, State::Warn);
        assert!(waited_for.seen.contains("2 ClusterRegistries, and no projector in namespace system"));
        assert!(waited_for.mend.unwrap().contains("projector.enabled"));
        assert_eq!(judged(&[], Err(Unread::Forbidden)).state, State::Unseen);
        let runs = judged(&[deployment(&["projector"])], Ok(2));
        assert_eq!((runs.name, runs.state), (NAME, State::Ok));
        assert!(runs.seen.starts_with("Deployment lockgate-projector: 1 of 1 available"), "{}", runs.seen);
    }
}
