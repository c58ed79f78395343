//! Whether the operator, the definitions and this program are of one version.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::crd::{VERSION_LABEL, numbers};
use super::judge::{Check, VERSION, ok, warn};
use super::projector::is_projector;

const NAME: &str = "skew";

/// The version of a Deployment: its label, else the tag of its image.
pub(super) fn version(deployment: &Deployment) -> Option<&str> {
    let spec = deployment.spec.as_ref();
    let containers = spec.and_then(|spec| spec.template.spec.as_ref()).map(|pod| pod.containers.as_slice());
    let image = containers.and_then(<[_]>::first).and_then(|container| container.image.as_deref()).unwrap_or_default();
    let label = deployment.metadata.labels.as_ref().and_then(|labels| labels.get(VERSION_LABEL)).map(String::as_str);
    label.filter(|label| numbers(label).is_some()).or_else(|| tag(image))
}

/// The version in an image's tag, where it is one.
fn tag(image: &str) -> Option<&str> {
    let name = image.split('@').next()?.rsplit('/').next()?;
    let (_, tag) = name.split_once(':')?;
    numbers(tag).map(|_| tag)
}

/// All versions that are to be seen, against this program's. Of the definitions each comes with its plural.
pub(super) fn judge<'a>(
    deployments: &[Deployment],
    definitions: impl IntoIterator<Item = (&'a str, &'a CustomResourceDefinition)>,
) -> Check {
    let mut parts: Vec<(String, String)> = Vec::new();
    for deployment in deployments {
        if let Some(version) = version(deployment) {
            let name = deployment.metadata.name.as_deref().unwrap_or_default();
            let what = if is_projector(deployment) { "projector" } else { "operator" };
            parts.push((format!("{what} {name}"), version.to_owned()));
        }
    }
    // Those of one version are told together.
    let mut definitions_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (plural, crd) in definitions {
        let label = crd.metadata.labels.as_ref().and_then(|labels| labels.get(VERSION_LABEL));
        if let Some(version) = label.filter(|label| numbers(label).is_some()) {
            definitions_of.entry(version).or_default().push(plural);
        }
    }
    for (version, plurals) in definitions_of {
        parts.push((format!("CustomResourceDefinition of {}", plurals.join(", ")), version.to_owned()));
    }
    let told = parts.iter().map(|(what, version)| format!("{what} {version}")).collect::<Vec<_>>().join(", ");
    let seen = if told.is_empty() {
        format!("this lockgate is {VERSION}; nothing else says its version")
    } else {
        format!("this lockgate is {VERSION}; {told}")
    };
    let is_one = parts.iter().all(|(_, version)| numbers(version) == numbers(VERSION));
    if is_one { ok(NAME, seen) } else { warn(NAME, seen, "use one version of all: upgrade what is older") }
}
