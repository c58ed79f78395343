//! What the laws of order share: an API server that counts its changes, and an operator that sees late, writes, and may die amid it.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::tests::{Story, at};
use super::{Plan, plan};
use crate::api::status::PipelineStatus;
use crate::model::world::{Outcome, PodFacts, World};
use crate::report;

/// A cluster with one Pipeline. Its spec and its Secrets are the test's.
#[derive(Debug)]
pub(super) struct Simulated {
    pub now: Timestamp,
    /// Counts all changes.
    pub version: u32,
    /// The version of the spec.
    pub spec: u32,
    pub status: PipelineStatus,
    pub pods: Vec<PodFacts>,
    /// The last states of Pods that are gone, as far as the operator remembers them.
    gone: Vec<PodFacts>,
    /// What the operator saw last and did not act upon yet.
    seen: Option<Sight>,
}

/// What the operator saw, and when.
#[derive(Debug)]
pub(super) struct Sight {
    pub world: World,
    /// The version of the spec in it.
    spec: u32,
    /// Whether nothing has happened since.
    pub is_current: bool,
}

impl Simulated {
    pub(super) fn new() -> Self {
        Self {
            now: at(0),
            version: 1,
            spec: 0,
            status: PipelineStatus::default(),
            pods: Vec::new(),
            gone: Vec::new(),
            seen: None,
        }
    }

    pub(super) fn next_version(&mut self) -> u32 {
        self.version += 1;
        self.version
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    /// Until this time, but for a second at least.
    pub(super) fn wait_until(&mut self, time: Option<Timestamp>) {
        self.wait(1);
        self.now = self.now.max(time.unwrap_or(self.now));
    }

    /// What the operator would see now.
    pub(super) fn world(&self, story: Story) -> World {
        let lay = |world: &mut World| {
            world.now = self.now;
            world.recorded = self.status.clone();
            world.pods = self.pods.iter().chain(&self.gone).cloned().collect();
        };
        story.with(lay).0
    }

    /// It looks, and acts by that later.
    pub(super) fn observe(&mut self, world: World) {
        self.seen = Some(Sight { world, spec: self.spec, is_current: false });
    }

    /// Whatever it saw, it looks again.
    pub(super) fn forget_sight(&mut self) {
        self.seen = None;
    }

    /// What it acts upon: what it saw last, or else what is there now.
    pub(super) fn sight(&mut self, now: World) -> Sight {
        self.seen.take().unwrap_or(Sight { world: now, spec: self.spec, is_current: true })
    }

    /// Changes a Pod, as the API server would.
    pub(super) fn change(&mut self, uid: &str, change: impl FnOnce(&mut PodFacts)) {
        let version = self.next_version().to_string();
        let pod = self.pods.iter_mut().find(|pod| pod.uid == uid).unwrap();
        change(pod);
        pod.resource_version = version;
    }

    /// Somebody asks for its end; the kubelet sees to that.
    pub(super) fn delete(&mut self, uid: &str) {
        let now = self.now;
        self.change(uid, |pod| pod.deletion_requested_at = pod.deletion_requested_at.or(Some(now)));
    }

    /// It is gone.
    pub(super) fn remove(&mut self, uid: &str) {
        let at = self.pods.iter().position(|pod| pod.uid == uid).unwrap();
        self.gone.push(PodFacts { gone: true, ..self.pods.remove(at) });
    }

    /// Writes what was decided: deletions with their preconditions, then creations. What was made stands in the outcome in
    /// the order in which it was decided.
    pub(super) fn write(&mut self, decided: &Plan) -> Outcome {
        let mut outcome = Outcome::default();
        for deletion in &decided.delete {
            let there = self.pods.iter().find(|pod| pod.uid == deletion.uid);
            let is_other =
                |pod: &PodFacts| deletion.resource_version.as_ref().is_some_and(|seen| *seen != pod.resource_version);
            if there.is_some_and(is_other) {
                continue;
            }
            if there.is_some() {
                self.delete(&deletion.uid);
            }
            outcome.deleted.push(deletion.uid.clone());
        }
        for pod in &decided.create {
            let facts = PodFacts::of(pod);
            let there = self.pods.iter().find(|pod| pod.name == facts.name).cloned();
            outcome.created.push(there.unwrap_or_else(|| {
                let version = self.next_version().to_string();
                let uid = format!("uid-{version}");
                let made = PodFacts { uid, resource_version: version, created_at: Some(self.now), ..facts };
                self.pods.push(made.clone());
                made
            }));
        }
        outcome
    }

    /// The operator dies after its writes, and what it remembered with it.
    pub(super) fn die(&mut self) {
        self.gone.clear();
    }

    /// It writes the status by what came of its writes; refused where the spec changed since it was seen. Returns what is
    /// to be done after that, and the status before.
    pub(super) fn record(&mut self, sight: Sight, outcome: &Outcome) -> (Plan, PipelineStatus) {
        let after = sight.world.after(outcome);
        let settled = plan(&after);
        let before = self.status.clone();
        if sight.spec == self.spec {
            self.status = report::status(&after, &settled);
            self.gone.retain(|pod| !after.pods.iter().any(|known| known.gone && known.uid == pod.uid));
        }
        (settled, before)
    }

    /// Whether there is nothing to do, and the status says what is.
    pub(super) fn is_at_rest(&self, world: &World) -> bool {
        let again = plan(world);
        again.create.is_empty() && again.delete.is_empty() && self.status == report::status(world, &again)
    }
}
