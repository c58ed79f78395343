//! `transform`: one container's worth of work, and the forms in which it names Secrets.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::input::Input;
use super::volume::VolumeEntry;
use super::{cel, rules};

/// One container's worth of work.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(validation = Rule::new(cel::STDIN_NEEDS_CMD).message(rules::STDIN_NEEDS_CMD).field_path(".stdin"))]
#[x_kube(validation = Rule::new(cel::volumes::APART_FROM_SECRETS).message(rules::VOLUMES_APART).field_path(".volumes"))]
#[x_kube(validation = Rule::new(cel::volumes::MEMORY_APART).message(rules::MEMORY_VOLUME_APART).field_path(".memory_volume"))]
#[x_kube(validation = Rule::new(cel::input::ENV_UNIQUE).message(rules::INPUT_ENV_UNIQUE).field_path(".input"))]
#[x_kube(validation = Rule::new(cel::input::APART).message(rules::INPUT_APART).field_path(".input"))]
pub struct Transform {
    /// The image, as in `registry.example.com/team/app:1.4` or with a digest.
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new(cel::IMAGE).message(rules::IMAGE))]
    #[x_kube(validation = Rule::new(cel::IMAGE_ID).message(rules::IMAGE_ID))]
    #[x_kube(validation = Rule::new(cel::IMAGE_LONG).message(rules::IMAGE_LONG))]
    pub image: String,

    /// The command and its arguments; it replaces the image's entrypoint. Absent: the image's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), inner(length(max = 131_072)))]
    pub cmd: Vec<String>,

    /// Arguments; they replace the image's `CMD`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), inner(length(max = 131_072)))]
    pub args: Vec<String>,

    /// Literal environment variables. `$(NAME)` takes the value of a variable that stands before: Secret variables come first, then these, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 128, "additionalProperties" = json!({"type": "string", "maxLength": 131_072})))]
    #[x_kube(validation = Rule::new(cel::ENV_KEYS).message(rules::ENV_NAME))]
    #[x_kube(validation = Rule::new(cel::ENV_KEYS_RESERVED).message(rules::ENV_RESERVED))]
    pub env: BTreeMap<String, String>,

    /// The working directory. Absent: the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub working_dir: Option<String>,

    /// The numeric user that the container runs as. Absent: the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new(cel::NUMERIC_ID).message(rules::USER))]
    pub user: Option<String>,

    /// The numeric primary group that the container runs as. Absent: the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new(cel::NUMERIC_ID).message(rules::GROUP))]
    pub group: Option<String>,

    /// The numeric group that owns the mounted files. Absent: `user`, so that it can read a file of mode 0400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new(cel::NUMERIC_ID).message(rules::GROUP))]
    pub fs_group: Option<String>,

    /// The Secrets that the container needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new(cel::ENV_UNIQUE).message(rules::ENV_UNIQUE))]
    #[x_kube(validation = Rule::new(cel::MOUNT_PATH_NESTED).message(rules::MOUNT_PATH_NESTED))]
    #[x_kube(validation = Rule::new(cel::MOUNT_PATH_SUB_PATH).message(rules::MOUNT_PATH_SUB_PATH))]
    #[x_kube(validation = Rule::new(cel::FILE_UNIQUE).message(rules::FILE_UNIQUE))]
    pub secrets: Vec<SecretEntry>,

    /// Names of the Secrets that the image is pulled with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 253)))]
    #[x_kube(validation = Rule::new(cel::ALL_SUBDOMAINS).message(rules::PULL_SECRET_NAME))]
    pub image_pull_secrets: Vec<String>,

    /// What the container mounts besides Secrets: claims, ConfigMaps, scratch space.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new(cel::volumes::APART).message(rules::VOLUMES_APART))]
    pub volumes: Vec<VolumeEntry>,

    /// What is rendered in the Pod with values of Secrets, before the container starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,

    /// Lines that `cmd` reads from its standard input, a newline after each; at most 200 KiB. The image needs `/bin/sh`. They stand in an annotation of the Pod: no place for a password.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8192), inner(length(max = 204_800)))]
    #[x_kube(validation = Rule::new(cel::STDIN_SIZE).message(rules::STDIN_SIZE))]
    pub stdin: Vec<String>,

    /// Not supported: a command that runs for failed datums.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    #[x_kube(validation = Rule::new(cel::EMPTY).message(rules::NO_ERR_CMD))]
    pub err_cmd: Vec<String>,

    /// Not supported: lines fed to `err_cmd`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    #[x_kube(validation = Rule::new(cel::EMPTY).message(rules::NO_ERR_STDIN))]
    pub err_stdin: Vec<String>,

    /// Exit codes of the container that count as success, besides 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(range(min = 0, max = 255)))]
    pub accept_return_code: Vec<i64>,

    /// Not supported: Pachyderm's debug logging.
    #[serde(default, skip_serializing_if = "is_false")]
    #[x_kube(validation = Rule::new(cel::FALSE).message(rules::NO_DEBUG))]
    pub debug: bool,

    /// Not supported: building the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    #[x_kube(validation = Rule::new(cel::EMPTY).message(rules::NO_DOCKERFILE))]
    pub dockerfile: Option<String>,

    /// `true`: an empty folder in memory at `/pfs`, as in Pachyderm.
    #[serde(default, skip_serializing_if = "is_false")]
    pub memory_volume: bool,

    /// Not supported: Pachyderm's datum batching.
    #[serde(default, skip_serializing_if = "is_false")]
    #[x_kube(validation = Rule::new(cel::FALSE).message(rules::NO_DATUM_BATCHING))]
    pub datum_batching: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands a reference.
pub(super) fn is_false(value: &bool) -> bool {
    !*value
}

/// One Secret and how the container receives it: as an environment variable, as files, or both.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new(cel::ENV_VAR_NEEDS_KEY).message(rules::ENV_VAR_NEEDS_KEY).field_path(".key"))]
#[x_kube(validation = Rule::new(cel::KEY_NEEDS_ENV_VAR).message(rules::KEY_NEEDS_ENV_VAR).field_path(".key"))]
#[x_kube(validation = Rule::new(cel::ENTRY_NEEDS_USE).message(rules::ENTRY_NEEDS_USE))]
#[x_kube(validation = Rule::new(cel::ITEMS_NEED_MOUNT_PATH).message(rules::ITEMS_NEED_MOUNT_PATH).field_path(".items"))]
#[x_kube(validation = Rule::new(cel::SUB_PATH_NEEDS_MOUNT_PATH).message(rules::SUB_PATH_NEEDS_MOUNT_PATH).field_path(".sub_path"))]
#[x_kube(validation = Rule::new(cel::SUB_PATH_IS_AN_ITEM).message(rules::SUB_PATH_IS_AN_ITEM).field_path(".sub_path"))]
#[x_kube(validation = Rule::new(cel::FORMAT_ALONE).message(rules::FORMAT_ALONE).field_path(".format"))]
#[x_kube(validation = Rule::new(cel::SUB_PATH_IS_A_KEY).message(rules::SUB_PATH_IS_A_KEY).field_path(".sub_path"))]
pub struct SecretEntry {
    /// The Secret's name, in the Pipeline's own namespace.
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(cel::SUBDOMAIN).message(rules::SECRET_NAME))]
    pub name: String,

    /// The environment variable that receives the value of `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(cel::ENV_NAME).message(rules::ENV_NAME))]
    #[x_kube(validation = Rule::new(cel::ENV_RESERVED).message(rules::ENV_RESERVED))]
    pub env_var: Option<String>,

    /// The key whose value `env_var` receives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(cel::SECRET_KEY).message(rules::SECRET_KEY))]
    pub key: Option<String>,

    /// The directory in which every key appears as a file, or the file itself where `sub_path` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = Rule::new(cel::MOUNT_PATH).message(rules::MOUNT_PATH))]
    #[x_kube(validation = Rule::new(cel::MOUNT_PATH_TOKEN).message(rules::MOUNT_PATH_TOKEN))]
    #[x_kube(validation = Rule::new(cel::MOUNT_PATH_OURS).message(rules::MOUNT_PATH_OURS))]
    pub mount_path: Option<String>,

    /// Only these keys, each under a path of its own below `mount_path`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new(cel::ITEM_PATH_UNIQUE).message(rules::ITEM_PATH_UNIQUE))]
    pub items: Vec<Item>,

    /// One file of the Secret, mounted at `mount_path` itself: a path in `items`, or a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub sub_path: Option<String>,

    /// Every key becomes an environment variable of this prefix and the key's name. May be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(cel::ENV_PREFIX).message(rules::ENV_PREFIX))]
    #[x_kube(validation = Rule::new(cel::ENV_RESERVED).message(rules::ENV_RESERVED))]
    pub env_prefix: Option<String>,

    /// How the keys become files. Absent: each is a file of its own. `properties`: one file `<name>.properties` in `mount_path`, a line `key=value` for each key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,

    /// `true`: the container starts without the Secret, or without the key, where it is not there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
}

/// How the keys of a Secret become files.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One file for all keys, as `java.util.Properties` reads it.
    Properties,
}

/// One key of a Secret and the file that it becomes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// The key.
    #[schemars(length(max = 253))]
    #[x_kube(validation = Rule::new(cel::SECRET_KEY).message(rules::SECRET_KEY))]
    pub key: String,

    /// The file, relative to `mount_path`.
    #[schemars(length(max = 255))]
    #[x_kube(validation = Rule::new(cel::ITEM_PATH).message(rules::ITEM_PATH))]
    #[x_kube(validation = Rule::new(cel::ITEM_PATH_PARTS).message(rules::ITEM_PATH))]
    pub path: String,

    /// The file's mode bits, as Kubernetes reads them: the octal 0440 in YAML is 288 in JSON. Absent: 0644.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 511))]
    pub mode: Option<i32>,
}
