//! Whatever the order of events, the end is the same. A tiny cluster: Secrets come, change and go, people suspend, change
//! and delete, a kubelet moves Pods, the operator dies; looks come late, twice or not at all.

use std::collections::BTreeMap;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::plan;
use super::tests::{Story, at, story};
use crate::api::status::PipelineStatus;
use crate::model::secret::{Keys, SecretKnowledge};
use crate::model::world::{Outcome, PodFacts, PodPhase, Termination, WorkState, World};
use crate::report;

/// What befalls the cluster. The events of one thread keep their order; those of different threads come in any.
#[derive(Clone, Copy, Debug)]
enum Event {
    Set(&'static str, &'static str),
    Remove(&'static str),
    Suspend(bool),
    Image(&'static str),
    /// Somebody deletes the Pod.
    Delete,
    Evict,
    /// Somebody deletes the Pods that ended.
    Tidy,
}

const THREADS: [&[Event]; 4] = [
    &[Event::Set("db", "first"), Event::Remove("db"), Event::Set("db", "second")],
    &[Event::Set("regcred", "wrong"), Event::Set("regcred", "right")],
    &[Event::Suspend(true), Event::Image("reg.test/a:2"), Event::Suspend(false)],
    &[Event::Delete, Event::Tidy, Event::Evict, Event::Tidy, Event::Delete],
];

/// What the machinery does meanwhile.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// The next event of this thread.
    Event(usize),
    /// The operator looks; what it decides is written later.
    Observe,
    /// It decides and writes, by what it saw last.
    Act,
    /// It dies after its writes, before it wrote the status.
    DieAmidst,
    Kubelet,
    Wait(i64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        3 => (0..THREADS.len()).prop_map(Move::Event),
        2 => Just(Move::Observe),
        4 => Just(Move::Act),
        1 => Just(Move::DieAmidst),
        3 => Just(Move::Kubelet),
        1 => (1..15_i64).prop_map(Move::Wait),
    ];
    proptest::collection::vec(one, 0..80)
}

struct Cluster {
    now: Timestamp,
    /// Counts all changes.
    version: u32,
    secrets: BTreeMap<&'static str, (&'static str, u32)>,
    suspend: bool,
    image: &'static str,
    /// The version of the spec.
    spec: u32,
    status: PipelineStatus,
    pods: Vec<PodFacts>,
    /// The last states of Pods that are gone, as far as the operator remembers them.
    gone: Vec<PodFacts>,
    /// What it saw last, and the version of the spec in it.
    seen: Option<(World, u32)>,
    delivered: [usize; THREADS.len()],
}

impl Cluster {
    fn new() -> Self {
        Self {
            now: at(0),
            version: 0,
            secrets: BTreeMap::new(),
            suspend: false,
            image: "reg.test/a:1",
            spec: 0,
            status: PipelineStatus::default(),
            pods: Vec::new(),
            gone: Vec::new(),
            seen: None,
            delivered: [0; THREADS.len()],
        }
    }

    fn spec(&self) -> Value {
        json!({"suspend": self.suspend, "retries": 1, "history_limit": 1, "transform": {
            "image": self.image, "image_pull_secrets": ["regcred"],
            "secrets": [{"name": "db", "env_var": "PASSWORD", "key": "password"}],
        }})
    }

    fn world(&self) -> World {
        let mut story: Story = story(&self.spec());
        for (name, type_, key) in
            [("db", "Opaque", "password"), ("regcred", "kubernetes.io/dockerconfigjson", ".dockerconfigjson")]
        {
            story = match self.secrets.get(name) {
                Some(_) => story.typed(name, type_, Keys::Known([key.to_owned()].into())),
                None => story.absent(name),
            };
        }
        story
            .with(|world| {
                for (name, known) in &mut world.secrets {
                    if let SecretKnowledge::Present(facts) = known {
                        facts.resource_version = self.secrets[name.as_str()].1.to_string();
                    }
                }
                world.now = self.now;
                world.recorded = self.status.clone();
                world.pods = self.pods.iter().chain(&self.gone).cloned().collect();
            })
            .0
    }

    fn next_version(&mut self) -> u32 {
        self.version += 1;
        self.version
    }

    /// Changes a Pod, as the API server would.
    fn change(&mut self, uid: &str, change: impl FnOnce(&mut PodFacts)) {
        let version = self.next_version().to_string();
        let pod = self.pods.iter_mut().find(|pod| pod.uid == uid).unwrap();
        change(pod);
        pod.resource_version = version;
    }

    /// A Pod that has a container ends first; the kubelet sees to that.
    fn delete(&mut self, uid: &str) {
        let now = self.now;
        self.change(uid, |pod| pod.deletion_requested_at = pod.deletion_requested_at.or(Some(now)));
        if self.pods.iter().any(|pod| pod.uid == uid && pod.phase != PodPhase::Running) {
            self.remove(uid);
        }
    }

    fn remove(&mut self, uid: &str) {
        let at = self.pods.iter().position(|pod| pod.uid == uid).unwrap();
        self.gone.push(PodFacts { gone: true, ..self.pods.remove(at) });
    }

    fn deliver(&mut self, thread: usize) {
        let Some(event) = THREADS[thread].get(self.delivered[thread]) else { return };
        self.delivered[thread] += 1;
        let version = self.next_version();
        let live = self.pods.iter().find(|pod| pod.is_live()).map(|pod| pod.uid.clone());
        match *event {
            Event::Set(name, value) => drop(self.secrets.insert(name, (value, version))),
            Event::Remove(name) => drop(self.secrets.remove(name)),
            Event::Suspend(suspend) => (self.suspend, self.spec) = (suspend, version),
            Event::Image(image) => (self.image, self.spec) = (image, version),
            Event::Delete => live.iter().for_each(|uid| self.delete(uid)),
            Event::Tidy => {
                let ended = self.pods.iter().filter(|pod| !pod.is_live()).map(|pod| pod.uid.clone());
                ended.collect::<Vec<_>>().iter().for_each(|uid| self.delete(uid));
            }
            Event::Evict => live.iter().for_each(|uid| {
                let now = self.now;
                self.change(uid, |pod| {
                    pod.phase = PodPhase::Failed;
                    pod.disrupted_at = Some(now);
                });
            }),
        }
    }

    fn kubelet(&mut self) {
        let Some(pod) = self.pods.iter().find(|pod| pod.is_live()).cloned() else { return };
        let ended = |exit_code: i32, now| {
            Some(Termination {
                exit_code,
                reason: "Error".into(),
                start_error: None,
                last_words: None,
                finished_at: Some(now),
            })
        };
        let now = self.now;
        let attempt = pod.identity.as_ref().unwrap().attempt;
        let pulls = self.secrets.get("regcred").is_some_and(|(value, version)| {
            // It backs off for the life of the Pod: what was mended since then does not help this one.
            *value == "right" && pod.started_with.get("regcred") == Some(&version.to_string())
        });
        match pod.phase {
            PodPhase::Running if pod.deletion_requested_at.is_some() => {
                self.change(&pod.uid, |pod| (pod.phase, pod.terminated) = (PodPhase::Failed, ended(143, now)));
                self.remove(&pod.uid);
            }
            // Each run fails once.
            PodPhase::Running if attempt == 0 => {
                self.change(&pod.uid, |pod| (pod.phase, pod.terminated) = (PodPhase::Failed, ended(3, now)));
            }
            PodPhase::Running => {
                self.change(&pod.uid, |pod| (pod.phase, pod.terminated) = (PodPhase::Succeeded, ended(0, now)));
            }
            _ if !pulls => self.change(&pod.uid, |pod| {
                pod.waiting = Some(("ImagePullBackOff".into(), "401 Unauthorized".into()));
            }),
            _ if !self.secrets.contains_key("db") => self.change(&pod.uid, |pod| {
                pod.waiting = Some(("CreateContainerConfigError".into(), "secret \"db\" not found".into()));
            }),
            _ => self.change(&pod.uid, |pod| (pod.phase, pod.waiting) = (PodPhase::Running, None)),
        }
    }

    /// Plans by what was seen last, and writes. Returns when to look again.
    fn act(&mut self, dies: bool) -> Option<Timestamp> {
        let (world, spec) = self.seen.take().unwrap_or_else(|| (self.world(), self.spec));
        let decided = plan(&world);
        let mut outcome = Outcome::default();
        for deletion in &decided.delete {
            match self.pods.iter().find(|pod| pod.uid == deletion.uid) {
                Some(pod) if deletion.resource_version.as_ref().is_some_and(|seen| *seen != pod.resource_version) => {}
                Some(_) => {
                    self.delete(&deletion.uid);
                    outcome.deleted.push(deletion.uid.clone());
                }
                None => outcome.deleted.push(deletion.uid.clone()),
            }
        }
        for pod in &decided.create {
            let open = world.secrets.values().all(|known| !matches!(known, SecretKnowledge::Absent));
            let suspended = matches!(&world.work, WorkState::Valid(work) if work.suspend);
            assert!(open && !suspended, "a Pod was made while its gate was closed");
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
        if dies {
            // What it remembered dies with it.
            self.gone.clear();
            return None;
        }
        let after = world.after(&outcome);
        let settled = plan(&after);
        // The status is refused where the spec changed since it was seen.
        if spec == self.spec {
            let status = report::status(&after, &settled);
            assert_follows(&self.status, &status);
            self.status = status;
            self.gone.retain(|pod| !after.pods.iter().any(|known| known.gone && known.uid == pod.uid));
        }
        settled.look_again
    }

    fn step(&mut self, step: Move) {
        match step {
            Move::Event(thread) => self.deliver(thread),
            Move::Observe => self.seen = Some((self.world(), self.spec)),
            Move::Act => drop(self.act(false)),
            Move::DieAmidst => drop(self.act(true)),
            Move::Kubelet => self.kubelet(),
            Move::Wait(seconds) => self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap(),
        }
        let live: Vec<&str> = self.pods.iter().filter(|pod| pod.is_live()).map(|pod| pod.name.as_str()).collect();
        assert!(live.len() <= 1, "more than one Pod lives: {live:?}");
    }

    /// All events were delivered: looks, the kubelet and time go on until nothing changes any more.
    fn settle(&mut self) -> String {
        for _ in 0..200 {
            let before = (self.version, self.status.clone());
            let again = self.act(false);
            self.step(Move::Kubelet);
            let next = again.into_iter().chain([self.now.checked_add(SignedDuration::from_secs(1)).unwrap()]).max();
            self.now = next.unwrap();
            if again.is_none() && before == (self.version, self.status.clone()) {
                break;
            }
        }
        let run = self.status.run.as_ref().unwrap();
        let live = self.pods.iter().filter(|pod| pod.is_live()).count();
        let same = run.key == self.world().run_key;
        let again = plan(&self.world());
        let quiet =
            again.create.is_empty() && again.delete.is_empty() && self.status == report::status(&self.world(), &again);
        format!(
            "{}; {live} live; attempts {}; of this spec: {same}; good: {}; at rest: {quiet}",
            self.status.phase.unwrap(),
            self.status.steps[0].attempts,
            run.result.as_ref().is_some_and(|result| result.succeeded),
        )
    }
}

/// Runs and tries count up, and a result stands for ever.
fn assert_follows(before: &PipelineStatus, after: &PipelineStatus) {
    let (Some(old), Some(new)) = (&before.run, &after.run) else { return };
    let tries = |status: &PipelineStatus| status.steps.first().map_or(0, |step| step.attempts);
    assert!(new.number >= old.number);
    if new.number == old.number {
        assert!(tries(after) >= tries(before), "a try that failed was forgotten");
        assert!(old.result.is_none() || old.result == new.result, "a result changed");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whatever_the_order_of_events_the_end_is_the_same(moves in moves()) {
        let mut cluster = Cluster::new();
        for step in moves {
            cluster.step(step);
        }
        for (thread, events) in THREADS.iter().enumerate() {
            while cluster.delivered[thread] < events.len() {
                cluster.step(Move::Event(thread));
            }
        }
        cluster.seen = None;
        prop_assert_eq!(
            cluster.settle(),
            "Succeeded; 0 live; attempts 1; of this spec: true; good: true; at rest: true"
        );
    }
}
