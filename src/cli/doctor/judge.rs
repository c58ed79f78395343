//! What was seen -> what is well, what is not, and how to mend it. Pure.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::seen::{LABEL, Read, Resource, Seen, Unread};
use super::{access, at_rest, crd, kubelets, projector, skew};

/// The version of this binary.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The oldest Kubernetes that is meant to work: resource versions are comparable since then.
const OLDEST: (u64, u64) = (1, 35);

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ok,
    Warn,
    Failed,
    /// It was not looked at, since few accounts may.
    Unseen,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Failed => "failed",
            Self::Unseen => "unseen",
        }
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub name: &'static str,
    pub state: State,
    pub seen: String,
    pub mend: Option<String>,
}

/// All is well.
pub(super) fn ok(name: &'static str, seen: impl Into<String>) -> Check {
    Check { name, state: State::Ok, seen: seen.into(), mend: None }
}

/// It works, and something should be mended all the same.
pub(super) fn warn(name: &'static str, seen: impl Into<String>, mend: impl Into<String>) -> Check {
    Check { name, state: State::Warn, seen: seen.into(), mend: Some(mend.into()) }
}

/// It does not work.
pub(super) fn failed(name: &'static str, seen: impl Into<String>, mend: impl Into<String>) -> Check {
    Check { name, state: State::Failed, seen: seen.into(), mend: Some(mend.into()) }
}

/// What few accounts may look at. That this one may not is no fault of anything.
pub(super) fn unseen(name: &'static str, why: &Unread, right: &str) -> Check {
    match why {
        Unread::Forbidden => Check {
            name,
            state: State::Unseen,
            seen: "not looked at: this account may not (403)".into(),
            mend: Some(format!("to see it, grant {right}")),
        },
        why => unread(name, why, right),
    }
}

/// The names of the checks, always in this order.
const NAMES: [&str; 10] =
    ["server", "crd", "operator", "projector", "access", "skew", "names", "rights", "at-rest", "kubelets"];

/// All checks, always in the same order. `ours` are this binary's definitions, in the order of [`Seen::crds`].
pub(super) fn all(seen: &Seen, ours: &[(&str, CustomResourceDefinition)], namespace: &str) -> Vec<Check> {
    let mut checks = vec![server(&seen.server)];
    // Where the server does not answer at all, that is said once.
    if matches!(seen.server, Err(Unread::NoAnswer(_) | Unread::Unauthorized)) {
        checks.extend(NAMES.iter().skip(1).map(|name| Check {
            name,
            state: State::Warn,
            seen: "not checked: the API server did not answer".into(),
            mend: None,
        }));
        return checks;
    }
    checks.extend(seen.crds.iter().zip(ours).map(|(there, (plural, ours))| crd::judge(plural, there, ours)));
    match &seen.deployments {
        Ok(found) => {
            let (projectors, operators): (Vec<&Deployment>, Vec<&Deployment>) =
                found.iter().partition(|deployment| projector::is_projector(deployment));
            checks.extend(operator(&operators, namespace));
            checks.extend(projector::judge(projectors, &seen.cluster_registries, namespace));
        }
        Err(why) => checks.push(unread("operator", why, &format!("list on deployments in namespace {namespace}"))),
    }
    checks.extend(access::judge(&seen.access));
    let definitions = ours.iter().zip(&seen.crds);
    let definitions = definitions.filter_map(|((plural, _), there)| Some((*plural, there.as_ref().ok()?.as_ref()?)));
    checks.push(skew::judge(seen.deployments.as_deref().unwrap_or_default(), definitions));
    checks.push(match &seen.others {
        Ok(others) => names(others),
        Err(why) => unread("names", why, "get on the discovery paths (ClusterRole system:discovery)"),
    });
    checks.push(match seen.may_list {
        Ok(true) => ok("rights", "this account may list Pipelines in all namespaces"),
        Ok(false) => ok("rights", "this account may not list Pipelines in all namespaces"),
        Err(ref why) => unread("rights", why, "create on selfsubjectaccessreviews (ClusterRole system:basic-user)"),
    });
    checks.push(at_rest::judge(&seen.at_rest));
    checks.push(kubelets::judge(&seen.kubelets));
    checks
}

/// What this account may not read is no fault of the installation.
pub(super) fn unread(name: &'static str, why: &Unread, right: &str) -> Check {
    match why {
        Unread::Forbidden => warn(
            name,
            "not checked: this account may not read it (403)",
            format!("grant it {right}, or use another account"),
        ),
        Unread::Unauthorized => failed(name, "not read: the API server does not know this account (401)", LOG_IN),
        Unread::Refused(said) => failed(name, format!("not read: the API server refused it: {said}"), "try again"),
        Unread::NoAnswer(said) => {
            failed(name, format!("not read: {said}"), "try again, perhaps with a longer --request-timeout")
        }
    }
}

const LOG_IN: &str = "log in again, or name another kubeconfig or context (--kubeconfig, --context)";

fn server(read: &Read<(String, String, String)>) -> Check {
    let name = "server";
    let (version, major, minor) = match read {
        Ok(version) => version,
        Err(Unread::NoAnswer(said)) => {
            return failed(
                name,
                format!("the API server does not answer: {said}"),
                "check the address in the kubeconfig (--kubeconfig, --context) and the network",
            );
        }
        Err(why) => return unread(name, why, "get on /version (ClusterRole system:public-info-viewer)"),
    };
    // Some providers write 35+.
    let number = |text: &str| text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().ok();
    let (oldest_major, oldest_minor) = OLDEST;
    match number(major).zip(number(minor)) {
        Some(found) if found >= OLDEST => ok(name, format!("Kubernetes {version}")),
        Some(_) => failed(
            name,
            format!(
                "Kubernetes {version} is older than {oldest_major}.{oldest_minor}, the oldest that is meant to work"
            ),
            "upgrade the cluster",
        ),
        None => warn(
            name,
            format!("Kubernetes {version}: its number cannot be read"),
            format!("make sure that it is {oldest_major}.{oldest_minor} or newer"),
        ),
    }
}

fn operator(found: &[&Deployment], namespace: &str) -> Vec<Check> {
    if found.is_empty() {
        return vec![failed(
            "operator",
            format!("no Deployment in namespace {namespace} has the label {LABEL}"),
            "name the operator's namespace with --namespace, or install it (docs/install.md)",
        )];
    }
    found.iter().map(|deployment| of_deployment("operator", deployment, namespace)).collect()
}

/// How a Deployment does, as the check of this name.
pub(super) fn of_deployment(name: &'static str, deployment: &Deployment, namespace: &str) -> Check {
    let called = deployment.metadata.name.as_deref().unwrap_or_default();
    let spec = deployment.spec.as_ref();
    let status = deployment.status.clone().unwrap_or_default();
    let wanted = spec.and_then(|spec| spec.replicas).unwrap_or(1);
    let available = status.available_replicas.unwrap_or(0);
    let containers = spec.and_then(|spec| spec.template.spec.as_ref()).map(|pod| pod.containers.as_slice());
    let image = containers.and_then(<[_]>::first).and_then(|container| container.image.as_deref()).unwrap_or_default();
    let version = skew::version(deployment);
    let told = version.map(|version| format!(", version {version}")).unwrap_or_default();
    let seen = format!("Deployment {called}: {available} of {wanted} available{told}, image {image}");
    let describe = format!("see kubectl describe deployment {called} -n {namespace}, and its Pods' logs");
    let observed = status.observed_generation >= deployment.metadata.generation;
    let updated = status.updated_replicas.unwrap_or(0);
    if wanted == 0 {
        let scale = format!("kubectl scale deployment {called} -n {namespace} --replicas=1");
        return failed(name, format!("{seen}: it is scaled to 0"), scale);
    }
    if available == 0 {
        return failed(name, seen, describe);
    }
    if available < wanted || updated < wanted || !observed {
        return warn(name, format!("{seen}; {updated} of them are of its last version"), describe);
    }
    ok(name, seen)
}

fn names(others: &[Resource]) -> Check {
    let groups = |name: &str| {
        let mut groups: Vec<&str> = Vec::new();
        for resource in others.iter().filter(|resource| resource.names.iter().any(|known| known == name)) {
            if !groups.contains(&resource.group.as_str()) {
                groups.push(&resource.group);
            }
        }
        groups
    };
    let name = "names";
    let (long, short) = (groups("pipelines"), groups("lgp"));
    match (long.as_slice(), short.as_slice()) {
        ([], []) => ok(name, "kubectl get pipelines means Lockgate's"),
        (long, []) => warn(
            name,
            format!("{} has pipelines, too: kubectl get pipelines may mean those", long.join(", ")),
            "write kubectl get lgp, or pipelines.lockgate.dev",
        ),
        (_, short) => warn(
            name,
            format!("{} has the name lgp, too: kubectl get lgp may mean that", short.join(", ")),
            "write kubectl get pipelines.lockgate.dev",
        ),
    }
}
