//! `lockgate logs -f`: a copy of each log from its beginning, as its container starts, until the run has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::core::v1::Pod;
use kube_runtime::WatchStreamExt;
use kube_runtime::reflector::{self, reflector};
use kube_runtime::watcher::{self, watcher};

use super::choose::Source;
use super::masks::Masks;
use super::{Printer, is_owned, run_of};
use crate::api::pipeline::{Mode, Pipeline};
use crate::cli::error::Error;
use crate::cli::states;
use crate::model::pod::PIPELINE_LABEL;

/// A container, as its Pod's name and how often it was started again.
type Container = (String, i32);

/// The pause before a log is asked for once more: doubled from the first, up to the last.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// Logs that could not be read.
#[derive(Default)]
struct Refused {
    /// How long to wait before each is asked for once more.
    pauses: BTreeMap<Container, Duration>,
    /// Why one could not be read that is asked for no more.
    last: Option<Error>,
}

impl Refused {
    /// How long to wait before this log is asked for.
    fn pause(&self, container: &Container) -> Duration {
        self.pauses.get(container).copied().unwrap_or_default()
    }

    /// Notes that it could not be read; whether this is the first time.
    fn again(&mut self, container: Container) -> bool {
        let [first, longest] = PAUSES;
        let pause = self.pause(&container);
        let next = if pause.is_zero() { first } else { pause.saturating_mul(2).min(longest) };
        self.pauses.insert(container, next).is_none()
    }
}

impl Printer<'_> {
    /// Copies logs until the run is over; of a Service without an end.
    pub(super) async fn follow(&self, mut pipeline: Pipeline) -> Result<(), Error> {
        let (store, writer) = reflector::store::<Pod>();
        let ours = watcher::Config::default().labels(&format!("{PIPELINE_LABEL}={}", self.name));
        let mut pods = std::pin::pin!(reflector(writer, watcher(self.api(), ours)).default_backoff());
        let mut states = std::pin::pin!(states::watch(self.client, self.namespace, self.name));
        let uid = pipeline.metadata.uid.clone();
        // A container that is started again has a log of its own.
        let mut begun: BTreeSet<Container> = BTreeSet::new();
        let mut refused = Refused::default();
        let (mut copies, mut masks) = (FuturesUnordered::new(), None::<Rc<Masks>>);
        let (mut is_listed, mut is_gone) = (false, false);
        // Without --run it is the run that is the latest when the first Pod is there.
        let mut run = self.args.run.or_else(|| run_of(&pipeline));
        loop {
            let all: Vec<Pod> =
                store.state().iter().filter(|pod| is_owned(&pipeline, pod)).map(|pod| Pod::clone(pod)).collect();
            run = run.or_else(|| run_of(&pipeline));
            let is_one_of_several = pipeline.spec.steps.len() > 1 || pipeline.spec.parallelism > 1;
            let choice = super::Choice { run, ..self.choice() };
            for source in choice.all(&all, run) {
                let Some(restarts) = source.started else { continue };
                let container = (source.pod.clone(), restarts);
                let pause = refused.pause(&container);
                if !begun.insert(container) {
                    continue;
                }
                let names = super::masks::names(&pipeline, &all);
                if self.args.mask && !masks.as_ref().is_some_and(|masks| masks.have(&names)) {
                    masks = self.masks(&pipeline, &all, None).await?.map(Rc::new);
                }
                self.fits(masks.as_deref(), &source)?;
                copies.push(self.copied(source, pause, is_one_of_several, masks.clone()));
            }
            let is_last = is_gone || is_listed && is_over(&pipeline, run);
            if copies.is_empty() && is_last {
                return match refused.last {
                    Some(error) => Err(error),
                    None if begun.is_empty() => Err(self.nothing(&pipeline, &choice, false)),
                    None => Ok(()),
                };
            }
            tokio::select! {
                change = pods.next() => match change {
                    Some(Ok(watcher::Event::InitDone)) => is_listed = true,
                    Some(Err(error)) => states::refusal(error).map_or(Ok(()), Err)?,
                    _ => {}
                },
                state = states.next() => match state {
                    Some(Ok(Some(next))) if next.metadata.uid == uid => pipeline = next,
                    Some(Err(error)) => return Err(error),
                    _ => is_gone = true,
                },
                Some((source, copied)) = copies.next() => {
                    let source: Source = source;
                    if let Err(error) = copied {
                        let container = (source.pod.clone(), source.started.unwrap_or_default());
                        if is_last {
                            refused.last = Some(error);
                            continue;
                        }
                        // It may not be readable yet.
                        begun.remove(&container);
                        if refused.again(container) {
                            eprintln!("lockgate: the log of Pod {} cannot be read and is tried again: {error}", source.pod);
                        }
                    }
                }
            }
        }
    }

    async fn copied(
        &self,
        source: Source,
        pause: Duration,
        is_one_of_several: bool,
        masks: Option<Rc<Masks>>,
    ) -> (Source, Result<(), Error>) {
        tokio::time::sleep(pause).await;
        let copied = self.copy(&source, is_one_of_several, masks.as_ref().map(|masks| &masks.patterns)).await;
        (source, copied)
    }
}

/// Whether no more Pods of the run are to come.
fn is_over(pipeline: &Pipeline, run: Option<i64>) -> bool {
    let current = pipeline.status.as_ref().and_then(|status| status.run.as_ref());
    let is_done = current.is_some_and(|current| Some(current.number) == run && current.result.is_some());
    let is_past = current.is_some_and(|current| run.is_some_and(|run| run < current.number));
    is_past || (is_done && pipeline.spec.mode == Mode::Job)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_cannot_be_read_is_asked_for_ever_later() {
        let (mut refused, container) = (Refused::default(), ("a".to_owned(), 0));
        let mut seen = vec![refused.pause(&container)];
        assert!(refused.again(container.clone()));
        for _ in 0..6 {
            seen.push(refused.pause(&container));
            assert!(!refused.again(container.clone()), "it is said once");
        }
        assert_eq!(seen, [0, 1, 2, 4, 8, 16, 30].map(Duration::from_secs));
        assert_eq!(refused.pause(&("a".to_owned(), 1)), Duration::ZERO, "another container");
    }
}
