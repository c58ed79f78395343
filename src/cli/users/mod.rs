//! Who uses which Secret: the Pipelines that name it, those whose Pods get it from elsewhere (`via`), and the Registries that name it.
//!
//! Where Pipelines cannot be listed, that is an answer of its own: nobody may take it for "nobody".

mod named;
mod registries;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use http::StatusCode;
use kube::api::ListParams;
use kube::{Client, CustomResourceExt, Resource};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ask::{self, Page};
use super::error::Error;
use crate::api::pipeline::{Mode, OnSecretChange, Pipeline};
use crate::api::reason::ReferenceUse;
use crate::model::table::ListMeta;
use named::Named;
use registries::Namers;
pub(super) use registries::{ImageUse, Namer};

/// Who uses which Secret, or why that is not known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Users {
    /// These and no others.
    Known(Index),
    /// The API server refuses to list Pipelines; its words.
    Forbidden(String),
    /// The cluster has no such resource.
    NotServed,
}

/// Users by namespace and name of the Secret, and what images Pipelines have.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    users: BTreeMap<(String, String), Vec<User>>,
    namers: Namers,
    images: Vec<ImageUse>,
}

/// A Pipeline that uses a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    /// The Pipeline's name.
    pub pipeline: String,
    /// How its Pods live.
    pub mode: Mode,
    /// What it asks for when the Secret changes, its default included.
    pub on_secret_change: OnSecretChange,
    /// Where it uses this Secret; at least one place.
    pub places: Vec<Place>,
}

/// One place where a step uses a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The step; `main` for a `transform`.
    pub step: String,
    /// What for.
    pub usage: Usage,
    /// Whether the container starts without it.
    pub optional: bool,
    /// What named it where the Pipeline does not, as `status.references[].via` says: `serviceaccount/default`.
    pub via: Option<String>,
}

/// What a Secret is used for, as the spec has it: also where a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// One key as an environment variable.
    Env {
        /// The variable.
        var: String,
        /// The key.
        key: String,
    },
    /// Every key as an environment variable.
    EnvPrefix(String),
    /// Keys as files, or one as a file by `sub_path`.
    Mount {
        /// The directory, or with `sub_path` the file.
        path: String,
        /// The one file.
        sub_path: Option<String>,
        /// Whether it is rendered when a Pod starts, as where a Secret of the folder is a properties file.
        is_rendered: bool,
    },
    /// A value that the expressions of an input can name.
    Input {
        /// What they call it.
        called: String,
        /// The key; `None`: every key.
        key: Option<String>,
    },
    /// Credentials for the image's registry.
    ImagePull,
    /// It is named, and nothing that can be read says what for.
    Unsaid,
}

impl Users {
    /// The Pipelines that use this Secret; `None`: not known.
    pub(super) fn of(&self, namespace: &str, secret: &str) -> Option<&[User]> {
        match self {
            Self::Known(index) => Some(index.of(namespace, secret)),
            Self::Forbidden(_) | Self::NotServed => None,
        }
    }

    /// The Registries that name this Secret; none where Pipelines are not known, either.
    pub(super) fn namers(&self, namespace: &str, secret: &str) -> &[Namer] {
        match self {
            Self::Known(index) => index.namers.get(namespace, secret),
            Self::Forbidden(_) | Self::NotServed => &[],
        }
    }

    /// Why it is not known whether a Registry names a Secret; `None`: it is.
    pub(super) fn why_namers_unknown(&self) -> Option<String> {
        let Self::Known(index) = self else { return None };
        let why = index.namers.unknown.as_ref()?;
        Some(format!("whether a Registry names a Secret is not known: {why}"))
    }

    /// The same of a `ClusterRegistry`, which takes other rights.
    pub(super) fn why_cluster_namers_unknown(&self) -> Option<String> {
        let Self::Known(index) = self else { return None };
        let why = index.namers.cluster_unknown.as_ref()?;
        Some(format!("whether a ClusterRegistry names a Secret is not known: {why}"))
    }

    /// The images of all Pipelines; `None`: not known.
    pub(super) fn images(&self) -> Option<&[ImageUse]> {
        match self {
            Self::Known(index) => Some(&index.images),
            Self::Forbidden(_) | Self::NotServed => None,
        }
    }

    /// Why it is not known who uses a Secret; `None`: it is.
    pub(super) fn why_unknown(&self) -> Option<String> {
        self.why_pipelines_unknown().map(|why| format!("who uses a Secret is not known: {why}"))
    }

    /// Why Pipelines are not known, as the end of a sentence; `None`: they are.
    pub(super) fn why_pipelines_unknown(&self) -> Option<String> {
        match self {
            Self::Known(_) => None,
            Self::Forbidden(words) => Some(format!("you may not list Pipelines ({words})")),
            Self::NotServed => {
                Some(format!("this cluster serves no {}; lockgate doctor says what is missing", Pipeline::crd_name()))
            }
        }
    }
}

impl Index {
    /// The Pipelines that use this Secret.
    pub(super) fn of(&self, namespace: &str, secret: &str) -> &[User] {
        self.users.get(&(namespace.to_owned(), secret.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// The Registries that name this Secret.
    pub(super) fn namers(&self, namespace: &str, secret: &str) -> &[Namer] {
        self.namers.get(namespace, secret)
    }

    /// Namespace and name of each Secret that is used, in this order.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        let all: BTreeSet<&(String, String)> = self.users.keys().chain(self.namers.secrets()).collect();
        all.into_iter().map(|(namespace, secret)| (namespace.as_str(), secret.as_str()))
    }

    /// Takes in what one Pipeline names.
    fn add(&mut self, namespace: &str, pipeline: &str, named: Named) {
        for (secret, place) in named.places {
            let users = self.users.entry((namespace.to_owned(), secret)).or_default();
            match users.iter_mut().find(|user| user.pipeline == pipeline) {
                Some(user) => user.places.push(place),
                None => users.push(User {
                    pipeline: pipeline.to_owned(),
                    mode: named.mode,
                    on_secret_change: named.on_secret_change,
                    places: vec![place],
                }),
            }
        }
    }
}

impl User {
    /// Whether its Pods are exchanged for fresh ones when the Secret changes, as `on_secret_change` and its places say.
    pub(super) fn restarts(&self) -> bool {
        let counts = |place: &Place| match self.on_secret_change {
            OnSecretChange::Ignore => false,
            OnSecretChange::Restart => place.usage.is_settled_at_start(),
            OnSecretChange::RestartAll => place.usage != Usage::ImagePull,
        };
        // What the Pipeline does not name itself is a pull secret.
        self.places.iter().any(counts)
    }

    /// For `-o json`.
    pub(super) fn json(&self) -> Value {
        let places: Vec<Value> = self.places.iter().map(Place::json).collect();
        json!({
            "pipeline": self.pipeline, "mode": self.mode, "onSecretChange": self.on_secret_change,
            "restarts": self.restarts(), "places": places,
        })
    }
}

impl Usage {
    /// Whether a container has the value until its end: variables are set when it starts, and a `sub_path` is bound then.
    pub(super) fn is_settled_at_start(&self) -> bool {
        matches!(
            self,
            Self::Env { .. }
                | Self::EnvPrefix(_)
                | Self::Input { .. }
                | Self::Mount { sub_path: Some(_), .. }
                | Self::Mount { is_rendered: true, .. }
        )
    }

    /// The word of `status.references[].use`.
    fn word(&self) -> Option<ReferenceUse> {
        match self {
            Self::Env { .. } => Some(ReferenceUse::Env),
            Self::EnvPrefix(_) => Some(ReferenceUse::EnvPrefix),
            Self::Mount { .. } => Some(ReferenceUse::Mount),
            Self::Input { .. } => Some(ReferenceUse::Input),
            Self::ImagePull => Some(ReferenceUse::ImagePull),
            Self::Unsaid => None,
        }
    }
}

impl Place {
    fn json(&self) -> Value {
        let text = |name: &'static str, text: &str| Some((name, json!(text)));
        let (first, second) = match &self.usage {
            Usage::Env { var, key } => (text("env_var", var), text("key", key)),
            Usage::EnvPrefix(prefix) => (text("env_prefix", prefix), None),
            Usage::Mount { path, sub_path, .. } => {
                (text("mount_path", path), sub_path.as_deref().and_then(|file| text("sub_path", file)))
            }
            Usage::Input { called, key } => (text("as", called), key.as_deref().and_then(|key| text("key", key))),
            Usage::ImagePull | Usage::Unsaid => (None, None),
        };
        let via = self.via.as_deref().and_then(|via| text("via", via));
        let always =
            [("step", json!(self.step)), ("use", json!(self.usage.word())), ("optional", json!(self.optional))];
        let fields = always.into_iter().chain([first, second, via].into_iter().flatten());
        fields.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: ", self.step)?;
        match &self.usage {
            Usage::Env { var, key } => write!(f, "env_var {var} (key {key})"),
            Usage::EnvPrefix(prefix) => write!(f, "env_prefix {prefix:?} (every key)"),
            Usage::Mount { path, sub_path: None, .. } => write!(f, "mount_path {path}"),
            Usage::Mount { path, sub_path: Some(file), .. } => write!(f, "mount_path {path} (sub_path {file})"),
            Usage::Input { called, key: None } => write!(f, "input .secrets.{called} (every key)"),
            Usage::Input { called, key: Some(key) } => write!(f, "input .secrets.{called} (key {key})"),
            Usage::ImagePull => f.write_str("image_pull_secrets"),
            Usage::Unsaid => f.write_str("named, without a use"),
        }?;
        if let Some(via) = &self.via {
            write!(f, ", via {via}")?;
        }
        if self.optional { f.write_str(", optional") } else { Ok(()) }
    }
}

/// Lists the Pipelines of a namespace, or of all, and the Registries. `Err`: no answer, or one that says nothing of rights.
pub(super) async fn list(client: &Client, namespace: Option<&str>) -> Result<Users, Error> {
    let api = format!("/apis/{}", Pipeline::api_version(&()));
    let path = ask::path(&api, namespace, &Pipeline::plural(&()));
    let all = ListParams::default();
    let pipelines = ask::pages::<Pipelines>(client, &path, &all, ask::JSON);
    let (pipelines, namers) = tokio::join!(pipelines, Namers::read(client, namespace));
    match pipelines {
        Ok(pages) => Ok(Users::Known(Index { namers: namers?, ..index(pages) })),
        Err(Error::Client(kube::Error::Api(status))) if status.code == StatusCode::FORBIDDEN.as_u16() => {
            Ok(Users::Forbidden(status.message))
        }
        Err(error) if error.status_code() == Some(StatusCode::NOT_FOUND) => Ok(Users::NotServed),
        Err(error) => Err(error),
    }
}

/// A page of Pipelines: their specs as they are, and of their status what names a Secret that the spec does not.
#[derive(Deserialize)]
struct Pipelines {
    #[serde(default)]
    metadata: ListMeta,
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Value,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
struct ObjectMeta {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    step: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    via: Option<String>,
}

impl Page for Pipelines {
    fn list_meta(&self) -> &ListMeta {
        &self.metadata
    }
}

fn index(pages: Vec<Pipelines>) -> Index {
    let mut index = Index::default();
    for Item { metadata, spec, status } in pages.into_iter().flat_map(|page| page.items) {
        let mut named = named::read(&spec);
        for (step, image) in std::mem::take(&mut named.images) {
            let of_step = status.references.iter().filter(|reference| reference.step == step);
            let via = of_step.filter_map(|reference| reference.via.clone()).collect();
            let (namespace, pipeline) = (metadata.namespace.clone(), metadata.name.clone());
            index.images.push(ImageUse { namespace, pipeline, step, image, via });
        }
        let attached = status.references.into_iter().filter(|reference| reference.via.is_some());
        named.places.extend(attached.map(|Reference { step, name, via }| {
            (name, Place { step, usage: Usage::ImagePull, optional: false, via })
        }));
        index.add(&metadata.namespace, &metadata.name, named);
    }
    index
}

#[cfg(test)]
mod tests;
