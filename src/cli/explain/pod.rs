//! The legs of a Pod: what the scheduler, the kubelet and the container runtime have done of it. Pure.

mod rendered;

use std::cmp::Ordering;
use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Event, Pod, PodCondition};
use k8s_openapi::jiff::Timestamp;

use super::pull;
use super::seen::Seen;
use super::way::{Leg, Problem, Stage, State};
use super::words;
use crate::api::reason::{Reason, StepState, Trouble};
use crate::api::status::StepStatus;
use crate::model::render::CONTAINER;
use crate::model::world::{PodFacts, PodPhase};

/// The kubelet's words for a container that waits though its image is there.
const AFTER_PULL: [&str; 5] =
    ["CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError", "CrashLoopBackOff"];

/// A Pod with all that is known of it.
struct Look<'a> {
    seen: &'a Seen,
    step: &'a StepStatus,
    pod: &'a Pod,
    facts: PodFacts,
    events: Vec<&'a Event>,
    is_service: bool,
}

/// The legs from the Pod's creation to its end.
pub(super) fn legs(seen: &Seen, step: &StepStatus, pod: &Pod, is_service: bool) -> Vec<Leg> {
    let events = seen.events.iter().flatten();
    let is_its = |event: &&Event| {
        let object = &event.involved_object;
        object.name == pod.metadata.name && (object.uid.is_none() || object.uid == pod.metadata.uid)
    };
    let look = Look { seen, step, pod, facts: PodFacts::of(pod), events: events.filter(is_its).collect(), is_service };
    look.legs()
}

/// When an event was last seen.
fn time_of(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    series.or(last).or_else(|| event.event_time.as_ref().map(|time| time.0))
}

impl Look<'_> {
    fn legs(&self) -> Vec<Leg> {
        let end = if self.is_service { Stage::Ready } else { Stage::Finished };
        let rendered = self.helper_image().map(|_| Stage::Rendered);
        let before = [Stage::Pod, Stage::Scheduled, Stage::Mounted].into_iter().chain(rendered);
        let all: Vec<Stage> = before.chain([Stage::Pulled, Stage::Started, end]).collect();
        // A stage cannot be done before those that it follows, whatever is still known of these.
        let reached = all.iter().copied().filter(|stage| self.is_done(*stage)).max();
        let mut legs: Vec<Leg> = Vec::new();
        let mut before = None;
        for stage in all {
            let is_done = reached.is_some_and(|reached| stage <= reached);
            let is_next = !is_done && legs.iter().all(|leg| leg.state == State::Done);
            let leg = match (is_done, is_next) {
                (true, _) => Leg::new(stage, State::Done, self.time(stage).or(before)).saying(self.words(stage)),
                (false, true) => self.current(stage, before),
                (false, false) => Leg::new(stage, State::NotYet, None),
            };
            before = leg.since.or(before);
            legs.push(leg);
        }
        legs
    }

    fn condition(&self, type_: &str) -> Option<&PodCondition> {
        let conditions = self.pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions.into_iter().find(|found| found.type_ == type_ && found.status == "True")
    }

    fn since(&self, type_: &str) -> Option<Timestamp> {
        self.condition(type_)?.last_transition_time.as_ref().map(|time| time.0)
    }

    /// The last event of this reason; what concerns the init container is no news of the step's own.
    fn event(&self, reason: &str) -> Option<&Event> {
        let is_own = |event: &Event| {
            let field = event.involved_object.field_path.as_deref().unwrap_or_default();
            !field.contains(CONTAINER)
        };
        let found = self.events.iter().filter(|event| event.reason.as_deref() == Some(reason) && is_own(event));
        found.max_by_key(|event| time_of(event)).copied()
    }

    fn waiting(&self) -> Option<&str> {
        self.facts.waiting.as_ref().map(|(reason, _)| reason.as_str())
    }

    fn has_started(&self) -> bool {
        let ended = self.facts.terminated.as_ref();
        let ran = ended.is_some_and(|ended| ended.start_error.is_none() && ended.reason != "ContainerStatusUnknown");
        self.facts.started_at.is_some() || self.facts.last_started_at.is_some() || ran
    }

    fn has_image(&self) -> bool {
        let containers = self.pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        let on_node = containers.into_iter().any(|container| !container.image_id.is_empty());
        let after = self.waiting().is_some_and(|reason| AFTER_PULL.contains(&reason));
        let ended = self.facts.terminated.as_ref().is_some_and(|ended| ended.reason != "ContainerStatusUnknown");
        on_node || after || ended || self.event("Pulled").is_some()
    }

    fn is_done(&self, stage: Stage) -> bool {
        match stage {
            Stage::Pod => true,
            Stage::Scheduled => {
                let node = self.pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
                self.condition("PodScheduled").is_some() || node.is_some()
            }
            Stage::Mounted => {
                let waits = self.waiting().is_some_and(|reason| !is_before_pull(reason));
                let begun = self.facts.helper.waiting.as_ref().is_some_and(|(reason, _)| !is_before_pull(reason));
                let begun = begun || self.facts.helper.failed.is_some();
                waits
                    || begun
                    || self.condition("PodReadyToStartContainers").is_some()
                    || self.event("Pulling").is_some()
            }
            Stage::Rendered => self.has_rendered(),
            Stage::Pulled => self.has_image(),
            Stage::Started => self.has_started(),
            Stage::Ready => self.facts.ready,
            Stage::Finished => self.has_ended_well(),
            Stage::Applied | Stage::Needs | Stage::References => false,
        }
    }

    /// By status where it speaks of this Pod: an exit code other than 0 may be taken for good.
    fn has_ended_well(&self) -> bool {
        let is_told = self.step.pod.as_deref() == Some(self.facts.name.as_str()) && self.step.state.is_over();
        let good = self.facts.phase == PodPhase::Succeeded;
        if is_told { self.step.state == StepState::Succeeded } else { good }
    }

    fn time(&self, stage: Stage) -> Option<Timestamp> {
        let event = |reason: &str| self.event(reason).and_then(time_of);
        match stage {
            Stage::Pod => self.facts.created_at,
            Stage::Scheduled => self.since("PodScheduled"),
            Stage::Mounted => self.since("PodReadyToStartContainers").or_else(|| event("Pulling")),
            Stage::Pulled => event("Pulled"),
            Stage::Started => self.started_at(),
            Stage::Ready => self.since("Ready"),
            Stage::Finished => self.facts.terminated.as_ref().and_then(|ended| ended.finished_at),
            Stage::Applied | Stage::Needs | Stage::References | Stage::Rendered => None,
        }
    }

    fn started_at(&self) -> Option<Timestamp> {
        let containers = self.pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        let ended = containers.into_iter().filter_map(|container| container.state.as_ref()?.terminated.as_ref());
        let ended = ended.filter_map(|ended| ended.started_at.as_ref()).map(|time| time.0).next();
        self.facts.started_at.or(ended).or(self.facts.last_started_at)
    }

    fn image(&self) -> &str {
        let containers = self.pod.spec.iter().flat_map(|spec| &spec.containers);
        containers.into_iter().find_map(|container| container.image.as_deref()).unwrap_or_default()
    }

    /// What there is to say of a stage that is done.
    fn words(&self, stage: Stage) -> String {
        match stage {
            Stage::Pod => self.facts.name.clone(),
            Stage::Scheduled => {
                let node = self.pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
                node.map(|node| format!("on node {node}")).unwrap_or_default()
            }
            Stage::Mounted => mounted(self.pod),
            Stage::Rendered => self.rendered(),
            Stage::Pulled => self.pulled(),
            Stage::Ready => self.ready(),
            Stage::Finished => {
                let code = self.facts.terminated.as_ref().map(|ended| ended.exit_code);
                code.map(|code| format!("exit code {code}")).unwrap_or_default()
            }
            Stage::Applied | Stage::Needs | Stage::References | Stage::Started => String::new(),
        }
    }

    fn pulled(&self) -> String {
        let image = self.image();
        let said = self.event("Pulled").and_then(|event| event.message.as_deref()).unwrap_or_default();
        let offer = || pull::offer(self.seen, &self.step.name, self.pod, false).said();
        if said.contains("already present on machine") {
            format!("{image}, which was on the node; {}", offer())
        } else {
            format!("{image} {}", offer())
        }
    }

    fn ready(&self) -> String {
        let ready = self.step.ready.unwrap_or_default();
        if self.step.parallelism > 1 { format!("{ready} of {} Pods", self.step.parallelism) } else { String::new() }
    }

    /// The stage that is under way, or at which it went wrong.
    fn current(&self, stage: Stage, before: Option<Timestamp>) -> Leg {
        // What a Pod that goes ends with is no failure.
        let is_leaving = self.facts.deletion_requested_at.is_some();
        let problems = if is_leaving { Vec::new() } else { self.problems(stage) };
        let state = if problems.is_empty() { State::Waiting } else { State::Failed };
        let began = self.began(stage).filter(|_| state == State::Failed);
        let mut leg = Leg::new(stage, state, began.or(before)).saying(self.on_its_way(stage));
        leg.problems = problems;
        if is_leaving {
            leg = leg.saying("the Pod is being deleted");
        }
        leg
    }

    /// When the first event came that tells what went wrong at this stage.
    fn began(&self, stage: Stage) -> Option<Timestamp> {
        let reasons: &[&str] = match stage {
            Stage::Scheduled => &["FailedScheduling"],
            Stage::Mounted => &["FailedMount", "FailedAttachVolume"],
            Stage::Pulled => &["Failed", "InspectFailed", "ErrImageNeverPull"],
            Stage::Finished => return self.facts.terminated.as_ref().and_then(|ended| ended.finished_at),
            _ => return None,
        };
        let is_one = |event: &&&Event| event.reason.as_deref().is_some_and(|reason| reasons.contains(&reason));
        let first = |event: &&Event| event.first_timestamp.as_ref().map(|time| time.0).or_else(|| time_of(event));
        self.events.iter().filter(is_one).filter_map(first).min()
    }

    fn on_its_way(&self, stage: Stage) -> String {
        match stage {
            Stage::Scheduled => "no node was chosen yet".to_owned(),
            Stage::Mounted => match mounted(self.pod) {
                none if none.is_empty() => "the kubelet sets the Pod up".to_owned(),
                some => format!("the kubelet mounts {some}"),
            },
            Stage::Pulled => {
                format!("{} {}", self.image(), pull::offer(self.seen, &self.step.name, self.pod, false).said())
            }
            Stage::Rendered => self.rendering(),
            Stage::Started => "the kubelet makes the container".to_owned(),
            Stage::Ready => self.ready(),
            Stage::Finished if self.facts.phase == PodPhase::Running => "it runs".to_owned(),
            _ => String::new(),
        }
    }

    fn problems(&self, stage: Stage) -> Vec<Problem> {
        let mut found: Vec<Problem> = self.trouble(stage).into_iter().collect();
        if stage == Stage::Pulled && !found.is_empty() {
            found.extend(pull::problems(&pull::offer(self.seen, &self.step.name, self.pod, false)));
        }
        found
    }

    /// The operator's words where it speaks of this Pod, else the cluster's own.
    fn trouble(&self, stage: Stage) -> Option<Problem> {
        let is_told = self.step.pod.as_deref() == Some(self.facts.name.as_str());
        let said = self.step.message.as_deref().filter(|_| is_told);
        if let Some((trouble, said)) = self.step.trouble.filter(|_| is_told).zip(said)
            && self.before_all_is_rendered(stage_of(trouble)) == stage
        {
            return Some(words::problem(trouble.as_str(), said));
        }
        if self.facts.phase == PodPhase::Failed {
            let reason = self.step.reason.map(Reason::as_str).or(self.reason_of_end());
            let said = said.map_or_else(|| self.end(), ToOwned::to_owned);
            return Some(words::problem(reason.unwrap_or("PodFailed"), &said));
        }
        let (reason, said) = self.shown(stage)?;
        Some(words::problem(&reason, &said))
    }

    fn reason_of_end(&self) -> Option<&str> {
        let ended = self.facts.ended().map(|ended| ended.reason.as_str());
        ended.or_else(|| self.facts.reason.as_ref().map(|(reason, _)| reason.as_str())).filter(|word| !word.is_empty())
    }

    fn end(&self) -> String {
        if let Some(said) = self.helper_end() {
            return said;
        }
        match (&self.facts.terminated, &self.facts.reason) {
            (Some(ended), _) => match &ended.start_error {
                Some(said) => format!("the container could not be started: {said}"),
                None => format!("the container ended with exit code {}", ended.exit_code),
            },
            (None, Some((reason, said))) => format!("{reason}: {said}"),
            (None, None) => "the Pod failed".to_owned(),
        }
    }

    /// What the Pod and its events show, where the operator has not said it.
    fn shown(&self, stage: Stage) -> Option<(String, String)> {
        match (stage, &self.facts.waiting) {
            (Stage::Scheduled, _) => Some(("Unschedulable".to_owned(), self.facts.unschedulable.clone()?)),
            (Stage::Mounted, _) => {
                let event = self.event("FailedMount").or_else(|| self.event("FailedAttachVolume"))?;
                Some(("FailedMount".to_owned(), event.message.clone().unwrap_or_default()))
            }
            (Stage::Rendered, _) => self.why_not_rendered(),
            (Stage::Pulled, Some((reason, said))) if !is_before_pull(reason) => Some((reason.clone(), said.clone())),
            (Stage::Started | Stage::Ready, Some((reason, said))) if AFTER_PULL.contains(&reason.as_str()) => {
                Some((reason.clone(), said.clone()))
            }
            _ => None,
        }
    }
}

fn is_before_pull(reason: &str) -> bool {
    matches!(reason, "ContainerCreating" | "PodInitializing")
}

/// The stage that a trouble keeps a Pod at.
fn stage_of(trouble: Trouble) -> Stage {
    match trouble {
        Trouble::Unschedulable => Stage::Scheduled,
        Trouble::VolumeMount => Stage::Mounted,
        Trouble::InvalidImageName
        | Trouble::ImageUnauthorized
        | Trouble::ImageForbidden
        | Trouble::ImageNotFound
        | Trouble::RegistryUnreachable
        | Trouble::RegistryTls
        | Trouble::PullSecretMalformed
        | Trouble::ImageNeverPull
        | Trouble::ImagePullFailed => Stage::Pulled,
        Trouble::SecretGone | Trouble::RootImage | Trouble::ContainerConfig | Trouble::ContainerStart => Stage::Started,
        Trouble::CrashLoop => Stage::Ready,
    }
}

/// The legs of a Pod that cannot be looked at, as far as status tells of its trouble.
pub(super) fn legs_by_status(step: &StepStatus, pod: &str, end: Stage) -> Vec<Leg> {
    let created = step.started_at.as_ref().map(|time| time.0);
    let at = step.trouble.map_or(Stage::Scheduled, stage_of).min(end);
    let leg = |stage: Stage| match (stage.cmp(&at), step.trouble) {
        (Ordering::Less, _) => Leg::new(stage, State::Done, None),
        (Ordering::Equal, Some(trouble)) => {
            let said = step.message.as_deref().unwrap_or_default();
            Leg::new(stage, State::Failed, None).with(words::problem(trouble.as_str(), said))
        }
        (Ordering::Equal, None) => {
            Leg::new(stage, State::Waiting, created).saying("how far the Pod has come is not known")
        }
        (Ordering::Greater, _) => Leg::new(stage, State::NotYet, None),
    };
    let first = Leg::new(Stage::Pod, State::Done, created).saying(pod);
    let others = [Stage::Scheduled, Stage::Mounted, Stage::Pulled, Stage::Started, end];
    [first].into_iter().chain(others.into_iter().map(leg)).collect()
}

/// The Secrets that are mounted into a Pod.
fn mounted(pod: &Pod) -> String {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let mut names = BTreeSet::new();
    for volume in volumes {
        names.extend(volume.secret.iter().filter_map(|secret| secret.secret_name.clone()));
        let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        names.extend(sources.filter_map(|source| source.secret.as_ref()).map(|secret| secret.name.clone()));
    }
    if names.is_empty() {
        return String::new();
    }
    let noun = if names.len() == 1 { "Secret" } else { "Secrets" };
    format!("{noun} {}", names.into_iter().collect::<Vec<_>>().join(", "))
}
