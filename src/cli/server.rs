//! What the commands that run until they are told to stop share: their connection, their ports, their end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kube::Config;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use super::connect::ClusterArgs;
use super::error::Error;
use crate::ops::http::{self, BindAddress, Pages, View};

/// A connection is made within this time or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes come within this time or the connection is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(25);

/// How to reach the API server: by this kubeconfig, else by `KUBECONFIG`, else as the Pod that this runs in.
pub(super) async fn config(path: Option<PathBuf>) -> Result<Config, Error> {
    let mut config = ClusterArgs::of_kubeconfig(path).config().await?;
    // A watch is silent for 20 s at most, so whatever is silent longer is dead: without this a list that is never
    // answered would be waited for without end.
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    // Counted from the last byte, not from the request (`reset_reader_on_write`): connections that lay idle when all of
    // them died must not each cost another wait. A request that is cut off by it is repeated as after any other failure.
    Ok(config)
}

/// Opens the ports of metrics and of health, and answers there for as long as the process lives.
pub(super) async fn serve(metrics: BindAddress, health: BindAddress, view: &Arc<impl View>) -> Result<(), Error> {
    open("--metrics-bind-address", metrics, Pages::Metrics, view).await?;
    open("--health-probe-bind-address", health, Pages::Health, view).await
}

async fn open(flag: &'static str, address: BindAddress, pages: Pages, view: &Arc<impl View>) -> Result<(), Error> {
    let listener = address.listen().await.map_err(|source| Error::Listen { flag, address, source })?;
    if let Some(listener) = listener {
        info!(address = %listener.local_addr()?, "serving {}", pages.name());
        tokio::spawn(http::serve(listener, pages, Arc::clone(view) as Arc<dyn View>));
    }
    Ok(())
}

/// Completes at SIGTERM or SIGINT.
pub(super) fn told_to_stop() -> Result<impl Future<Output = ()>, Error> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// A namespace's name, as one of several in a flag.
pub(super) fn namespace(text: &str) -> Result<String, &'static str> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [text.bytes().next(), text.bytes().last()];
    let good = text.len() <= 63
        && ends.iter().all(|end| end.is_some_and(letter))
        && text.bytes().all(|byte| letter(byte) || byte == b'-');
    let say = "give names of namespaces, separated by commas and without spaces, or leave it out for all namespaces";
    if good { Ok(text.to_owned()) } else { Err(say) }
}
