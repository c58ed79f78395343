//! Registries as they come from the API server, and what is kept of them. One that cannot be read must not stop the watch of the
//! others.

use std::borrow::Cow;

use k8s_openapi::jiff::Timestamp;
use kube::Resource;
use kube::core::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::registry::{ClusterRegistry, LocalSecret, Registry, RegistryStatus};
use crate::controller::key::{ObjectKey, version};
use crate::controller::object::resource_like;
use crate::model::names::SecretName;
use crate::model::registry::Host;
use crate::model::world::{PROJECTED_SECRET, RegistryFacts, RegistryKind};
use crate::report::registry::{Asked, Flaw};

/// A kind of registry in a watch.
pub trait Wire {
    /// Which of the two.
    const KIND: RegistryKind;

    /// What is kept of it.
    fn stored(self) -> StoredRegistry;
}

/// Declares a kind whose spec and status may be of any form.
macro_rules! wire {
    ($(#[$doc:meta])* $name:ident, $kind:ty, $which:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct $name {
            /// The metadata.
            pub metadata: ObjectMeta,
            /// The spec, undecoded.
            #[serde(default)]
            pub spec: Value,
            /// The status, undecoded.
            #[serde(default)]
            pub status: Value,
        }

        resource_like!($name, $kind, metadata_api = false);

        impl Wire for $name {
            const KIND: RegistryKind = $which;

            fn stored(self) -> StoredRegistry {
                StoredRegistry::of($which, self.metadata, self.spec, self.status)
            }
        }
    };
}

wire! {
    /// A Registry in a watch.
    WireRegistry, Registry, RegistryKind::Registry
}
wire! {
    /// A ClusterRegistry in a watch.
    WireClusterRegistry, ClusterRegistry, RegistryKind::ClusterRegistry
}

/// A Registry or a ClusterRegistry as it is kept: parsed once.
#[derive(Clone, Debug)]
pub struct StoredRegistry {
    /// Its name; of a ClusterRegistry without a namespace.
    pub key: ObjectKey,
    /// Which of the two.
    pub kind: RegistryKind,
    /// Its uid.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// Its resource version, which a write of its status must still find.
    pub resource_version: String,
    /// When it was made: the older one comes first.
    pub created: Timestamp,
    /// Whether it is being deleted: it counts for nothing then.
    pub leaving: bool,
    /// What it asks for.
    pub asked: Result<Asked, Flaw>,
    /// What was last written about it. Of a ClusterRegistry, whose status is the projector's: nothing.
    pub status: RegistryStatus,
}

/// What is read of the spec of either kind.
#[derive(Deserialize)]
struct Spec {
    host: String,
    secret: LocalSecret,
}

impl StoredRegistry {
    fn of(kind: RegistryKind, meta: ObjectMeta, spec: Value, status: Value) -> Self {
        let status = match kind {
            RegistryKind::Registry => serde_json::from_value(status).unwrap_or_default(),
            RegistryKind::ClusterRegistry => RegistryStatus::default(),
        };
        Self {
            key: ObjectKey::new(meta.namespace.unwrap_or_default(), meta.name.unwrap_or_default()),
            kind,
            uid: meta.uid.unwrap_or_default(),
            generation: meta.generation.unwrap_or_default(),
            resource_version: meta.resource_version.unwrap_or_default(),
            created: meta.creation_timestamp.map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            leaving: meta.deletion_timestamp.is_some(),
            asked: asked(kind, spec),
            status,
        }
    }

    /// Its resource version as a number.
    #[must_use]
    pub fn version(&self) -> u64 {
        version(&self.resource_version)
    }

    /// What concerns Pods; `None`: nothing, since it is being deleted or asks for what cannot be.
    #[must_use]
    pub fn facts(&self) -> Option<RegistryFacts> {
        let Asked { host, secret } = self.asked.as_ref().ok().filter(|_| !self.leaving)?;
        Some(RegistryFacts { kind: self.kind, name: self.key.name.clone(), host: host.clone(), secret: secret.clone() })
    }
}

fn asked(kind: RegistryKind, spec: Value) -> Result<Asked, Flaw> {
    let Spec { host, secret } = serde_json::from_value(spec).map_err(|error| Flaw::Spec(error.to_string()))?;
    let name = match kind {
        RegistryKind::Registry => secret.name.as_str(),
        RegistryKind::ClusterRegistry => PROJECTED_SECRET,
    };
    let secret = SecretName::parse(name).map_err(|why| Flaw::Spec(format!("secret.name {why}")))?;
    let host = Host::parse(&host).map_err(Flaw::Host)?;
    Ok(Asked { host, secret })
}
