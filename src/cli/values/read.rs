//! One Secret of the cluster, with its values.

use std::collections::BTreeMap;

use http::{Request, StatusCode};
use kube::Client;
use kube::client::Body;
use serde::{Deserialize, Deserializer};

use super::SecretValue;
use crate::cli::ask;
use crate::cli::error::Error;

/// A Secret, as far as commands look at it.
#[derive(Deserialize)]
pub(in crate::cli) struct Secret {
    /// Which version of it this is.
    #[serde(default)]
    pub metadata: Metadata,
    /// As in `kubernetes.io/dockerconfigjson`.
    #[serde(default, rename = "type")]
    pub type_: String,
    /// Whether its data may never change.
    #[serde(default)]
    pub immutable: bool,
    /// By key.
    #[serde(default)]
    pub data: BTreeMap<String, SecretValue>,
}

/// Of its metadata, what a write that must not meet another one needs.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Metadata {
    /// Moves with every write.
    #[serde(default)]
    pub resource_version: String,
}

impl<'de> Deserialize<'de> for SecretValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Self::new(String::deserialize(deserializer)?.into_bytes());
        // The error names no byte of the value.
        text.decoded().ok_or_else(|| serde::de::Error::custom("a value that is no base64"))
    }
}

/// Reads it; `None`: there is none of that name.
pub(in crate::cli) async fn read(client: &Client, namespace: &str, name: &str) -> Result<Option<Secret>, Error> {
    let request = Request::get(format!("/api/v1/namespaces/{namespace}/secrets/{name}"))
        .body(Body::empty())
        .map_err(|_| Error::Usage(format!("{name} is no name of a Secret")))?;
    let answer = match ask::answer(client, request).await {
        Err(error) if error.status_code() == Some(StatusCode::NOT_FOUND) => return Ok(None),
        answer => answer?,
    };
    serde_json::from_slice(answer.body())
        .map(Some)
        .map_err(|error| Error::Findings(format!("Secret {name} could not be read (column {})", error.column())))
}
