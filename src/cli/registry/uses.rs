//! Which images get the login of a Registry.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::{Api, Client};

use super::seen::Row;
use crate::api::registry::Scope;
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::users::{self, ImageUse, Namer, Place, Users};
use crate::model::world::RegistryKind;
use crate::reach::{Selector, reaches};

/// Images, and what is not known of them.
pub(super) struct Uses {
    /// Those of the host; `None`: Pipelines are not known.
    pub images: Option<Vec<ImageUse>>,
    /// What could not be looked at, a sentence each.
    pub unknown: Vec<String>,
    /// Who else names the Secret: every Registry of either kind, itself included, and every Pipeline.
    pub users: Users,
}

impl Uses {
    /// Whether the cluster has Pipelines at all.
    pub(super) fn is_served(&self) -> bool {
        self.users != Users::NotServed
    }

    /// Why the Secret of a Registry is not its alone, as the end of a sentence; `None`: it is.
    pub(super) fn others_with_secret(&self, row: &Row) -> Option<String> {
        let (namespace, secret, via) = (row.secret_namespace.as_str(), row.secret.as_str(), row.via());
        if row.namespace.is_none() && self.images.is_none() {
            return Some("who else uses it is not known".into());
        }
        if let Some(why) = self.users.why_namers_unknown() {
            return Some(why);
        }
        let is_other = |place: &Place| place.via.as_deref() != Some(via.as_str());
        let pipelines = self.users.of(namespace, secret).unwrap_or_default();
        let pipelines =
            pipelines.iter().filter(|user| user.places.iter().any(is_other)).map(|user| user.pipeline.clone());
        let namers = self.users.namers(namespace, secret).iter().map(Namer::via).filter(|other| *other != via);
        let names: Vec<String> = pipelines.chain(namers).collect();
        (!names.is_empty()).then(|| printable(&format!("it is in use by {}", names.join(", "))).into_owned())
    }
}

/// Looks at the Pipelines that a Registry is for.
pub(super) async fn read(client: &Client, row: &Row) -> Result<Uses, Error> {
    let namespace = row.namespace.as_deref();
    let users = users::list(client, namespace).await?;
    let unread = users.why_pipelines_unknown();
    let mut unknown: Vec<String> = unread.map(|why| format!("which images get it: {why}")).into_iter().collect();
    let Some(images) = users.images() else { return Ok(Uses { images: None, unknown, users }) };
    let (host, via) = (row.host(), row.via());
    let mut images: Vec<ImageUse> = images
        .iter()
        .filter(|image| host.is_some() && image.host() == host || image.via.contains(&via))
        .cloned()
        .collect();
    if row.kind == RegistryKind::ClusterRegistry && !images.is_empty() {
        match labels(client).await? {
            Some(labels) => {
                let reach = Reach::of(row);
                let reaches = |image: &ImageUse| labels.get(&image.namespace).is_some_and(|labels| reach.has(labels));
                images.retain(|image| image.via.contains(&via) || reaches(image));
            }
            None => unknown.push("for which of these namespaces it is: you may not list Namespaces".into()),
        }
    }
    Ok(Uses { images: Some(images), unknown, users })
}

/// The labels of all namespaces; `None`: they may not be listed.
async fn labels(client: &Client) -> Result<Option<BTreeMap<String, BTreeMap<String, String>>>, Error> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    match namespaces.list_metadata(&ListParams::default()).await {
        Ok(list) => {
            let of = |metadata: kube::core::ObjectMeta| {
                (metadata.name.unwrap_or_default(), metadata.labels.unwrap_or_default())
            };
            Ok(Some(list.items.into_iter().map(|found| of(found.metadata)).collect()))
        }
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Which namespaces a `ClusterRegistry` is for: none where nobody can read its selector.
struct Reach {
    scope: Scope,
    selector: Result<Option<Selector>, String>,
}

impl Reach {
    fn of(row: &Row) -> Self {
        Self { scope: row.scope, selector: row.selector.as_ref().map(Selector::parse).transpose() }
    }

    fn has(&self, labels: &BTreeMap<String, String>) -> bool {
        self.selector.as_ref().is_ok_and(|selector| reaches(self.scope, selector.as_ref(), labels))
    }
}

/// A line for each Pipeline and image.
pub(super) fn lines(row: &Row, images: &[ImageUse]) -> Vec<String> {
    let line = |image: &ImageUse| {
        let place = if row.namespace.is_none() { format!("{}/", image.namespace) } else { String::new() };
        printable(&format!("  {place}{}, step {}: {}", image.pipeline, image.step, image.image)).into_owned()
    };
    images.iter().map(line).collect()
}

/// How many Pipelines these are, in words.
pub(super) fn count(images: &[ImageUse]) -> String {
    let pipelines: std::collections::BTreeSet<(&str, &str)> =
        images.iter().map(|image| (image.namespace.as_str(), image.pipeline.as_str())).collect();
    if pipelines.len() == 1 { "1 Pipeline".to_owned() } else { format!("{} Pipelines", pipelines.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reach::SYSTEM_LABEL;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
    use serde_json::json;

    #[test]
    fn a_namespace_is_reached_by_scope_and_selector() {
        let selector = |value: serde_json::Value| serde_json::from_value::<LabelSelector>(value).unwrap();
        let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let reach = |is_private: bool, value: Option<serde_json::Value>| Reach {
            scope: if is_private { Scope::GlobalPrivate } else { Scope::Global },
            selector: value.map(|value| Selector::parse(&selector(value))).transpose(),
        };
        let team = || Some(json!({"matchLabels": {"team": "a"}}));
        for (reach, labels, has) in [
            (reach(false, None), labels(&[]), true),
            (reach(true, None), labels(&[]), false),
            (reach(true, None), labels(&[SYSTEM_LABEL]), true),
            (reach(true, None), labels(&[(SYSTEM_LABEL.0, "yes")]), false),
            (reach(false, team()), labels(&[("team", "a")]), true),
            (reach(false, team()), labels(&[("team", "b")]), false),
            (reach(true, team()), labels(&[("team", "a")]), false),
            (reach(false, Some(json!({"matchExpressions": [{"key": "x", "operator": "Odd"}]}))), labels(&[]), false),
        ] {
            assert_eq!(reach.has(&labels), has, "{labels:?}");
        }
    }
}
