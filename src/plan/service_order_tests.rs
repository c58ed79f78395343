//! A Service comes to one end, whatever the order of events, and keeps its promises on the way. A tiny cluster: the Secret
//! changes, goes and comes, people scale, suspend, change and delete, versions are bad, the operator dies; looks come late,
//! twice or not at all.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::plan;
use super::simulated_tests::Simulated;
use super::tests::{Story, at, story};
use crate::model::world::{PodFacts, PodPhase, World};

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
    simulated: Simulated,
    surge: i32,
    unavailable: i32,
    /// The Secret's version, and when it changed.
    secret: Option<(u32, Timestamp)>,
    image: &'static str,
    parallelism: i32,
    suspend: bool,
    /// By the uids of their Pods.
    containers: BTreeMap<String, Container>,
    delivered: [usize; THREADS.len()],
}

impl Cluster {
    fn new(surge: i32, unavailable: i32) -> Self {
        Self {
            simulated: Simulated::new(),
            surge,
            unavailable,
            secret: Some((1, at(-100))),
            image: "good-1",
            parallelism: 2,
            suspend: false,
            containers: BTreeMap::new(),
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
        self.simulated.world(story)
    }

    fn staying(&self, at: usize) -> Option<String> {
        self.simulated.pods.iter().filter(|pod| pod.stays()).nth(at).map(|pod| pod.uid.clone())
    }

    fn deliver(&mut self, thread: usize) {
        let Some(event) = THREADS[thread].get(self.delivered[thread]) else { return };
        self.delivered[thread] += 1;
        let (version, now) = (self.simulated.next_version(), self.simulated.now);
        match *event {
            Event::SecretChanges => self.secret = Some((version, now)),
            Event::SecretGoes => self.secret = None,
            Event::Image(image) => (self.image, self.simulated.spec) = (image, version),
            Event::Scale(parallelism) => (self.parallelism, self.simulated.spec) = (parallelism, version),
            Event::Suspend(suspend) => (self.suspend, self.simulated.spec) = (suspend, version),
            Event::Delete(at) => self.staying(at).iter().for_each(|uid| self.simulated.delete(uid)),
            Event::Crash(at) => self.staying(at).iter().for_each(|uid| {
                self.simulated.change(uid, |pod| {
                    pod.ready = false;
                    pod.last_started_at = pod.started_at.take().or(pod.last_started_at);
                });
            }),
            Event::Evict(at) => self.staying(at).iter().for_each(|uid| {
                self.simulated.change(uid, |pod| {
                    pod.phase = PodPhase::Failed;
                    pod.ready = false;
                    pod.disrupted_at = Some(now);
                });
            }),
        }
    }

    /// One that is being deleted goes; one that does not run is started, if its Secret is there.
    fn kubelet(&mut self, at: usize) {
        let Some(pod) = self.simulated.pods.get(at).cloned() else { return };
        let (now, container) = (self.simulated.now, self.containers.get_mut(&pod.uid).unwrap());
        if pod.deletion_requested_at.is_some() {
            self.simulated.remove(&pod.uid);
        } else if pod.is_live() && pod.started_at.is_none() && self.secret.is_some() {
            self.simulated.change(&pod.uid, |pod| {
                pod.phase = PodPhase::Running;
                pod.started_at = Some(now);
            });
            container.value = self.secret.map(|(version, _)| version);
        } else if pod.is_live() && pod.started_at.is_some() && !pod.ready && container.image != "bad" {
            self.simulated.change(&pod.uid, |pod| pod.ready = true);
        }
    }

    /// So many berths have a Pod that is ready and stays.
    fn ready(&self) -> i32 {
        let is_ready = |index: i32| {
            let of = |pod: &PodFacts| pod.identity.as_ref().is_some_and(|id| id.index == index);
            self.simulated.pods.iter().any(|pod| of(pod) && pod.stays() && pod.ready)
        };
        (0..self.parallelism).map(|index| i32::from(is_ready(index))).sum()
    }

    /// Plans by what was seen last, and writes. Returns when to look again.
    fn act(&mut self, dies: bool) -> Option<Timestamp> {
        let sight = self.simulated.sight(self.world());
        let is_current = sight.is_current;
        let decided = plan(&sight.world);
        let ready = self.ready();
        let outcome = self.simulated.write(&decided);
        for (pod, made) in decided.create.iter().zip(&outcome.created) {
            let image = pod.spec.as_ref().unwrap().containers[0].image.clone().unwrap();
            self.containers.entry(made.uid.clone()).or_insert(Container { image, value: None });
        }
        if is_current {
            let promised = ready.min(self.parallelism - self.unavailable);
            assert!(self.ready() >= promised, "{} of {promised} are left ready", self.ready());
            let open = self.secret.is_some() && !self.suspend;
            assert!(decided.create.is_empty() || open, "a Pod was made while its gate was closed");
        }
        if dies {
            self.simulated.die();
            return None;
        }
        let (settled, _) = self.simulated.record(sight, &outcome);
        if is_current {
            // A Pod that ended is kept for its log until the one that follows it is there.
            let pods = &self.simulated.pods;
            let lives = |uid: &str| pods.iter().any(|pod| pod.uid == uid && pod.is_live());
            let more: Vec<&str> = settled.delete.iter().map(|pod| pod.name.as_str()).collect();
            assert!(settled.create.is_empty(), "its writes are done, and it makes more");
            assert!(!settled.delete.iter().any(|pod| lives(&pod.uid)), "its writes are done, and it deletes {more:?}");
            let most = self.parallelism + self.surge;
            let staying = i32::try_from(pods.iter().filter(|pod| pod.stays()).count()).unwrap();
            assert!(decided.create.is_empty() || staying <= most, "{staying} Pods are there, and {most} may be");
        }
        settled.look_again
    }

    fn step(&mut self, step: Move) {
        match step {
            Move::Event(thread) => self.deliver(thread),
            Move::Observe => self.simulated.observe(self.world()),
            Move::Act => drop(self.act(false)),
            Move::DieAmidst => drop(self.act(true)),
            Move::Kubelet(at) => self.kubelet(at),
            Move::Wait(seconds) => self.simulated.wait(seconds),
        }
    }

    /// All events were delivered: looks, the kubelet and time go on until nothing changes any more.
    fn settle(&mut self) -> String {
        for _ in 0..200 {
            let state = |cluster: &Self| {
                let Simulated { version, status, pods, .. } = &cluster.simulated;
                (*version, status.clone(), pods.len())
            };
            let before = state(self);
            let again = self.act(false);
            for at in (0..self.simulated.pods.len()).rev() {
                self.kubelet(at);
            }
            self.simulated.wait_until(again);
            if again.is_none() && before == state(self) {
                break;
            }
        }
        let secret = self.secret.map(|(version, _)| version);
        let is_new = |pod: &PodFacts| {
            let container = &self.containers[&pod.uid];
            pod.ready && container.image == self.image && container.value == secret
        };
        let world = self.world();
        let again = plan(&world);
        let pods = &self.simulated.pods;
        format!(
            "{}/{}; {} Pods, {} of them new; at rest: {}",
            again.verdict.phase,
            again.verdict.reason,
            pods.len(),
            pods.iter().filter(|pod| is_new(pod)).count(),
            self.simulated.is_at_rest(&world),
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
        cluster.simulated.forget_sight();
        prop_assert_eq!(cluster.settle(), "Running/PodsRunning; 3 Pods, 3 of them new; at rest: true");
    }
}
