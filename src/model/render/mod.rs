//! What the init container is asked to render: the operator writes it, `lockgate render` reads it. No value of a Secret is in it;
//! where their files are is.

pub mod scan;
pub mod template;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The init container's name.
pub const CONTAINER: &str = "lockgate-render";
/// Annotation of the Pod: the [`Request`], as JSON.
pub const REQUEST_ANNOTATION: &str = "lockgate.dev/render";
/// The request, in the init container. Not below `/lockgate`: in our image that is the program.
pub const REQUEST_FILE: &str = "/run/lockgate/request/request.json";
/// The folder that has one folder for each of the request's [`Source`]s, in the init container.
pub const SECRETS_DIR: &str = "/run/lockgate/secrets";
/// The folder that what was rendered is written into, in the init container.
pub const OUT_DIR: &str = "/run/lockgate/out";
/// A variable of the init container of this prefix holds the value of one of the step's literal variables.
pub const ENV_PREFIX: &str = "LOCKGATE_ENV_";
/// The exit code that says: what is to be rendered cannot be, and would not be at another try. What is wrong is the termination
/// message. (`EX_DATAERR` of sysexits.)
pub const INVALID: i32 = 65;

/// The file that a Secret becomes with `format: properties`.
#[must_use]
pub fn properties_file(secret: &str) -> String {
    format!("{secret}.properties")
}

/// All that is to be rendered for one Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The Pipeline's name: `.pipeline`.
    pub pipeline: String,
    /// Its namespace: `.namespace`.
    pub namespace: String,
    /// The step's name: `.step`.
    pub step: String,
    /// Which of the step's equal Pods: `.index`.
    pub index: i32,
    /// The run's number: `.run`.
    pub run: i64,
    /// The step's input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,
    /// Folders of files that are made of Secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<Folder>,
}

/// An input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The Secrets that expressions can name.
    pub secrets: Vec<InputSecret>,
    /// Any JSON; expressions stand in its strings.
    pub template: Value,
    /// Where the result goes.
    pub into: Into,
}

/// Where an input goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Into {
    /// A file, as JSON.
    File {
        /// Below [`OUT_DIR`].
        path: String,
    },
    /// A file that the kubelet reads a variable from (`fileKeyRef`, KEP-3721).
    Env {
        /// Below [`OUT_DIR`].
        path: String,
        /// The variable.
        name: String,
    },
}

/// A Secret that expressions can name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSecret {
    /// What it is called: `.secrets.<as>`.
    #[serde(rename = "as")]
    pub name: String,
    /// Its folder below [`SECRETS_DIR`].
    pub dir: String,
    /// The key whose value is meant; absent: an object of all keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A folder of files that are made of Secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// Below [`OUT_DIR`].
    pub path: String,
    /// What it is made of, in this order.
    pub sources: Vec<Source>,
}

/// A Secret of which files are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The Secret's name.
    pub secret: String,
    /// Its folder below [`SECRETS_DIR`]; of an optional Secret it may be empty.
    pub dir: String,
    /// `true`: one file `<secret>.properties`; `false`: its files as they are, with their paths and modes.
    pub properties: bool,
}
