//! What the operator gives to every Pod, as its Deployment says it: for what is told of Pods that are not there yet, by whoever may
//! read that Deployment.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Container, PodSpec};
use kube::api::ListParams;
use kube::{Api, Client};

use super::defaults;
use super::doctor::access::{names, setting};
use super::doctor::projector::is_projector;
use super::doctor::seen::{LABEL, Read, read};
use crate::model::defaults::{Defaults, HELPER_IMAGE, Helper};
use crate::model::names::SecretName;

/// The operator's namespace where nobody says another.
pub(super) const NAMESPACE: &str = "lockgate-system";
/// An answer that does not come within this time is taken for none.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of the Pods' template: the image that the variable takes its value from, in `deploy/base` and the chart.
const IMAGE_ANNOTATION: &str = "lockgate.dev/helper-image";

/// What the operator gives, as far as it can be seen.
#[derive(Debug, Default)]
pub(super) struct Installed {
    /// What every Pod gets; where it cannot be seen, nothing but this version's image for inputs.
    pub defaults: Arc<Defaults>,
    /// Why the image for inputs is assumed.
    assumed: Option<String>,
    /// What else could not be read.
    unread: Option<String>,
}

/// A file of a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mounted {
    config_map: String,
    key: String,
}

/// The operators' Deployments in a namespace.
pub(super) async fn deployments(client: &Client, namespace: &str) -> Read<Vec<Deployment>> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let found = read(PATIENCE, deployments.list(&ListParams::default().labels(LABEL))).await?;
    Ok(found.items.into_iter().filter(|deployment| !is_projector(deployment)).collect())
}

/// What the operator of this namespace gives, by its Deployments as they were read.
pub(super) async fn look(client: &Client, namespace: &str, found: &Read<Vec<Deployment>>) -> Installed {
    let why = match found.as_deref() {
        Ok([operator]) => return of(client, namespace, operator).await,
        Ok([]) => format!("no Deployment of the operator is in namespace {namespace}"),
        Ok(_) => format!("several Deployments of operators are in namespace {namespace}"),
        Err(_) => format!("the operator's Deployment in namespace {namespace} could not be looked at"),
    };
    let assumed = format!(
        "{why} (--operator-namespace says where it is): the image that renders inputs is assumed to be {HELPER_IMAGE}, without pull \
         secrets of its own"
    );
    Installed { assumed: Some(assumed), ..Installed::default() }
}

async fn of(client: &Client, namespace: &str, operator: &Deployment) -> Installed {
    let helper = helper(operator);
    let Some(path) = setting(operator, "--pod-defaults", "LOCKGATE_POD_DEFAULTS") else {
        return Installed { defaults: Arc::new(Defaults { helper, ..Defaults::default() }), ..Installed::default() };
    };
    let file = mounted(operator, path);
    let given = match &file {
        Some(file) => {
            let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
            let map = read(PATIENCE, maps.get_opt(&file.config_map)).await.ok().flatten();
            let text = map.and_then(|mut map| map.data.as_mut()?.remove(&file.key));
            text.and_then(|text| defaults::parse(&text).ok())
        }
        None => None,
    };
    let unread = given.is_none().then(|| {
        let place = file.map(|file| format!(", in ConfigMap {} of namespace {namespace}", file.config_map));
        let place = place.unwrap_or_default();
        format!("the operator's --pod-defaults could not be read{place}: it is assumed that they hold nothing")
    });
    let defaults = Arc::new(Defaults { helper, ..given.unwrap_or_default() });
    Installed { defaults, assumed: None, unread }
}

/// What the operator was told of the image for inputs.
fn helper(operator: &Deployment) -> Helper {
    let by_annotation = || {
        let annotations = operator.spec.as_ref()?.template.metadata.as_ref()?.annotations.as_ref()?;
        annotations.get(IMAGE_ANNOTATION).map(String::as_str)
    };
    let image = setting(operator, "--helper-image", "LOCKGATE_HELPER_IMAGE").or_else(by_annotation);
    let listed = setting(operator, "--helper-pull-secrets", "LOCKGATE_HELPER_PULL_SECRETS").map(names);
    let pull_secrets = listed.into_iter().flatten().filter_map(|name| SecretName::parse(&name).ok()).collect();
    Helper { image: image.unwrap_or(HELPER_IMAGE).to_owned(), pull_policy: None, pull_secrets }
}

/// The key of a ConfigMap that the operator has at this path.
fn mounted(operator: &Deployment, path: &str) -> Option<Mounted> {
    let pod: &PodSpec = operator.spec.as_ref()?.template.spec.as_ref()?;
    let container: &Container = pod.containers.first()?;
    container.volume_mounts.iter().flatten().find_map(|mount| {
        let below = path.strip_prefix(mount.mount_path.trim_end_matches('/'))?;
        let file = match &mount.sub_path {
            Some(file) if below.is_empty() => file,
            None => below.strip_prefix('/')?,
            Some(_) => return None,
        };
        let volume = pod.volumes.iter().flatten().find(|volume| volume.name == mount.name)?;
        let map = volume.config_map.as_ref()?;
        let item = map.items.iter().flatten().find(|item| item.path == file);
        let key = item.map_or(file, |item| item.key.as_str());
        Some(Mounted { config_map: map.name.clone(), key: key.to_owned() })
    })
}

impl Installed {
    /// What was assumed where it could not be seen, in sentences; the image for inputs counts only where one is rendered.
    pub(super) fn unseen(&self, renders_inputs: bool) -> Vec<String> {
        let assumed = self.assumed.iter().filter(|_| renders_inputs);
        assumed.chain(&self.unread).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn operator(container: &Value) -> Deployment {
        serde_json::from_value(json!({"spec": {"selector": {}, "template": {
            "metadata": {"annotations": {IMAGE_ANNOTATION: "mirror.example.com/lockgate:2"}},
            "spec": {"containers": [container], "volumes": [
                {"name": "defaults", "configMap": {"name": "of-pods"}},
                {"name": "renamed", "configMap": {"name": "of-pods", "items": [{"key": "a", "path": "b"}]}},
                {"name": "other", "emptyDir": {}},
            ]},
        }}}))
        .unwrap()
    }

    #[test]
    fn flags_variables_and_the_annotation_say_which_image_renders() {
        let by_field = json!([{"name": "LOCKGATE_HELPER_IMAGE", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]);
        for (container, image, secrets) in [
            (json!({"name": "a", "args": ["operator"], "env": by_field}), "mirror.example.com/lockgate:2", ""),
            (json!({"name": "a", "args": ["--helper-image=a:1", "--helper-pull-secrets=b,c"]}), "a:1", "b c"),
            (json!({"name": "a", "env": [{"name": "LOCKGATE_HELPER_IMAGE", "value": "a:2"}]}), "a:2", ""),
        ] {
            let helper = helper(&operator(&container));
            let names: Vec<String> = helper.pull_secrets.iter().map(ToString::to_string).collect();
            assert_eq!((helper.image.as_str(), names.join(" ").as_str()), (image, secrets));
        }
        assert_eq!(super::helper(&Deployment::default()), Helper::default());
    }

    #[test]
    fn a_file_is_found_in_its_config_map() {
        let mounts = json!([
            {"name": "other", "mountPath": "/etc"},
            {"name": "defaults", "mountPath": "/etc/defaults/"},
            {"name": "renamed", "mountPath": "/etc/renamed"},
            {"name": "defaults", "mountPath": "/etc/one.yaml", "subPath": "one"},
        ]);
        let operator = operator(&json!({"name": "a", "volumeMounts": mounts}));
        let found = |path: &str| mounted(&operator, path).map(|file| [file.config_map, file.key].join("/"));
        assert_eq!(found("/etc/defaults/pods.yaml").as_deref(), Some("of-pods/pods.yaml"));
        assert_eq!(found("/etc/renamed/b").as_deref(), Some("of-pods/a"));
        assert_eq!(found("/etc/one.yaml").as_deref(), Some("of-pods/one"));
        assert_eq!(found("/etc/x.yaml"), None);
        assert_eq!(found("/etc/defaults"), None);
    }
}
