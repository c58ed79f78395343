//! One write of a status: a merge patch of what differs, for an object as it was seen.

use std::fmt::Debug;
use std::time::Duration;

use kube::api::{Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tracing::{debug, warn};

use super::key::ObjectKey;

/// One write takes no longer.
pub(super) const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// What became of a status write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It stands.
    Yes,
    /// The object is gone; there is nothing to say any more.
    Gone,
    /// Our view was behind: look again.
    Behind,
    /// The API server did not take it: try again.
    Failed,
}

impl Written {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "written",
            Self::Gone => "not_found",
            Self::Behind => "conflict",
            Self::Failed => "failed",
        }
    }
}

/// An object as it was seen.
pub(super) struct Seen<'a> {
    pub kind: &'static str,
    pub key: &'a ObjectKey,
    pub uid: &'a str,
    pub resource_version: &'a str,
}

impl Seen<'_> {
    /// Turns its status into another: what stands there then, or why it does not.
    ///
    /// The patch carries uid and resourceVersion: the API server refuses it where anybody wrote in between, so that an
    /// older view never overwrites a result.
    pub async fn patch_status<K, S>(&self, client: &Client, before: &S, after: &S) -> Result<K, Written>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
        S: Serialize,
    {
        let Self { kind, key, uid, resource_version } = *self;
        let (Ok(old), Ok(new)) = (serde_json::to_value(before), serde_json::to_value(after)) else {
            return Err(Written::Failed);
        };
        let patch = Patch::Merge(json!({
            "metadata": {"uid": uid, "resourceVersion": resource_version},
            "status": merge_patch(&old, &new),
        }));
        let api: Api<K> = Api::namespaced(client.clone(), &key.namespace);
        let params = PatchParams::default();
        match tokio::time::timeout(WRITE_DEADLINE, api.patch_status(&key.name, &params, &patch)).await {
            Ok(Ok(object)) => Ok(object),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Err(Written::Gone),
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
                debug!(kind, object = %key, "the status was written by somebody else in between");
                Err(Written::Behind)
            }
            Ok(Err(kube::Error::Api(status))) => {
                warn!(kind, object = %key, code = status.code, "the status was refused: {}", status.message);
                Err(Written::Failed)
            }
            Ok(Err(_)) | Err(_) => {
                warn!(kind, object = %key, "the status could not be written: the API server could not be reached");
                Err(Written::Failed)
            }
        }
    }
}

/// The merge patch (RFC 7396) that turns one object into the other: absent members become null.
fn merge_patch(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return new.clone();
    };
    let mut patch = Map::new();
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, value) in new {
        match old.get(name) {
            Some(same) if same == value => {}
            Some(other) => {
                patch.insert(name.clone(), merge_patch(other, value));
            }
            None => {
                patch.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 7396, as the API server applies it.
    fn apply(target: &mut Value, patch: &Value) {
        let Value::Object(patch) = patch else {
            *target = patch.clone();
            return;
        };
        if !target.is_object() {
            *target = json!({});
        }
        let object = target.as_object_mut().unwrap();
        for (name, value) in patch {
            if value.is_null() {
                object.remove(name);
            } else {
                apply(object.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
    }

    fn object(depth: u32) -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<bool>().prop_map(Value::from), "[a-c]{0,2}".prop_map(Value::from)];
        let inner = leaf.prop_recursive(depth, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map("[a-c]", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        });
        proptest::collection::btree_map("[a-d]", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn the_patch_turns_the_old_into_the_new(old in object(3), new in object(3)) {
            let mut target = old.clone();
            apply(&mut target, &merge_patch(&old, &new));
            prop_assert_eq!(target, new);
        }
    }
}
