//! Which cluster a command speaks to.

use std::path::PathBuf;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};

use super::error::Error;

/// The configuration of the kubeconfig that is named; else of `KUBECONFIG` and kubectl's own place; else, where no context is
/// named, of the Pod that this runs in.
pub(super) async fn config(kubeconfig: Option<PathBuf>, context: Option<String>) -> Result<Config, Error> {
    let infer = kubeconfig.is_none() && context.is_none();
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    let mut config = match kubeconfig {
        Some(path) => Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &options).await?,
        None if infer => Config::infer().await?,
        None => Config::from_kubeconfig(&options).await?,
    };
    // kube repeats a POST on 503 and 504 up to 15 times by itself; the controller has its own pauses and deadlines.
    config.default_retry = false;
    Ok(config)
}
