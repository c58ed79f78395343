//! Following a Pipeline to the end of a run: what changes goes to stderr, a line for each; what its Pods print to stdout.

mod log;
mod tell;

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use kube_runtime::watcher::{self, Event};
use kube_runtime::{WatchStreamExt, watcher as watch};

use super::error::Error;
use super::output::printable;
use crate::controller::object::WirePipeline;
use crate::ops::causes::with_causes;
use tell::{Moment, Stage};

/// So long without a word of the operator, and it is said how to find out why.
const SILENCE: Duration = Duration::from_secs(10);
/// The log of a Pod that has ended comes within this time.
const LAST_LINES: Duration = Duration::from_secs(10);

/// A Pipeline that is followed.
pub(super) struct Followed {
    /// Speaks to the cluster.
    pub client: Client,
    /// The Pipeline's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Which object it is: one of the same name that is made later is another.
    pub uid: String,
}

/// How a run ended, in the operator's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It ended well, or the Pods of a Service are ready.
    Good,
    /// It ended badly.
    Bad(String),
}

/// Follows this run until it has ended, or until the Pods of a Service are ready in it.
pub(super) async fn to_the_end(followed: &Followed, run: i64) -> Result<End, Error> {
    let pods: Api<Pod> = Api::namespaced(followed.client.clone(), &followed.namespace);
    let mut states = std::pin::pin!(followed.states());
    let mut silence = std::pin::pin!(tokio::time::sleep(SILENCE));
    let (mut logs, mut opened) = (FuturesUnordered::new(), BTreeSet::new());
    let (mut said, mut is_silent) = (None, true);
    let end = loop {
        let state = tokio::select! {
            state = states.next() => state.unwrap_or_else(|| Err(followed.gone()))?,
            // One that cannot be read yet is tried again at the next change.
            Some((pod, Err(_))) = logs.next() => {
                opened.remove(&pod);
                continue;
            }
            () = &mut silence, if is_silent => {
                is_silent = false;
                tell("no operator has said anything of it yet: lockgate doctor says whether one runs");
                continue;
            }
        };
        let Moment { is_handled, line, running, stage } = Moment::of(&state, run);
        is_silent &= !is_handled;
        if let Some(line) = line.filter(|line| said.as_ref() != Some(line)) {
            tell(&line);
            said = Some(line);
        }
        for (pod, prefix) in running {
            if opened.insert(pod.clone()) {
                logs.push(log::copy(pods.clone(), pod, prefix));
            }
        }
        match stage {
            Stage::UnderWay => {}
            Stage::Over(end) => break end,
            Stage::Superseded => {
                return Err(Error::Conflict(format!(
                    "run {run} of Pipeline {} gave way to another run: its work was changed, or another run was asked for",
                    followed.name
                )));
            }
        }
    };
    let rest = async {
        while let Some((pod, copied)) = logs.next().await {
            if let Err(why) = copied {
                tell(&format!("the log of Pod {pod} cannot be read: {}", Error::from(why)));
            }
        }
    };
    if tokio::time::timeout(LAST_LINES, rest).await.is_err() {
        tell("the end of the log did not come in time: see kubectl logs");
    }
    Ok(end)
}

/// Waits until the operator has taken up this request; the number of its run.
pub(super) async fn taken_up(followed: &Followed, request: &str) -> Result<i64, Error> {
    let mut states = std::pin::pin!(followed.states());
    loop {
        let state = states.next().await.unwrap_or_else(|| Err(followed.gone()))?;
        if let Some(run) = tell::run_of(&state, request) {
            return Ok(run);
        }
    }
}

/// A line for who waits.
pub(super) fn tell(line: &str) {
    // A run does not end because nobody listens any more.
    let _ = writeln!(std::io::stderr(), "{}", printable(line));
}

impl End {
    /// An end that is not good is the command's error.
    pub(super) fn into_result(self, name: &str) -> Result<(), Error> {
        match self {
            Self::Good => Ok(()),
            Self::Bad(message) => Err(Error::Findings(format!("Pipeline {name} failed: {}", printable(&message)))),
        }
    }
}

impl Followed {
    fn gone(&self) -> Error {
        Error::NotFound(format!("Pipeline {} was deleted while it was waited for", self.name))
    }

    /// The Pipeline as it is, then at each change. A break of the watch is told and mended; a refusal ends it.
    fn states(&self) -> impl Stream<Item = Result<WirePipeline, Error>> {
        let api: Api<WirePipeline> = Api::namespaced(self.client.clone(), &self.namespace);
        let only = watcher::Config::default().fields(&format!("metadata.name={}", self.name));
        let mut is_there = true;
        watch(api, only).default_backoff().filter_map(move |event| {
            let state = match event {
                Ok(Event::Init) => {
                    is_there = false;
                    None
                }
                Ok(Event::InitApply(state) | Event::Apply(state)) => {
                    is_there = state.metadata.uid.as_ref() == Some(&self.uid);
                    Some(if is_there { Ok(state) } else { Err(self.gone()) })
                }
                Ok(Event::InitDone) => (!is_there).then(|| Err(self.gone())),
                Ok(Event::Delete(_)) => Some(Err(self.gone())),
                Err(error) => refusal(error).map(Err),
            };
            std::future::ready(state)
        })
    }
}

/// What no patience mends. Anything else is told, and the watch begins anew.
fn refusal(error: watcher::Error) -> Option<Error> {
    let told = with_causes(&error);
    match error {
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) if matches!(&error, kube::Error::Api(status) if matches!(status.code, 401 | 403 | 404)) => {
            Some(error.into())
        }
        _ => {
            tell(&format!("the watch broke off and begins anew: {told}"));
            None
        }
    }
}
