//! A Service: `parallelism` Pods are kept running, and exchanged one after the other when the work or a Secret changed.
//!
//! Each index is a berth. A berth without a Pod gets one at once, if the gate is open. In a berth with a Pod of an older
//! version, or with an old value of a Secret, a fresh one is made beside it, as far as `max_surge` allows, and the old one
//! goes when the fresh one is ready. `max_unavailable` lets old ones go first. The first fresh Pod that does not become
//! ready in time stops the roll: the rest is left as it is.

mod verdict;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::crew::{self, Crew, Member};
use super::resolve::resolve;
use super::rotation::uses_old_value;
use super::turn::{Scene, Turn, starting, unwatched_again};
use super::{Plan, PodDeletion, heal, seconds, tries, trouble};
use crate::api::reason::{Reason, StepState, Trouble};
use crate::model::backoff::DISRUPTED;
use crate::model::run::{PodIdentity, RunRef};
use crate::model::work::{Service, Work};
use crate::model::world::{PodFacts, PodPhase, World};

/// A Pod that ran for so long and was then taken away is replaced without a pause.
const LONG_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// One of the equal Pods' places.
struct Berth<'a> {
    index: i32,
    /// Every Pod that it had, the newest first.
    members: Vec<Member<'a>>,
    /// The Pod of the current version.
    fresh: Option<&'a PodFacts>,
    /// Pods of an older version or with an old value, the best first: one that is ready, then the newest.
    old: Vec<&'a PodFacts>,
}

impl<'a> Berth<'a> {
    fn is_empty(&self) -> bool {
        self.fresh.is_none() && self.old.is_empty()
    }

    /// The Pods that stay, unless they are deleted now.
    fn staying(&self) -> impl Iterator<Item = &'a PodFacts> {
        self.fresh.into_iter().chain(self.old.iter().copied())
    }

    fn is_ready(&self) -> bool {
        self.staying().any(|pod| pod.ready)
    }

    /// Whether its Pod of the current version is not ready, or not made yet.
    fn is_coming(&self) -> bool {
        self.fresh.map_or(self.old.is_empty(), |pod| !pod.ready)
    }

    /// Which Pod comes next.
    fn next(&self, scene: &Scene<'_>) -> PodIdentity {
        let of_run = self.members.iter().filter(|(id, _)| id.run == scene.run.number);
        PodIdentity {
            run: scene.run.number,
            step: scene.step.name.clone(),
            index: self.index,
            attempt: 0,
            replacement: of_run.map(|(id, _)| id.replacement.saturating_add(1)).max().unwrap_or_default(),
        }
    }

    /// Until when to wait, after a Pod that was taken away soon after its start: else it would be made and taken away
    /// without end.
    fn pause(&self, scene: &Scene<'_>, next: &PodIdentity) -> Option<Timestamp> {
        let (_, last) = self.members.first().filter(|(_, pod)| pod.phase == PodPhase::Failed && !pod.gone)?;
        if last.deletion_requested_at.is_some() {
            return None;
        }
        let ended = last.terminated.as_ref().and_then(|ended| ended.finished_at);
        let at = last.disrupted_at.or(ended).or(last.created_at)?;
        let lived = last.created_at.map(|created| at.duration_since(created)).unwrap_or_default();
        let failures = u32::try_from(next.replacement).unwrap_or_default().saturating_add(1);
        let seed = format!("{}/{}/{}", scene.world.subject.uid, next.run, next.index);
        (lived < LONG_LIFE).then(|| DISRUPTED.next(at, failures, &seed))
    }
}

/// What is decided of all berths.
struct Fleet<'a> {
    berths: Vec<Berth<'a>>,
    delete: Vec<PodDeletion>,
    /// Pods to make now.
    create: Vec<Turn>,
    /// Berths that have no Pod, and what stands in the way of one.
    empty: Vec<i32>,
    /// A fresh Pod that is not ready in time, while others wait to be exchanged.
    stuck: Option<&'a PodFacts>,
    /// A Pod of the current version for which nothing can be rendered.
    invalid: Option<&'a PodFacts>,
    /// What keeps the first Pod from being ready that is not.
    trouble: Option<(&'a PodFacts, Option<(Trouble, String)>)>,
    /// When to look again though no event came.
    timers: Vec<Timestamp>,
}

/// Decides about a Service that did not fail for good.
pub(super) fn plan(world: &World, work: &Work, service: &Service, run: RunRef) -> Plan {
    let Some(step) = work.steps.first() else { return Plan::empty(world, Some(run)) };
    let mut crew = Crew::of(world, &run, step);
    // What `kubectl scale` says holds at once.
    crew.parallelism = step.parallelism;
    let members = crew::identified(world, &run, step, crew.recorded());
    let resolution = resolve(world, step);
    let scene = Scene { world, work, run: &run, step, crew, resolution, deadline: None, halted: None };
    let mut fleet = Fleet::of(&scene, service, &members);
    fleet.settle_berths(&scene);
    fleet.roll(&scene, service);
    fleet.fill(&scene);
    let of_run = world.pods.iter().filter(|pod| pod.run().is_some_and(|of| of.number == run.number));
    let mut plan = Plan::empty(world, Some(run.clone()));
    plan.started_at = plan.started_at.or_else(|| of_run.filter_map(|pod| pod.created_at).min());
    verdict::tell(&scene, fleet, plan)
}

impl<'a> Fleet<'a> {
    fn of(scene: &Scene<'a>, service: &Service, members: &[Member<'a>]) -> Self {
        let mut timers: Vec<Timestamp> = scene.resolution.look_again.into_iter().collect();
        let berth = |index: i32| {
            let mut members: Vec<Member<'a>> = members.iter().filter(|(id, _)| id.index == index).cloned().collect();
            members.sort_by(|(a, _), (b, _)| b.cmp(a));
            let (mut fresh, mut old) = (None, Vec::new());
            for (id, pod) in members.iter().filter(|(_, pod)| pod.stays()) {
                let due = due(scene, pod);
                let current = id.run == scene.run.number && due.is_none_or(|due| due > scene.world.now);
                timers.extend(due.filter(|due| *due > scene.world.now));
                if current && fresh.is_none() { fresh = Some(*pod) } else { old.push(*pod) }
            }
            old.sort_by_key(|pod| !pod.ready);
            Berth { index, members, fresh, old }
        };
        let berths: Vec<Berth<'a>> = (0..scene.crew.parallelism).map(berth).collect();
        let rolling = berths.iter().any(|berth| !berth.old.is_empty());
        let unready = berths.iter().filter_map(|berth| berth.fresh).filter(|pod| !pod.ready);
        let by_deadline = unready.filter_map(|pod| {
            Some((pod.created_at?.checked_add(service.progress_deadline).ok()?, pod)).filter(|_| rolling)
        });
        let (late, due): (Vec<_>, Vec<_>) = by_deadline.partition(|(at, _)| *at <= scene.world.now);
        timers.extend(due.iter().map(|(at, _)| *at));
        Self {
            delete: surplus(scene),
            stuck: late.first().map(|(_, pod)| *pod),
            create: Vec::new(),
            empty: Vec::new(),
            trouble: None,
            invalid: None,
            berths,
            timers,
        }
    }

    /// In each berth: what is of no use any more goes; what is stuck in what was just mended makes place.
    fn settle_berths(&mut self, scene: &Scene<'a>) {
        for berth in &mut self.berths {
            let keep = usize::from(!berth.fresh.is_some_and(|pod| pod.ready));
            let useless = berth.old.split_off(keep.min(berth.old.len()));
            self.delete.extend(useless.into_iter().map(PodDeletion::of));
            let dead = |pod: &&PodFacts| !pod.is_live() && !pod.gone && pod.deletion_requested_at.is_none();
            if !berth.is_empty() {
                let ended = berth.members.iter().map(|(_, pod)| *pod).filter(dead);
                self.delete.extend(ended.map(PodDeletion::of));
            }
            self.timers.extend(berth.staying().filter_map(|pod| unwatched_again(scene.world, pod)));
            let unready = berth.fresh.or_else(|| berth.old.first().copied()).filter(|pod| !pod.ready);
            let Some(pod) = unready else { continue };
            let found = trouble::of(scene.world, scene.step, pod);
            // A Secret that changed while the gate is closed was not mended: a fresh Pod could not start either.
            let may_start = scene.resolution.gate.is_none() && !scene.work.suspend;
            let stuck = found.as_ref().filter(|_| may_start);
            let healed = stuck.and_then(|(kind, _)| heal::mended(scene.world, scene.step, pod, *kind));
            let healed = healed.or_else(|| heal::mended_input(scene.world, scene.step, pod).filter(|_| may_start));
            // For a fresh Pod nothing could be rendered either.
            let is_invalid = pod.invalid_input().is_some();
            if is_invalid && healed.is_none() && berth.fresh.is_some() {
                self.invalid.get_or_insert(pod);
            }
            let pending = tries::pending_deadline(scene.step, pod);
            let pending = pending.filter(|_| pod.phase != PodPhase::Running && !is_invalid);
            self.timers.extend(pending.filter(|at| *at > scene.world.now));
            if healed.is_some() || pending.is_some_and(|at| at <= scene.world.now) {
                self.delete.push(PodDeletion::as_seen(pod));
            }
            if self.trouble.as_ref().is_none_or(|(_, known)| known.is_none()) {
                self.trouble = Some((pod, found));
            }
        }
    }

    /// Berths with an old Pod get a fresh one, as many at once as the Service allows.
    fn roll(&mut self, scene: &Scene<'_>, service: &Service) {
        if self.stuck.is_some() || self.invalid.is_some() || scene.work.suspend || scene.resolution.gate.is_some() {
            return;
        }
        let wanted = scene.crew.parallelism;
        let count = |of: &dyn Fn(&Berth<'_>) -> usize| {
            i32::try_from(self.berths.iter().map(of).sum::<usize>()).unwrap_or(i32::MAX)
        };
        // An empty berth counts as its Pod to come.
        let mut pods = count(&|berth| berth.staying().count().max(1));
        let mut ready = count(&|berth| usize::from(berth.is_ready()));
        // One that was ready and crashed counts, too: else a version that runs for a moment would take the place of all.
        let mut coming = count(&|berth| usize::from(berth.is_coming()));
        let most = service.max_surge.saturating_add(service.max_unavailable);
        for berth in &mut self.berths {
            let Some(old) = berth.old.first().filter(|_| berth.fresh.is_none() && coming < most) else { continue };
            let left = ready.saturating_sub(i32::from(old.ready));
            // One that is not ready is missed by nobody: were it kept, Pods that crash would bar the way to what mends them.
            let may_go = !old.ready || left >= wanted.saturating_sub(service.max_unavailable);
            if pods < wanted.saturating_add(service.max_surge) {
                pods = pods.saturating_add(1);
            } else if service.max_unavailable > 0 && may_go {
                self.delete.push(PodDeletion::of(old));
                ready = left;
                // Its place is not free while its deletion is refused.
                if scene.world.setback.as_ref().is_some_and(|setback| setback.pod == old.name) {
                    continue;
                }
            } else {
                continue;
            }
            let next = berth.next(scene);
            self.create.push(starting(scene, &next, Turn::of(&next)));
            coming = coming.saturating_add(1);
        }
    }

    /// Berths without a Pod get one.
    fn fill(&mut self, scene: &Scene<'_>) {
        for berth in self.berths.iter().filter(|berth| berth.is_empty()) {
            self.empty.push(berth.index);
            if scene.work.suspend || scene.resolution.gate.is_some() {
                continue;
            }
            let next = berth.next(scene);
            match berth.pause(scene, &next).filter(|at| *at > scene.world.now) {
                Some(at) => {
                    self.timers.push(at);
                    let message =
                        format!("a Pod was taken away soon after its start; the next one comes at {}", seconds(at).0);
                    self.create.push(Turn { reason: Reason::RetryBackoff, message, ..Turn::of(&next) });
                }
                None => self.create.push(starting(scene, &next, Turn::of(&next))),
            }
        }
    }

    /// How many berths have a Pod that is ready.
    fn ready(&self) -> usize {
        self.berths.iter().filter(|berth| berth.is_ready()).count()
    }

    /// The first Pod: what a person looks at.
    fn first(&self) -> Option<&'a PodFacts> {
        let berth = self.berths.first()?;
        berth.staying().find(|pod| pod.ready).or_else(|| berth.staying().next())
    }

    /// Where the step stands while it is on its way.
    fn state(&self) -> StepState {
        if self.ready() == self.berths.len() { StepState::Running } else { StepState::Starting }
    }
}

/// When the Pod has to be exchanged for its old values.
fn due(scene: &Scene<'_>, pod: &PodFacts) -> Option<Timestamp> {
    let old = uses_old_value(scene.world, scene.step, pod, scene.work.on_secret_change)?;
    Some(old.due(scene.work.rotation_debounce))
}

/// Pods that no berth is for: of a higher index, or of a step that there was before. Also those that ended, which no berth
/// would clean up.
fn surplus(scene: &Scene<'_>) -> Vec<PodDeletion> {
    let berths = 0..scene.crew.parallelism;
    let ours = |id: &PodIdentity| id.step == scene.step.name && berths.contains(&id.index);
    let pods = scene.world.pods.iter().filter(|pod| !pod.gone && pod.deletion_requested_at.is_none());
    pods.filter(|pod| pod.identity.as_ref().is_some_and(|id| !ours(id))).map(PodDeletion::of).collect()
}
