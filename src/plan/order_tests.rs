//! Whatever the order of events, the end is the same. A tiny cluster: Secrets come, change and go, people suspend, change
//! and delete, a kubelet moves Pods, the operator dies; looks come late, twice or not at all.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::plan;
use super::simulated_tests::Simulated;
use super::tests::{Story, story};
use crate::api::status::PipelineStatus;
use crate::model::secret::{Keys, SecretKnowledge};
use crate::model::world::{PodFacts, PodPhase, Termination, WorkState, World};

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
    simulated: Simulated,
    secrets: BTreeMap<&'static str, (&'static str, u32)>,
    suspend: bool,
    image: &'static str,
    delivered: [usize; THREADS.len()],
}

impl Cluster {
    fn new() -> Self {
        Self {
            simulated: Simulated::new(),
            secrets: BTreeMap::new(),
            suspend: false,
            image: "reg.test/a:1",
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
        let versions = |world: &mut World| {
            for (name, known) in &mut world.secrets {
                if let SecretKnowledge::Present(facts) = known {
                    facts.resource_version = self.secrets[name.as_str()].1.to_string();
                }
            }
        };
        self.simulated.world(story.with(versions))
    }

    /// A Pod that has a container ends first; the others go at once.
    fn sweep(&mut self) {
        let goes = |pod: &&PodFacts| pod.deletion_requested_at.is_some() && pod.phase != PodPhase::Running;
        let going: Vec<String> = self.simulated.pods.iter().filter(goes).map(|pod| pod.uid.clone()).collect();
        for uid in &going {
            self.simulated.remove(uid);
        }
    }

    fn deliver(&mut self, thread: usize) {
        let Some(event) = THREADS[thread].get(self.delivered[thread]) else { return };
        self.delivered[thread] += 1;
        let simulated = &mut self.simulated;
        let version = simulated.next_version();
        let (live, ended): (Vec<_>, Vec<_>) = simulated.pods.iter().cloned().partition(PodFacts::is_live);
        match *event {
            Event::Set(name, value) => drop(self.secrets.insert(name, (value, version))),
            Event::Remove(name) => drop(self.secrets.remove(name)),
            Event::Suspend(suspend) => (self.suspend, simulated.spec) = (suspend, version),
            Event::Image(image) => (self.image, simulated.spec) = (image, version),
            Event::Delete => live.first().into_iter().for_each(|pod| simulated.delete(&pod.uid)),
            Event::Tidy => ended.iter().for_each(|pod| simulated.delete(&pod.uid)),
            Event::Evict => live.first().into_iter().for_each(|pod| {
                let now = simulated.now;
                simulated.change(&pod.uid, |pod| {
                    pod.phase = PodPhase::Failed;
                    pod.disrupted_at = Some(now);
                });
            }),
        }
        self.sweep();
    }

    fn kubelet(&mut self) {
        let simulated = &mut self.simulated;
        let Some(pod) = simulated.pods.iter().find(|pod| pod.is_live()).cloned() else { return };
        let ended = |exit_code: i32, now| {
            Some(Termination {
                exit_code,
                reason: "Error".into(),
                start_error: None,
                last_words: None,
                finished_at: Some(now),
            })
        };
        let now = simulated.now;
        let attempt = pod.identity.as_ref().unwrap().attempt;
        let pulls = self.secrets.get("regcred").is_some_and(|(value, version)| {
            // It backs off for the life of the Pod: what was mended since then does not help this one.
            *value == "right" && pod.started_with.get("regcred") == Some(&version.to_string())
        });
        match pod.phase {
            PodPhase::Running if pod.deletion_requested_at.is_some() => {
                simulated.change(&pod.uid, |pod| (pod.phase, pod.terminated) = (PodPhase::Failed, ended(143, now)));
                simulated.remove(&pod.uid);
            }
            // Each run fails once.
            PodPhase::Running if attempt == 0 => {
                simulated.change(&pod.uid, |pod| (pod.phase, pod.terminated) = (PodPhase::Failed, ended(3, now)));
            }
            PodPhase::Running => {
                simulated.change(&pod.uid, |pod| (pod.phase, pod.terminated) = (PodPhase::Succeeded, ended(0, now)));
            }
            _ if !pulls => simulated.change(&pod.uid, |pod| {
                pod.waiting = Some(("ImagePullBackOff".into(), "401 Unauthorized".into()));
            }),
            _ if !self.secrets.contains_key("db") => simulated.change(&pod.uid, |pod| {
                pod.waiting = Some(("CreateContainerConfigError".into(), "secret \"db\" not found".into()));
            }),
            _ => simulated.change(&pod.uid, |pod| (pod.phase, pod.waiting) = (PodPhase::Running, None)),
        }
    }

    /// Plans by what was seen last, and writes. Returns when to look again.
    fn act(&mut self, dies: bool) -> Option<Timestamp> {
        let sight = self.simulated.sight(self.world());
        let decided = plan(&sight.world);
        let open = sight.world.secrets.values().all(|known| !matches!(known, SecretKnowledge::Absent));
        let suspended = matches!(&sight.world.work, WorkState::Valid(work) if work.suspend);
        assert!(decided.create.is_empty() || (open && !suspended), "a Pod was made while its gate was closed");
        let outcome = self.simulated.write(&decided);
        self.sweep();
        if dies {
            self.simulated.die();
            return None;
        }
        let (settled, before) = self.simulated.record(sight, &outcome);
        assert_follows(&before, &self.simulated.status);
        settled.look_again
    }

    fn step(&mut self, step: Move) {
        match step {
            Move::Event(thread) => self.deliver(thread),
            Move::Observe => self.simulated.observe(self.world()),
            Move::Act => drop(self.act(false)),
            Move::DieAmidst => drop(self.act(true)),
            Move::Kubelet => self.kubelet(),
            Move::Wait(seconds) => self.simulated.wait(seconds),
        }
        let pods = self.simulated.pods.iter();
        let live: Vec<&str> = pods.filter(|pod| pod.is_live()).map(|pod| pod.name.as_str()).collect();
        assert!(live.len() <= 1, "more than one Pod lives: {live:?}");
    }

    /// All events were delivered: looks, the kubelet and time go on until nothing changes any more.
    fn settle(&mut self) -> String {
        for _ in 0..200 {
            let before = (self.simulated.version, self.simulated.status.clone());
            let again = self.act(false);
            self.step(Move::Kubelet);
            self.simulated.wait_until(again);
            if again.is_none() && before == (self.simulated.version, self.simulated.status.clone()) {
                break;
            }
        }
        let Simulated { status, pods, .. } = &self.simulated;
        let run = status.run.as_ref().unwrap();
        let world = self.world();
        format!(
            "{}; {} live; attempts {}; of this spec: {}; good: {}; at rest: {}",
            status.phase.unwrap(),
            pods.iter().filter(|pod| pod.is_live()).count(),
            status.steps[0].attempts,
            run.key == world.run_key,
            run.result.as_ref().is_some_and(|result| result.succeeded),
            self.simulated.is_at_rest(&world),
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
        cluster.simulated.forget_sight();
        prop_assert_eq!(
            cluster.settle(),
            "Succeeded; 0 live; attempts 1; of this spec: true; good: true; at rest: true"
        );
    }
}
