//! A Service comes to one end, whatever the order of events, and keeps its promises on the way. A tiny cluster: the Secret
//! changes, goes and comes, people scale, suspend, change and delete, versions are bad, the operator dies; looks come late,
//! twice or not at all.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::plan;
use super::tests::{Story, at, story};
use crate::api::status::PipelineStatus;
use crate::model::world::{Outcome, PodFacts, PodPhase, World};
use crate::report;

/// What befalls the cluster. The events of one thread keep their order; those of different threads come in any.
#[derive(Clone, Copy, Debug)]
enum Event {
    SecretChanges,
    SecretGoes,
    /// A container of this image may never be ready.
    Image(&'static str),
    Scale(i32),
    Suspend(bool),
    /// Somebody deletes the Pod of this place in the list.
    Delete(usize),
    /// Its container ends, and is started again some time.
    Crash(usize),
    Evict(usize),
}

const THREADS: [&[Event]; 4] = [
    &[Event::SecretChanges, Event::SecretGoes, Event::SecretChanges, Event::SecretChanges],
    &[Event::Image("bad"), Event::Image("good-2")],
    &[Event::Scale(4), Event::Suspend(true), Event::Scale(1), Event::Suspend(false), Event::Scale(3)],
    &[Event::Crash(0), Event::Delete(1), Event::Evict(0), Event::Crash(2), Event::Crash(0), Event::Delete(0)],
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
    /// The kubelet goes on with one Pod.
    Kubelet(usize),
    Wait(i64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        3 => (0..THREADS.len()).prop_map(Move::Event),
        1 => Just(Move::Observe),
        4 => Just(Move::Act),
        1 => Just(Move::DieAmidst),
        6 => (0..6_usize).prop_map(Move::Kubelet),
        1 => prop_oneof![1..15_i64, 500..900_i64].prop_map(Move::Wait),
    ];
    proptest::collection::vec(one, 0..120)
}

/// What nobody sees from outside.
#[derive(Clone, Debug)]
struct Container {
    image: String,
    /// The version of the Secret that it has as a variable.
    value: Option<u32>,
}

#[derive(Debug)]
struct Cluster {
    surge: i32,
    unavailable: i32,
    now: Timestamp,
    /// Counts all changes.
    version: u32,
    /// The Secret's version, and when it changed.
    secret: Option<(u32, Timestamp)>,
    image: &'static str,
    parallelism: i32,
    suspend: bool,
    /// The version of the spec.
    spec: u32,
    status: PipelineStatus,
    pods: Vec<(PodFacts, Container)>,
    /// The last states of Pods that are gone, as far as the operator remembers them.
    gone: Vec<PodFacts>,
    /// What it saw last, and the version of the spec in it.
    seen: Option<(World, u32)>,
    delivered: [usize; THREADS.len()],
}

impl Cluster {
    fn new(surge: i32, unavailable: i32) -> Self {
        Self {
            surge,
            unavailable,
            now: at(0),
            version: 1,
            secret: Some((1, at(-100))),
            image: "good-1",
            parallelism: 2,
            suspend: false,
            spec: 0,
            status: PipelineStatus::default(),
            pods: Vec::new(),
            gone: Vec::new(),
            seen: None,
            delivered: [0; THREADS.len()],
        }
    }

    fn spec(&self) -> Value {
        json!({"mode": "Service", "suspend": self.suspend, "parallelism": self.parallelism,
            "max_surge": self.surge, "max_unavailable": self.unavailable, "transform": {
            "image": self.image, "secrets": [{"name": "db", "env_var": "PASSWORD", "key": "password"}],
        }})
    }

    fn world(&self) -> World {
        let story: Story = match self.secret {
            Some((version, changed)) => {
                story(&self.spec()).db(&version.to_string(), changed.as_second() - at(0).as_second())
            }
            None => story(&self.spec()).absent("db"),
        };
        let all = self.pods.iter().map(|(pod, _)| pod).chain(&self.gone).cloned().collect();
        story
            .with(|world| {
                world.now = self.now;
                world.recorded = self.status.clone();
                world.pods = all;
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
        let (pod, _) = self.pods.iter_mut().find(|(pod, _)| pod.uid == uid).unwrap();
        change(pod);
        pod.resource_version = version;
    }

    fn delete(&mut self, uid: &str) {
        let now = self.now;
        self.change(uid, |pod| pod.deletion_requested_at = pod.deletion_requested_at.or(Some(now)));
    }

    fn remove(&mut self, uid: &str) {
        let at = self.pods.iter().position(|(pod, _)| pod.uid == uid).unwrap();
        self.gone.push(PodFacts { gone: true, ..self.pods.remove(at).0 });
    }

    fn staying(&self, at: usize) -> Option<String> {
        self.pods.iter().filter(|(pod, _)| pod.stays()).nth(at).map(|(pod, _)| pod.uid.clone())
    }

    fn deliver(&mut self, thread: usize) {
        let Some(event) = THREADS[thread].get(self.delivered[thread]) else { return };
        self.delivered[thread] += 1;
        let (version, now) = (self.next_version(), self.now);
        match *event {
            Event::SecretChanges => self.secret = Some((version, now)),
            Event::SecretGoes => self.secret = None,
            Event::Image(image) => (self.image, self.spec) = (image, version),
            Event::Scale(parallelism) => (self.parallelism, self.spec) = (parallelism, version),
            Event::Suspend(suspend) => (self.suspend, self.spec) = (suspend, version),
            Event::Delete(at) => self.staying(at).iter().for_each(|uid| self.delete(uid)),
            Event::Crash(at) => self.staying(at).iter().for_each(|uid| {
                self.change(uid, |pod| {
                    pod.ready = false;
                    pod.last_started_at = pod.started_at.take().or(pod.last_started_at);
                });
            }),
            Event::Evict(at) => self.staying(at).iter().for_each(|uid| {
                self.change(uid, |pod| {
                    pod.phase = PodPhase::Failed;
                    pod.ready = false;
                    pod.disrupted_at = Some(now);
                });
            }),
        }
    }

    /// One that is being deleted goes; one that does not run is started, if its Secret is there.
    fn kubelet(&mut self, at: usize) {
        let Some((pod, Container { image, .. })) = self.pods.get(at).cloned() else { return };
        let now = self.now;
        if pod.deletion_requested_at.is_some() {
            self.remove(&pod.uid);
        } else if pod.is_live() && pod.started_at.is_none() && self.secret.is_some() {
            self.change(&pod.uid, |pod| {
                pod.phase = PodPhase::Running;
                pod.started_at = Some(now);
            });
            self.pods[at].1.value = self.secret.map(|(version, _)| version);
        } else if pod.is_live() && pod.started_at.is_some() && !pod.ready && image != "bad" {
            self.change(&pod.uid, |pod| pod.ready = true);
        }
    }

    /// So many berths have a Pod that is ready and stays.
    fn ready(&self) -> i32 {
        let is_ready = |index: i32| {
            let of = |pod: &PodFacts| pod.identity.as_ref().is_some_and(|id| id.index == index);
            self.pods.iter().any(|(pod, _)| of(pod) && pod.stays() && pod.ready)
        };
        (0..self.parallelism).map(|index| i32::from(is_ready(index))).sum()
    }

    /// Plans by what was seen last, and writes. Returns when to look again.
    fn act(&mut self, dies: bool) -> Option<Timestamp> {
        let is_current = self.seen.is_none();
        let (world, spec) = self.seen.take().unwrap_or_else(|| (self.world(), self.spec));
        let decided = plan(&world);
        let ready = self.ready();
        let mut outcome = Outcome::default();
        for deletion in &decided.delete {
            match self.pods.iter().find(|(pod, _)| pod.uid == deletion.uid) {
                Some((pod, _))
                    if deletion.resource_version.as_ref().is_some_and(|seen| *seen != pod.resource_version) => {}
                Some(_) => {
                    self.delete(&deletion.uid);
                    outcome.deleted.push(deletion.uid.clone());
                }
                None => outcome.deleted.push(deletion.uid.clone()),
            }
        }
        if is_current {
            let promised = ready.min(self.parallelism - self.unavailable);
            assert!(self.ready() >= promised, "{} of {promised} are left ready", self.ready());
        }
        for pod in &decided.create {
            let facts = PodFacts::of(pod);
            assert!(
                !is_current || (self.secret.is_some() && !self.suspend),
                "a Pod was made while its gate was closed"
            );
            let there = self.pods.iter().find(|(pod, _)| pod.name == facts.name).map(|(pod, _)| pod.clone());
            outcome.created.push(there.unwrap_or_else(|| {
                let version = self.next_version().to_string();
                let uid = format!("uid-{version}");
                let made = PodFacts { uid, resource_version: version, created_at: Some(self.now), ..facts };
                let image = pod.spec.as_ref().unwrap().containers[0].image.clone().unwrap();
                self.pods.push((made.clone(), Container { image, value: None }));
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
        if is_current {
            // A Pod that ended is kept for its log until the one that follows it is there.
            let lives = |uid: &str| self.pods.iter().any(|(pod, _)| pod.uid == uid && pod.is_live());
            let more: Vec<&str> = settled.delete.iter().map(|pod| pod.name.as_str()).collect();
            assert!(settled.create.is_empty(), "its writes are done, and it makes more");
            assert!(!settled.delete.iter().any(|pod| lives(&pod.uid)), "its writes are done, and it deletes {more:?}");
            let most = self.parallelism + self.surge;
            let made = i32::try_from(decided.create.len()).unwrap();
            let staying = i32::try_from(self.pods.iter().filter(|(pod, _)| pod.stays()).count()).unwrap();
            assert!(made == 0 || staying <= most, "{staying} Pods are there, and {most} may be");
        }
        // The status is refused where the spec changed since it was seen.
        if spec == self.spec {
            self.status = report::status(&after, &settled);
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
            Move::Kubelet(at) => self.kubelet(at),
            Move::Wait(seconds) => self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap(),
        }
    }

    /// All events were delivered: looks, the kubelet and time go on until nothing changes any more.
    fn settle(&mut self) -> String {
        for _ in 0..200 {
            let before = (self.version, self.status.clone(), self.pods.len());
            let again = self.act(false);
            for at in (0..self.pods.len()).rev() {
                self.kubelet(at);
            }
            let second = self.now.checked_add(SignedDuration::from_secs(1)).unwrap();
            self.now = again.into_iter().chain([second]).max().unwrap();
            if again.is_none() && before == (self.version, self.status.clone(), self.pods.len()) {
                break;
            }
        }
        let secret = self.secret.map(|(version, _)| version);
        let is_new = |(pod, container): &(PodFacts, Container)| {
            pod.ready && container.image == self.image && container.value == secret
        };
        let world = self.world();
        let again = plan(&world);
        let quiet = again.create.is_empty() && again.delete.is_empty() && self.status == report::status(&world, &again);
        format!(
            "{}/{}; {} Pods, {} of them new; at rest: {quiet}",
            again.verdict.phase,
            again.verdict.reason,
            self.pods.len(),
            self.pods.iter().filter(|pod| is_new(pod)).count(),
        )
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn whatever_the_order_of_events_a_service_ends_with_fresh_pods_only(
        moves in moves(),
        (surge, unavailable) in prop_oneof![Just((1, 0)), Just((0, 1)), Just((2, 1)), Just((0, 9))],
    ) {
        let mut cluster = Cluster::new(surge, unavailable);
        for step in moves {
            cluster.step(step);
        }
        for (thread, events) in THREADS.iter().enumerate() {
            while cluster.delivered[thread] < events.len() {
                cluster.step(Move::Event(thread));
            }
        }
        cluster.seen = None;
        prop_assert_eq!(cluster.settle(), "Running/PodsRunning; 3 Pods, 3 of them new; at rest: true");
    }
}
