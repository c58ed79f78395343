//! Flags that say which image renders the inputs of steps, and how it is pulled.

use clap::{Args, ValueEnum};

use crate::api::pipeline::ImagePullPolicy;
use crate::model::defaults::{Defaults, HELPER_IMAGE, Helper};
use crate::model::image::Image;
use crate::model::names::SecretName;

/// Flags of what makes Pods.
#[derive(Debug, Args)]
pub(super) struct HelperArgs {
    /// The image that renders a step's `input` and its `format: properties`, in an init container of its Pods: Lockgate's own, as
    /// your clusters pull it.
    #[arg(
        id = "helper_image",
        long = "helper-image",
        env = "LOCKGATE_HELPER_IMAGE",
        value_name = "IMAGE",
        default_value = HELPER_IMAGE,
        value_parser = parse_image,
    )]
    image: String,

    /// When the kubelet asks the registry for it. Absent: Kubernetes' own default.
    #[arg(
        id = "helper_image_pull_policy",
        long = "helper-image-pull-policy",
        env = "LOCKGATE_HELPER_IMAGE_PULL_POLICY",
        value_name = "POLICY",
        value_enum
    )]
    pull_policy: Option<Policy>,

    /// Pull secrets for it, separated by commas: names; each Pod that needs the image uses the Secrets of these names in its own
    /// namespace.
    #[arg(
        id = "helper_pull_secrets",
        long = "helper-pull-secrets",
        env = "LOCKGATE_HELPER_PULL_SECRETS",
        value_name = "NAME,...",
        value_delimiter = ',',
        value_parser = pull_secret,
    )]
    pull_secrets: Vec<SecretName>,
}

/// [`ImagePullPolicy`] in Kubernetes' spelling.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Policy {
    /// At every start.
    Always,
    /// When the node does not hold it.
    IfNotPresent,
    /// Never: the node holds it, or the Pod does not start.
    Never,
}

impl HelperArgs {
    /// The defaults of Pods with what these flags say.
    pub(super) fn add_to(&self, defaults: Defaults) -> Defaults {
        let mut pull_secrets: Vec<SecretName> = Vec::new();
        for name in &self.pull_secrets {
            if !pull_secrets.contains(name) {
                pull_secrets.push(name.clone());
            }
        }
        let pull_policy = self.pull_policy.map(|policy| match policy {
            Policy::Always => ImagePullPolicy::Always,
            Policy::IfNotPresent => ImagePullPolicy::IfNotPresent,
            Policy::Never => ImagePullPolicy::Never,
        });
        Defaults { helper: Helper { image: self.image.clone(), pull_policy, pull_secrets }, ..defaults }
    }
}

/// An image reference, as the kubelet reads it.
pub(super) fn parse_image(text: &str) -> Result<String, &'static str> {
    Image::parse(text).map(|_| text.to_owned())
}

fn pull_secret(text: &str) -> Result<SecretName, String> {
    SecretName::parse(text)
}
