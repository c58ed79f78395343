//! Whether the kubelets ask for pull credentials again where an image lies on their node already (KEP-2535).
//!
//! On by default since 1.35: for what the kubelet pulled itself, not for images that were loaded onto the node.

use std::collections::BTreeMap;

use http::Request;
use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::{Api, Client};
use serde::Deserialize;

use super::judge::{Check, ok, unseen, warn};
use super::seen::Read;

const NAME: &str = "kubelets";
const GATE: &str = "KubeletEnsureSecretPulledImages";
/// The first version whose kubelet verifies by default.
const SINCE: (u64, u64) = (1, 35);
/// Of more nodes than this the configuration is not asked for: they are mostly made alike.
const MOST_ASKED: usize = 20;
/// More nodes than this are counted, not named.
const MOST_NAMED: usize = 3;

/// A kubelet, as far as it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kubelet {
    /// The node's name.
    pub node: String,
    /// As in `v1.36.3`.
    pub version: String,
    /// Its configuration; `None`: it was not to be read.
    pub settings: Option<Settings>,
}

/// What `configz` says of it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(super) struct Settings {
    #[serde(default)]
    image_pull_credentials_verification_policy: Option<String>,
    #[serde(default)]
    feature_gates: BTreeMap<String, bool>,
}

#[derive(Deserialize)]
struct Configz {
    kubeletconfig: Settings,
}

/// Reads the nodes, and the configuration of the first of them through the API server. Whoever may not do the second sees the
/// versions all the same.
pub(super) async fn look(client: &Client) -> kube::Result<Vec<Kubelet>> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await?.items;
    let mut kubelets = Vec::new();
    let mut may_ask = true;
    for (at, node) in nodes.into_iter().enumerate() {
        let name = node.metadata.name.unwrap_or_default();
        let mut settings = None;
        if may_ask && at < MOST_ASKED {
            match configz(client, &name).await {
                Ok(read) => settings = Some(read),
                Err(kube::Error::Api(status)) if status.code == 403 => may_ask = false,
                // A node that does not answer says nothing of the others.
                Err(_) => {}
            }
        }
        let info = node.status.and_then(|status| status.node_info);
        let version = info.map(|info| info.kubelet_version).unwrap_or_default();
        kubelets.push(Kubelet { node: name, version, settings });
    }
    Ok(kubelets)
}

async fn configz(client: &Client, node: &str) -> kube::Result<Settings> {
    let request = Request::get(format!("/api/v1/nodes/{node}/proxy/configz")).body(Vec::new());
    let answer: Configz = client.request(request.map_err(kube::Error::HttpError)?).await?;
    Ok(answer.kubeletconfig)
}

/// Why a kubelet does not verify; `None`: it does.
fn lax(kubelet: &Kubelet) -> Option<String> {
    let settings = kubelet.settings.clone().unwrap_or_default();
    if settings.image_pull_credentials_verification_policy.as_deref() == Some("NeverVerify") {
        return Some("its policy is NeverVerify".to_owned());
    }
    let mut numbers = kubelet.version.trim_start_matches('v').split('.').map(|part| part.parse::<u64>().ok());
    let version = numbers.next().flatten().zip(numbers.next().flatten());
    match (settings.feature_gates.get(GATE), version) {
        (Some(true), _) => None,
        (Some(false), _) => Some(format!("its feature gate {GATE} is off")),
        (None, Some(version)) if version >= SINCE => None,
        (None, _) if kubelet.version.is_empty() => Some("it does not tell its version".to_owned()),
        (None, _) => Some(format!("its version {} does not by default", kubelet.version)),
    }
}

/// One row for all nodes.
pub(super) fn judge(read: &Read<Vec<Kubelet>>) -> Check {
    let kubelets = match read {
        Ok(kubelets) => kubelets,
        Err(why) => return unseen(NAME, why, "list on nodes, and get on nodes/proxy"),
    };
    let lax: Vec<String> =
        kubelets.iter().filter_map(|kubelet| Some(format!("{}: {}", kubelet.node, lax(kubelet)?))).collect();
    let asked = kubelets.iter().filter(|kubelet| kubelet.settings.is_some()).count();
    let by = if asked == kubelets.len() {
        String::new()
    } else {
        format!(" (the configuration of {asked} of them was read, of the others the version)")
    };
    let all = kubelets.len();
    if lax.is_empty() {
        return match all {
            0 => ok(NAME, "there is no node yet"),
            _ => ok(
                NAME,
                format!("{all} of {all} kubelets verify pull credentials for images that they pulled before{by}"),
            ),
        };
    }
    let named = lax.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    let more = match lax.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    warn(
        NAME,
        format!(
            "{} of {all} kubelets give a private image to Pods without its credentials once it is on the node{by}: {named}{more}",
            lax.len()
        ),
        format!(
            "set imagePullCredentialsVerificationPolicy: NeverVerifyPreloadedImages and the feature gate {GATE} (on by default since \
             1.35), or image_pull_policy: Always in the step"
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::doctor::judge::State;
    use crate::cli::doctor::seen::Unread;

    fn kubelet(version: &str, settings: Option<Value>) -> Kubelet {
        let settings = settings.map(|settings| serde_json::from_value(settings).unwrap());
        Kubelet { node: "node-1".into(), version: version.into(), settings }
    }

    #[test]
    fn each_way_not_to_verify_is_told() {
        let policy = |policy: &str| Some(json!({"imagePullCredentialsVerificationPolicy": policy}));
        let gate = |on: bool| Some(json!({"featureGates": {"KubeletEnsureSecretPulledImages": on}}));
        for (version, settings, state, words) in [
            ("v1.36.3", policy("NeverVerifyPreloadedImages"), State::Ok, "1 of 1 kubelets verify"),
            ("v1.36.3", policy("AlwaysVerify"), State::Ok, "1 of 1"),
            ("v1.35.0-eks-1", None, State::Ok, "the configuration of 0 of them was read"),
            ("v1.36.3", policy("NeverVerify"), State::Warn, "node-1: its policy is NeverVerify"),
            ("v1.36.3", gate(false), State::Warn, "KubeletEnsureSecretPulledImages is off"),
            ("v1.34.1", None, State::Warn, "its version v1.34.1 does not by default"),
            ("v1.34.1", gate(true), State::Ok, "1 of 1"),
            ("", None, State::Warn, "it does not tell its version"),
        ] {
            let check = judge(&Ok(vec![kubelet(version, settings)]));
            assert_eq!(check.state, state, "{}", check.seen);
            assert!(check.seen.contains(words), "{}", check.seen);
        }
    }

    #[test]
    fn many_are_counted_and_none_is_fine() {
        let old: Vec<Kubelet> = (0..5).map(|_| kubelet("v1.34.0", Some(json!({})))).collect();
        let check = judge(&Ok(old));
        assert!(check.seen.starts_with("5 of 5 ") && check.seen.ends_with("; and 2 more"), "{}", check.seen);
        assert_eq!(judge(&Ok(vec![])).state, State::Ok);
        assert_eq!(judge(&Err(Unread::Forbidden)).state, State::Unseen);
    }
}
