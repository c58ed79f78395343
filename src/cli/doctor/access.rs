//! Whether the accounts of the operator and of the projector may do what they have to.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};

use super::judge::{Check, failed, ok, unseen, warn};
use super::projector;
use super::seen::Read;

const NAME: &str = "access";

/// A rule of `deploy/base/rbac.yaml`, and whether Pipelines run without it.
struct Rule {
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
    is_vital: bool,
}

/// Every rule, in the order of the file. A test holds both against each other.
const RULES: [Rule; 11] = [
    Rule { group: "lockgate.dev", resources: &["pipelines"], verbs: &["list", "watch", "delete"], is_vital: true },
    Rule { group: "lockgate.dev", resources: &["pipelines/status"], verbs: &["patch"], is_vital: true },
    Rule { group: "", resources: &["pods"], verbs: &["get", "list", "watch", "create", "delete"], is_vital: true },
    Rule { group: "", resources: &["secrets"], verbs: &["get", "list", "watch"], is_vital: true },
    Rule { group: "", resources: &["serviceaccounts"], verbs: &["list", "watch"], is_vital: true },
    Rule {
        group: "",
        resources: &["configmaps", "persistentvolumeclaims"],
        verbs: &["list", "watch"],
        is_vital: false,
    },
    Rule { group: "", resources: &["events"], verbs: &["list", "watch"], is_vital: false },
    Rule { group: "events.k8s.io", resources: &["events"], verbs: &["create"], is_vital: false },
    Rule { group: "lockgate.dev", resources: &["registries"], verbs: &["list", "watch"], is_vital: false },
    Rule { group: "lockgate.dev", resources: &["registries/status"], verbs: &["patch"], is_vital: false },
    Rule { group: "lockgate.dev", resources: &["clusterregistries"], verbs: &["list", "watch"], is_vital: false },
];

/// Whom to ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub namespace: String,
    pub name: String,
    /// What needs the rights, and how far they reach, as in `the operator does, in all namespaces`.
    pub does: String,
    /// The kustomization that has its role.
    pub installs: &'static str,
}

/// One right to ask about.
pub(super) struct Question {
    pub is_vital: bool,
    /// As in `create pods in namespace team-a`.
    pub right: String,
    pub attributes: ResourceAttributes,
}

/// How far an operator's rights have to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Operator {
    /// `None`: all namespaces.
    watched: Option<Vec<String>>,
    looks_at_secrets: bool,
}

/// A right that the account does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lacking {
    /// As in `create pods in namespace team-a`.
    right: String,
    is_vital: bool,
}

/// What a flag or a variable of a Deployment's first container says.
pub(in crate::cli) fn setting<'a>(deployment: &'a Deployment, flag: &str, variable: &str) -> Option<&'a str> {
    let container = deployment.spec.as_ref()?.template.spec.as_ref()?.containers.first()?;
    let arguments = container.args.as_deref().unwrap_or_default();
    let joined = arguments.iter().find_map(|argument| argument.strip_prefix(flag)?.strip_prefix('='));
    let apart = || {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.get(at.saturating_add(1)).map(String::as_str)
    };
    let by_variable = || {
        let variable = container.env.iter().flatten().find(|known| known.name == variable)?;
        variable.value.as_deref()
    };
    joined.or_else(apart).or_else(by_variable).filter(|text| !text.is_empty())
}

/// The names in a list with commas.
pub(in crate::cli) fn names(list: &str) -> Vec<String> {
    list.split(',').map(|name| name.trim().to_owned()).collect()
}

/// The account of a Deployment, and all that it needs.
pub(super) fn asked(deployment: &Deployment) -> Option<(Account, Vec<Question>)> {
    let pod = deployment.spec.as_ref()?.template.spec.as_ref()?;
    let account = |does: String, installs: &'static str| {
        let name = pod.service_account_name.clone().unwrap_or_else(|| "default".to_owned());
        Some(Account { namespace: deployment.metadata.namespace.clone()?, name, does, installs })
    };
    if projector::is_projector(deployment) {
        let sources = projector::sources(deployment)?;
        let does = format!("the projector does, with Secrets of {}", sources.join(", "));
        return Some((account(does, "deploy/overlays/projector")?, projector::questions(&sources)));
    }
    let operator = Operator::of(deployment);
    let place = operator.watched.as_ref().map_or_else(|| "all namespaces".to_owned(), |names| names.join(", "));
    Some((account(format!("the operator does, in {place}"), "deploy/base")?, operator.questions()))
}

/// Asks the API server about each right; gives those that are lacking.
pub(super) async fn lacking(
    client: &Client,
    account: &Account,
    questions: Vec<Question>,
) -> kube::Result<Vec<Lacking>> {
    let api: Api<SubjectAccessReview> = Api::all(client.clone());
    let Account { namespace, name, .. } = account;
    let user = format!("system:serviceaccount:{namespace}:{name}");
    let groups = [
        "system:authenticated".to_owned(),
        "system:serviceaccounts".to_owned(),
        format!("system:serviceaccounts:{namespace}"),
    ];
    let mut lacking = Vec::new();
    for Question { is_vital, right, attributes } in questions {
        let spec = SubjectAccessReviewSpec {
            user: Some(user.clone()),
            groups: Some(groups.to_vec()),
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        };
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let answer = api.create(&PostParams::default(), &review).await?;
        if !answer.status.is_some_and(|status| status.allowed) {
            lacking.push(Lacking { right, is_vital });
        }
    }
    Ok(lacking)
}

impl Operator {
    /// What the flags or variables of a Deployment say.
    fn of(deployment: &Deployment) -> Self {
        Self {
            watched: setting(deployment, "--watch-namespaces", "LOCKGATE_WATCH_NAMESPACES").map(names),
            looks_at_secrets: setting(deployment, "--secret-access", "LOCKGATE_SECRET_ACCESS") != Some("none"),
        }
    }

    /// Every right that it needs.
    fn questions(&self) -> Vec<Question> {
        let scopes: Vec<Option<&String>> =
            self.watched.as_ref().map_or_else(|| vec![None], |names| names.iter().map(Some).collect());
        let mut questions = Vec::new();
        for scope in scopes {
            // What is in no namespace cannot be granted in one.
            let is_asked = |rule: &&Rule| match rule.resources {
                ["secrets"] => self.looks_at_secrets,
                ["clusterregistries"] => scope.is_none(),
                _ => true,
            };
            for rule in RULES.iter().filter(is_asked) {
                for (resource, verb) in rule.resources.iter().flat_map(|r| rule.verbs.iter().map(move |v| (*r, *v))) {
                    let (plural, subresource) =
                        resource.split_once('/').map_or((resource, None), |(r, s)| (r, Some(s)));
                    let place = scope.map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
                    // A finished Pipeline that stays is no harm.
                    let is_vital = rule.is_vital && (resource, verb) != ("pipelines", "delete");
                    let attributes = ResourceAttributes {
                        group: Some(rule.group.to_owned()),
                        resource: Some(plural.to_owned()),
                        subresource: subresource.map(ToOwned::to_owned),
                        verb: Some(verb.to_owned()),
                        namespace: scope.cloned(),
                        ..ResourceAttributes::default()
                    };
                    questions.push(Question { is_vital, right: format!("{verb} {resource}{place}"), attributes });
                }
            }
        }
        questions
    }
}

/// A row for each account that was asked about.
pub(super) fn judge(asked: &[(Account, Read<Vec<Lacking>>)]) -> Vec<Check> {
    asked.iter().map(|(account, lacking)| of_account(account, lacking)).collect()
}

fn of_account(account: &Account, lacking: &Read<Vec<Lacking>>) -> Check {
    let Account { namespace, name, does, installs } = account;
    let whose = format!("ServiceAccount {namespace}/{name}");
    let lacking = match lacking {
        Ok(lacking) => lacking,
        Err(why) => return unseen(NAME, why, "create on subjectaccessreviews.authorization.k8s.io"),
    };
    if lacking.is_empty() {
        return ok(NAME, format!("{whose} may do what {does}"));
    }
    let rights = lacking.iter().map(|lacking| lacking.right.as_str()).collect::<Vec<_>>().join(", ");
    let seen = format!("{whose} may not: {rights}");
    let mend = format!(
        "bind the role of this version to it, by what installed it: helm upgrade, or kubectl apply --server-side -k {installs} \
         (docs/security.md says what is lost without each right)"
    );
    if lacking.iter().any(|lacking| lacking.is_vital) { failed(NAME, seen, mend) } else { warn(NAME, seen, mend) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::doctor::judge::State;
    use crate::cli::doctor::seen::Unread;

    fn deployment(args: &[&str], env: &Value) -> Deployment {
        serde_json::from_value(json!({
            "metadata": {"name": "lockgate", "namespace": "system"},
            "spec": {"selector": {}, "template": {"spec": {"serviceAccountName": "gate",
                "containers": [{"name": "operator", "args": args, "env": env}]}}},
        }))
        .unwrap()
    }

    fn operator(args: &[&str]) -> Operator {
        Operator::of(&deployment(args, &json!([])))
    }

    #[test]
    fn the_rules_are_those_that_are_installed() {
        let text = std::fs::read_to_string("deploy/base/rbac.yaml").unwrap();
        let role = crate::cli::manifest::read(&text).unwrap().remove(0);
        let ours = RULES
            .iter()
            .map(|rule| json!({"apiGroups": [rule.group], "resources": rule.resources, "verbs": rule.verbs}));
        assert_eq!(role["rules"], Value::Array(ours.collect()));
    }

    #[test]
    fn how_far_it_has_to_reach_is_read_from_flags_and_variables() {
        let all = operator(&["operator"]);
        assert_eq!((&all.watched, all.looks_at_secrets), (&None, true));
        let two = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(operator(&["operator", "--watch-namespaces=a,b"]).watched, two);
        assert_eq!(operator(&["operator", "--watch-namespaces", "a, b"]).watched, two);
        let by_variable = json!([{"name": "LOCKGATE_WATCH_NAMESPACES", "value": "a,b"}]);
        assert_eq!(Operator::of(&deployment(&["operator"], &by_variable)).watched, two);
        assert!(!operator(&["--secret-access=none"]).looks_at_secrets);
    }

    #[test]
    fn what_is_not_needed_is_not_asked() {
        let rights = |args: &[&str]| -> Vec<String> {
            operator(args).questions().into_iter().map(|question| question.right).collect()
        };
        let all = rights(&[]);
        assert_eq!(all.len(), 26);
        assert!(all.contains(&"patch pipelines/status".to_owned()) && all.contains(&"get secrets".to_owned()));
        assert!(!rights(&["--secret-access=none"]).iter().any(|right| right.contains("secrets")));
        let two = rights(&["--watch-namespaces=a,b"]);
        assert_eq!(two.len(), 48);
        assert!(two.contains(&"create pods in namespace b".to_owned()));
    }

    #[test]
    fn what_is_lacking_is_named_and_counts_by_what_is_lost() {
        let lacking = |rights: &[(&str, bool)]| {
            Ok(rights.iter().map(|&(right, is_vital)| Lacking { right: right.into(), is_vital }).collect())
        };
        let account = |args: &[&str]| asked(&deployment(args, &json!([]))).unwrap().0;
        let judged = |lacking| judge(&[(account(&["operator"]), lacking)]).remove(0);
        assert_eq!(judged(lacking(&[])).state, State::Ok);
        assert_eq!(judged(lacking(&[("create events", false)])).state, State::Warn);
        let both = judged(lacking(&[("create events", false), ("create pods", true)]));
        assert_eq!(both.state, State::Failed);
        assert!(both.seen.contains("system/gate may not: create events, create pods"), "{}", both.seen);
        let blind = judged(Err(Unread::Forbidden));
        assert_eq!(blind.state, State::Unseen);
        assert!(blind.mend.unwrap().contains("create on subjectaccessreviews"));
        // Each is told as what it is.
        let projector = account(&["projector", "--source-namespaces=a,b"]);
        let well = judge(&[(projector.clone(), lacking(&[]))]).remove(0);
        assert_eq!(well.seen, "ServiceAccount system/gate may do what the projector does, with Secrets of a, b");
        let mend = judge(&[(projector, lacking(&[("list namespaces", true)]))]).remove(0).mend.unwrap();
        assert!(mend.contains("-k deploy/overlays/projector "), "{mend}");
    }
}
