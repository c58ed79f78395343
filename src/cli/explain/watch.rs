//! `lockgate explain --watch`: the way, judged anew whenever the Pipeline, one of its Pods or an event of theirs changes.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use futures::stream::{BoxStream, select_all};
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Resource, ResourceExt};
use kube_runtime::reflector::{self, Store};
use kube_runtime::watcher::Config;
use kube_runtime::{WatchStreamExt, watcher};
use serde::de::DeserializeOwned;
use tokio::signal::unix::{SignalKind, signal};

use super::seen::{Place, Seen, offered, without_pods};
use super::way::{Verdict, Way};
use super::{chosen, judge, print, verdict};
use crate::api::pipeline::{Mode, Pipeline};
use crate::api::reason::{Phase, Reason, ReferenceState};
use crate::cli::doctor::seen::{Read, Unread};
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::states;
use crate::model::pod::{PIPELINE_LABEL, owner_uid};

/// The progress line of a terminal is drawn anew so often.
const TICK: Duration = Duration::from_secs(1);

/// Something changed.
enum Change {
    Pipeline(Result<Option<Box<Pipeline>>, Error>),
    Pods(Read<()>),
    Events(Read<()>),
}

/// Follows the Pipeline to the end of its way.
pub(super) async fn follow(place: &Place<'_>, name: &str) -> Result<(), Error> {
    // A cluster that cannot be reached or refuses is told at once.
    let pipeline = states::read(place.client, place.namespace, name).await?;
    let uid = pipeline.metadata.uid.clone();
    let pods: Api<Pod> = Api::namespaced(place.client.clone(), place.namespace);
    let events: Api<Event> = Api::namespaced(place.client.clone(), place.namespace);
    let (pod_store, pod_changes) = watched(pods, Config::default().labels(&format!("{PIPELINE_LABEL}={name}")));
    let (event_store, event_changes) = watched(events, Config::default().fields("involvedObject.kind=Pod"));
    let changes: Vec<BoxStream<'_, Change>> = vec![
        states::watch(place.client, place.namespace, name)
            .map(|state| Change::Pipeline(state.map(|found| found.map(Box::new))))
            .boxed(),
        pod_changes.map(Change::Pods).boxed(),
        event_changes.map(Change::Events).boxed(),
    ];
    let mut changes = select_all(changes);
    let mut followed = Followed { place, before: None, seen: None, asked: Asked::default(), progress: Progress::new() };
    let (mut pipeline, mut refused_pods, mut refused_events) = (pipeline, None, None);
    let mut tick = tokio::time::interval(TICK);
    // From the first line on, and not only while nothing is judged: a Ctrl-C meanwhile counts.
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        let owned = |pod: &Pod| owner_uid(pod).is_some() && owner_uid(pod) == uid.as_deref();
        let pods: Vec<Pod> = pod_store.state().iter().filter(|pod| owned(pod)).map(|pod| Pod::clone(pod)).collect();
        let names: BTreeSet<String> = pods.iter().map(ResourceExt::name_any).collect();
        let is_theirs = |event: &Event| event.involved_object.name.as_ref().is_some_and(|name| names.contains(name));
        let events =
            event_store.state().iter().filter(|event| is_theirs(event)).map(|event| Event::clone(event)).collect();
        let pods = refused_pods.clone().map_or(Ok(pods), Err);
        let events = refused_events.clone().map_or(Ok(events), Err);
        if let Some(end) = followed.turn(&pipeline, pods, events).await? {
            return end;
        }
        loop {
            let change = tokio::select! {
                change = changes.next() => change,
                _ = tick.tick() => {
                    followed.progress.draw()?;
                    continue;
                }
                _ = interrupt.recv() => {
                    followed.progress.clear()?;
                    return Err(Error::Interrupted(format!("stopped looking; lockgate explain {name} goes on")));
                }
            };
            match change {
                Some(Change::Pipeline(next)) => match next? {
                    Some(next) if next.metadata.uid == uid => pipeline = *next,
                    _ => {
                        followed.progress.clear()?;
                        return Err(Error::NotFound(format!("Pipeline {name} was deleted")));
                    }
                },
                Some(Change::Pods(read)) => refused_pods = read.err(),
                Some(Change::Events(read)) => refused_events = read.err(),
                None => return Err(Error::NotFound(format!("Pipeline {name} cannot be watched any more"))),
            }
            break;
        }
    }
}

/// A watch that fills a store and tells of each change; one refusal is its end.
fn watched<K>(api: Api<K>, config: Config) -> (Store<K>, impl Stream<Item = Read<()>> + use<K>)
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Default + Eq + Hash + Clone + Send + Sync,
{
    let (store, writer) = reflector::store();
    let changes = reflector::reflector(writer, watcher(api, config).default_backoff());
    let told = changes.scan(false, |is_over, change| {
        let item = match change {
            _ if *is_over => None,
            Ok(_) => Some(Some(Ok(()))),
            Err(error) => match states::refusal(error) {
                Some(Error::Client(kube::Error::Api(status))) => {
                    *is_over = true;
                    Some(Some(Err(if status.code == 403 {
                        Unread::Forbidden
                    } else {
                        Unread::Refused(status.message)
                    })))
                }
                _ => Some(None),
            },
        };
        std::future::ready(item)
    });
    (store, told.filter_map(std::future::ready))
}

/// What was asked for besides the watches, so that it is asked again only when something else is needed.
#[derive(Default, PartialEq)]
struct Asked {
    pull_secrets: BTreeSet<String>,
    rows: Vec<(String, ReferenceState, Option<bool>)>,
    without_pods: Option<Vec<String>>,
    generation: Option<i64>,
    observed: Option<i64>,
}

impl Asked {
    fn of(pipeline: &Pipeline, pods: &Read<Vec<Pod>>) -> Self {
        let pods = pods.as_deref().unwrap_or_default();
        let rows = pipeline.status.iter().flat_map(|status| &status.references);
        Self {
            pull_secrets: chosen::pods(pipeline, pods).into_iter().flat_map(offered).collect(),
            rows: rows.map(|row| (row.name.clone(), row.state, row.stale)).collect(),
            without_pods: without_pods(pipeline, pods),
            generation: pipeline.metadata.generation,
            observed: pipeline.status.as_ref().and_then(|status| status.observed_generation),
        }
    }
}

/// One Pipeline on its way.
struct Followed<'a> {
    place: &'a Place<'a>,
    before: Option<Way>,
    seen: Option<Seen>,
    asked: Asked,
    progress: Progress,
}

impl Followed<'_> {
    /// Judges anew and prints what changed; `Some`: it is at its end.
    async fn turn(
        &mut self,
        pipeline: &Pipeline,
        pods: Read<Vec<Pod>>,
        events: Read<Vec<Event>>,
    ) -> Result<Option<Result<(), Error>>, Error> {
        let asked = Asked::of(pipeline, &pods);
        let seen = match self.seen.take().filter(|_| asked == self.asked) {
            Some(seen) => Seen { now: Timestamp::now(), pipeline: pipeline.clone(), pods, events, ..seen },
            None => self.place.besides(pipeline.clone(), pods, events).await,
        };
        self.asked = asked;
        let way = judge::way(&seen);
        let lines = print::changes(self.before.as_ref(), &way, seen.now);
        self.seen = Some(seen);
        if !lines.is_empty() {
            self.progress.clear()?;
        }
        let mut out = std::io::stdout().lock();
        for line in lines {
            writeln!(out, "{line}")?;
        }
        out.flush()?;
        let end = end(pipeline, &way);
        self.progress.say(&way.said, end.is_some())?;
        self.before = Some(way);
        Ok(end)
    }
}

/// Whether nothing more is to come: a Job has ended, the Pods of a Service are ready, or it failed.
fn end(pipeline: &Pipeline, way: &Way) -> Option<Result<(), Error>> {
    let ready = pipeline.status.iter().flat_map(|status| &status.conditions).find(|found| found.type_ == "Ready");
    let is_rolling = ready.is_some_and(|ready| ready.reason == Reason::Rolling.as_str());
    let is_over = match (way.verdict, way.phase) {
        (Verdict::Failed, _) | (Verdict::Well, Some(Phase::Succeeded)) => true,
        (Verdict::Well, _) => pipeline.spec.mode == Mode::Service && !is_rolling,
        (Verdict::Waiting, _) => false,
    };
    is_over.then(|| verdict(way))
}

/// The last line of a terminal; elsewhere nothing.
struct Progress {
    is_terminal: bool,
    said: String,
    since: Timestamp,
}

impl Progress {
    fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal() && std::io::stdout().is_terminal();
        Self { is_terminal, said: String::new(), since: Timestamp::now() }
    }

    fn say(&mut self, said: &str, is_over: bool) -> Result<(), Error> {
        if self.said != said {
            said.clone_into(&mut self.said);
            self.since = Timestamp::now();
        }
        if is_over { self.clear() } else { self.draw() }
    }

    fn draw(&self) -> Result<(), Error> {
        if !self.is_terminal {
            return Ok(());
        }
        let time = crate::cli::ages::age(Timestamp::now().duration_since(self.since));
        // One line of it: what is longer would stay when it is drawn anew.
        let said: String = printable(&self.said).chars().take(60).collect();
        let mut err = std::io::stderr().lock();
        write!(err, "\r\u{1b}[2K… {said} ({time})")?;
        Ok(err.flush()?)
    }

    fn clear(&self) -> Result<(), Error> {
        if !self.is_terminal {
            return Ok(());
        }
        let mut err = std::io::stderr().lock();
        write!(err, "\r\u{1b}[2K")?;
        Ok(err.flush()?)
    }
}
