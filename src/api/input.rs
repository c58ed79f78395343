//! `input`: what a step receives, with values of Secrets woven in by jq just before it starts.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{cel, rules};

/// Something that is rendered in the Pod, with values of Secrets in it, before the container starts.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new(cel::INPUT_ONE_PLACE).message(rules::INPUT_ONE_PLACE))]
pub struct Input {
    /// The Secrets that expressions can name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new(cel::INPUT_NAMES_UNIQUE).message(rules::INPUT_NAMES_UNIQUE))]
    pub secrets: Vec<InputSecret>,

    /// Any JSON, at most 32 KiB. In its strings `jq(EXPR)` stands for what the expression gives; one that is the whole string keeps its type. It stands in an annotation of the Pod: no place for a password.
    #[schemars(schema_with = "any_json")]
    pub template: Value,

    /// The file that holds the result, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = Rule::new(cel::MOUNT_PATH).message(rules::MOUNT_PATH))]
    #[x_kube(validation = Rule::new(cel::MOUNT_PATH_TOKEN).message(rules::MOUNT_PATH_TOKEN))]
    #[x_kube(validation = Rule::new(cel::INPUT_PATH).message(rules::INPUT_PATH))]
    pub mount_path: Option<String>,

    /// The environment variable that holds the result, as JSON of at most 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(cel::ENV_NAME).message(rules::ENV_NAME))]
    #[x_kube(validation = Rule::new(cel::ENV_RESERVED).message(rules::ENV_RESERVED))]
    pub env_var: Option<String>,
}

/// A Secret that the expressions of an input can name.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct InputSecret {
    /// The Secret's name, in the Pipeline's own namespace.
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(cel::SUBDOMAIN).message(rules::SECRET_NAME))]
    pub name: String,

    /// The key whose value is meant. Absent: an object of all keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(cel::SECRET_KEY).message(rules::SECRET_KEY))]
    pub key: Option<String>,

    /// What expressions call it: `.secrets.<as>`. Absent: the Secret's name.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(cel::input::CALLED).message(rules::INPUT_CALLED))]
    pub called: Option<String>,
}

impl InputSecret {
    /// What expressions call it.
    #[must_use]
    pub fn called(&self) -> &str {
        self.called.as_deref().unwrap_or(&self.name)
    }
}

/// The one place of a spec that takes whatever it is given: it has no type, and nothing in it is dropped.
fn any_json(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let schema = json!({"x-kubernetes-preserve-unknown-fields": true});
    schemars::Schema::try_from(schema).unwrap_or_default()
}
