//! Leader election by a Lease, on client-go's rules: who holds it works, the others watch and stand ready.
//!
//! Three things keep two from working at once. The Lease itself: every write of it carries the resourceVersion that was
//! seen. The [`Fence`]: a leader that was not told in time that it still leads writes nothing, whether its tasks run or
//! not. And, if both should fail, what holds without any election: Pods have deterministic names, deletions and
//! statuses carry what was seen.

mod decide;
mod fence;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{PostParams, WatchEvent, WatchParams};
use kube::core::ObjectMeta;
use kube::{Api, Client};
use tracing::{debug, info, warn};

pub use decide::{Lost, Timing};
pub use fence::{Fence, FenceClosed, Fenced};

use decide::{Step, View, decide};
use fence::Moment;

use crate::ops::metrics::Metrics;

/// A watch on the Lease is ended by the API server after so many seconds.
const WATCH_SECONDS: u32 = 20;
/// Giving the Lease back when the process is told to stop takes no longer.
const RELEASE_DEADLINE: Duration = Duration::from_secs(2);
/// What a Lease that was given back says of its duration, as client-go has it.
const RELEASED_SECONDS: i32 = 1;

/// Which Lease, and who wants it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub name: String,
    /// This process, unlike every other.
    pub identity: String,
    /// How long everything may take.
    pub timing: Timing,
}

/// One process's part in the election.
#[derive(Debug)]
pub struct Election {
    api: Api<Lease>,
    settings: Settings,
    fence: Fence,
    metrics: Arc<Metrics>,
    /// As it was last seen.
    lease: Option<Lease>,
    /// When it was last seen to change, while somebody held it.
    changed: Option<Instant>,
    /// Whether the last try failed: that is told once.
    failing: bool,
}

/// Why a write of the Lease did not come about.
enum Failure {
    /// It is not as it was seen.
    Behind,
    Other(String),
}

impl Election {
    /// A part in the election. The client must not be behind the fence that this opens.
    #[must_use]
    pub fn new(client: Client, settings: Settings, fence: Fence, metrics: Arc<Metrics>) -> Self {
        let api = Api::namespaced(client, &settings.namespace);
        metrics.leads(&settings.name, false);
        Self { api, settings, fence, metrics, lease: None, changed: None, failing: false }
    }

    /// Waits until this process holds the Lease.
    pub(super) async fn win(&mut self) {
        let mut told = None;
        loop {
            match self.look_and_step().await {
                Ok(Step::Wait(_)) => {
                    self.failing = false;
                    let holder = self.holder().unwrap_or_default().to_owned();
                    if told.as_ref() != Some(&holder) {
                        info!(lease = %self, holder, "follows: another leads, this one watches and stands ready");
                        told = Some(holder);
                    }
                    self.news().await;
                }
                Ok(_) => break,
                Err(failure) => self.pause_after(&failure).await,
            }
        }
        self.metrics.leads(&self.settings.name, true);
        info!(lease = %self, "leads as {}", self.settings.identity);
    }

    /// Renews the Lease until it is lost.
    pub(super) async fn hold(&mut self) -> Lost {
        loop {
            tokio::time::sleep(self.settings.timing.retry_period.min(self.time_left())).await;
            // What is known is tried first: a renewal is one request.
            let mut step = self.step().await;
            if matches!(step, Err(Failure::Behind)) {
                step = self.look_and_step().await;
            }
            match step {
                Ok(Step::GiveUp(lost)) => {
                    self.leads_no_more();
                    return lost;
                }
                Ok(_) => {}
                Err(Failure::Behind) => warn!(lease = %self, "the Lease changes while it is renewed"),
                Err(Failure::Other(why)) => warn!(lease = %self, why, "the Lease could not be renewed yet"),
            }
        }
    }

    /// Closes the fence and gives the Lease back, if it is ours, so that the next need not wait.
    pub(super) async fn release(mut self) {
        self.leads_no_more();
        let given = tokio::time::timeout(RELEASE_DEADLINE, async {
            // Whatever was under way when the process was told to stop may have changed it.
            let lease = self.api.get_opt(&self.settings.name).await?;
            self.see(lease);
            if self.holder() != Some(&self.settings.identity) {
                return Ok(false);
            }
            let Some(mut lease) = self.lease.take() else { return Ok(false) };
            let now = MicroTime(Timestamp::now());
            let spec = lease.spec.get_or_insert_default();
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(RELEASED_SECONDS);
            spec.acquire_time = Some(now.clone());
            spec.renew_time = Some(now);
            self.api.replace(&self.settings.name, &PostParams::default(), &lease).await.map(|_| true)
        });
        match given.await {
            Ok(Ok(true)) => info!(lease = %self, "gave the Lease back"),
            Ok(Ok(false)) => {}
            Ok(Err(_)) | Err(_) => {
                warn!(lease = %self, "the Lease could not be given back: the next takes it when it runs out");
            }
        }
    }

    fn leads_no_more(&self) {
        self.fence.close();
        self.metrics.leads(&self.settings.name, false);
    }

    fn holder(&self) -> Option<&str> {
        let lease = self.lease.as_ref()?;
        Some(lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default())
    }

    /// Notes the Lease as it is now.
    fn see(&mut self, lease: Option<Lease>) {
        let was_held = self.holder().is_some_and(|holder| !holder.is_empty());
        match &lease {
            Some(new) if self.lease.as_ref().map(|old| &old.spec) != Some(&new.spec) => {
                self.changed = Some(Instant::now());
            }
            // Whoever held it may not know yet.
            None if self.lease.is_some() && !was_held => self.changed = None,
            _ => {}
        }
        self.lease = lease;
    }

    fn decide(&self) -> Step {
        let seconds = self.lease.as_ref().and_then(|lease| lease.spec.as_ref()?.lease_duration_seconds);
        let view = View {
            identity: &self.settings.identity,
            holder: self.holder(),
            promised: Duration::from_secs(seconds.and_then(|seconds| seconds.try_into().ok()).unwrap_or_default()),
            unchanged: self.changed.map(|changed| changed.elapsed()),
            renewed: self.fence.since_renewal(),
        };
        decide(&self.settings.timing, &view)
    }

    /// Decides by what is known and does it.
    async fn step(&mut self) -> Result<Step, Failure> {
        let step = self.decide();
        if matches!(step, Step::Create | Step::Update) {
            self.write().await?;
        }
        Ok(step)
    }

    /// Reads the Lease first.
    async fn look_and_step(&mut self) -> Result<Step, Failure> {
        let lease = self.in_time(self.api.get_opt(&self.settings.name)).await?;
        self.see(lease);
        self.step().await
    }

    /// Writes our name and the time into the Lease, or makes it.
    async fn write(&mut self) -> Result<(), Failure> {
        // Before the request: nobody sees it renewed before that, so nobody counts from an earlier moment.
        let sent = Moment::now();
        let now = MicroTime(Timestamp::now());
        let Settings { namespace, name, identity, timing } = &self.settings;
        let renews = self.holder() == Some(identity);
        let mut lease = self.lease.clone().unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                namespace: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            spec: None,
        });
        let before = lease.spec.take();
        let old = before.clone().unwrap_or_default();
        let transitions = old.lease_transitions.unwrap_or_default();
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(identity.clone()),
            lease_duration_seconds: timing.lease_duration.as_secs().try_into().ok(),
            acquire_time: if renews { old.acquire_time } else { Some(now.clone()) },
            renew_time: Some(now),
            lease_transitions: Some(if renews || before.is_none() {
                transitions
            } else {
                transitions.saturating_add(1)
            }),
            ..old
        });
        let params = PostParams::default();
        let written = if self.lease.is_some() {
            self.in_time(self.api.replace(name, &params, &lease)).await?
        } else {
            self.in_time(self.api.create(&params, &lease)).await?
        };
        self.see(Some(written));
        self.fence.renewed(sent);
        Ok(())
    }

    /// How long a leader has until its deadline, and somebody else for one try.
    fn time_left(&self) -> Duration {
        let deadline = self.settings.timing.renew_deadline;
        deadline.saturating_sub(self.fence.since_renewal().unwrap_or_default())
    }

    /// A request that hangs must leave time for another, on another connection.
    async fn in_time<T>(&self, request: impl Future<Output = kube::Result<T>>) -> Result<T, Failure> {
        let at_most = (self.settings.timing.renew_deadline / 2).min(self.time_left());
        match tokio::time::timeout(at_most, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(kube::Error::Api(status)))
                if matches!(status.code, 404 | 409) && !status.message.contains("namespaces") =>
            {
                Err(Failure::Behind)
            }
            Ok(Err(kube::Error::Api(status))) => {
                Err(Failure::Other(format!("the API server answered {}: {}", status.code, status.message)))
            }
            Ok(Err(_)) => Err(Failure::Other("the API server could not be reached".into())),
            Err(_) => Err(Failure::Other("the API server did not answer in time".into())),
        }
    }

    async fn pause_after(&mut self, failure: &Failure) {
        match failure {
            Failure::Behind => debug!(lease = %self, "another was quicker"),
            Failure::Other(why) if self.failing => debug!(lease = %self, why, "the election waits still"),
            Failure::Other(why) => warn!(
                lease = %self,
                why,
                "the election waits and tries again; if a right is missing: let the ServiceAccount get, watch, create and update leases there, as deploy/components/ha does"
            ),
        }
        self.failing = matches!(failure, Failure::Other(_));
        tokio::time::sleep(self.settings.timing.retry_period).await;
    }

    /// Waits until the Lease may be taken: it was given back, or has not changed for as long as it was promised.
    async fn news(&mut self) {
        let retry = self.settings.timing.retry_period;
        let version = self.lease.as_ref().and_then(|lease| lease.metadata.resource_version.clone());
        let params =
            WatchParams::default().fields(&format!("metadata.name={}", self.settings.name)).timeout(WATCH_SECONDS);
        let stream = match version {
            Some(version) => self.in_time(self.api.watch(&params, &version)).await.ok(),
            None => None,
        };
        let Some(stream) = stream else {
            let Step::Wait(left) = self.decide() else { return };
            return tokio::time::sleep(retry.min(left)).await;
        };
        let mut stream = stream.boxed();
        while let Step::Wait(left) = self.decide() {
            let Ok(event) = tokio::time::timeout(left, stream.try_next()).await else { return };
            match event {
                Ok(Some(WatchEvent::Added(lease) | WatchEvent::Modified(lease))) => self.see(Some(lease)),
                Ok(Some(WatchEvent::Deleted(_))) => self.see(None),
                Ok(Some(WatchEvent::Bookmark(_))) => {}
                // The watch was ended as it should.
                Ok(None) => return,
                Ok(Some(WatchEvent::Error(_))) | Err(_) => return tokio::time::sleep(retry.min(left)).await,
            }
        }
    }
}

impl std::fmt::Display for Election {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.settings.namespace, self.settings.name)
    }
}
