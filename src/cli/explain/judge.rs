//! What was seen -> the way. Pure.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::SignedDuration;
use kube::ResourceExt;

use super::seen::Seen;
use super::way::{Attached, Leg, OldValue, Problem, Stage, State, StepWay, Verdict, Way};
use super::{chosen, pod, pull, words};
use crate::api::pipeline::Mode;
use crate::api::reason::{Phase, Reason, ReferenceState, StepState, Trouble};
use crate::api::status::{PipelineStatus, ReferenceStatus, StepStatus};
use crate::cli::credentials::Credential;
use crate::cli::doctor::seen::{LABEL, Unread};
use crate::model::parse::parse;
use crate::model::world::PodFacts;

/// The operator takes up a Secret within milliseconds. Two clocks may differ, and times have whole seconds.
const TAKEN_UP_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// The way of the Pipeline that was seen.
pub(super) fn way(seen: &Seen) -> Way {
    let pipeline = &seen.pipeline;
    let empty = PipelineStatus::default();
    let status = pipeline.status.as_ref().unwrap_or(&empty);
    let judge = Judge { seen, status, is_service: pipeline.spec.mode == Mode::Service };
    let ready = judge.condition("Ready");
    let (said, more) = ready.map_or(("", None), |ready| words::pointer(&ready.message));
    let applied = judge.applied();
    let verdict = judge.verdict(&applied);
    Way {
        namespace: pipeline.namespace().unwrap_or_default(),
        name: pipeline.name_any(),
        phase: status.phase,
        run: status.run.as_ref().map(|run| run.number),
        verdict,
        said: judge.headline(&applied, said),
        steps: status.steps.iter().map(|step| judge.step(step)).collect(),
        images: judge.images(),
        attached: judge.attached(),
        more: more.filter(|_| verdict != Verdict::Well).map(ToOwned::to_owned),
        unseen: judge.unseen(&applied),
        applied,
    }
}

struct Judge<'a> {
    seen: &'a Seen,
    status: &'a PipelineStatus,
    is_service: bool,
}

fn is_good(row: &ReferenceStatus) -> bool {
    use ReferenceState::{Absent, KeyUnverified, Resolved, Unchecked};
    matches!(row.state, Resolved | KeyUnverified | Absent | Unchecked)
}

impl Judge<'_> {
    fn condition(&self, type_: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.type_ == type_)
    }

    /// The reason of `Ready`, where it is one that this version knows.
    fn reason(&self) -> Option<Reason> {
        let ready = self.condition("Ready")?;
        Reason::ALL.iter().copied().find(|reason| reason.as_str() == ready.reason)
    }

    fn is_looked_at(&self) -> bool {
        self.status.observed_generation.is_some()
            && self.status.observed_generation >= self.seen.pipeline.metadata.generation
    }

    fn applied(&self) -> Leg {
        let meta = &self.seen.pipeline.metadata;
        let created = meta.creation_timestamp.as_ref().map(|time| time.0);
        let generation = meta.generation.unwrap_or_default();
        if meta.deletion_timestamp.is_some() {
            return Leg::new(Stage::Applied, State::Waiting, created).saying("the Pipeline is being deleted");
        }
        if !self.is_looked_at() {
            let said = format!("no operator has looked at generation {generation} yet");
            let (operator, _) = self.operator();
            let problem = Problem {
                reason: "NotLookedAt".to_owned(),
                said: operator,
                command: Some(format!("lockgate doctor --namespace {}", self.seen.operator_namespace)),
            };
            return Leg::new(Stage::Applied, State::Waiting, created).saying(said).with(problem);
        }
        let leg = Leg::new(Stage::Applied, State::Done, created).saying(format!("generation {generation}"));
        if matches!(self.reason(), Some(Reason::InvalidSpec | Reason::Unreadable | Reason::WriteFailed)) {
            let message = self.condition("Ready").map(|ready| ready.message.as_str()).unwrap_or_default();
            let reason = self.reason().map(Reason::as_str).unwrap_or_default();
            return Leg { state: State::Failed, ..leg }.with(words::problem(reason, message));
        }
        leg
    }

    /// What is known of the operator, and whether it can be at work; `None`: that is not known.
    fn operator(&self) -> (String, Option<bool>) {
        let namespace = &self.seen.operator_namespace;
        let found = match &self.seen.operator {
            Ok(found) => found,
            Err(Unread::Forbidden) => {
                return (
                    format!(
                        "whether an operator runs was not looked at: you may not list Deployments in namespace {namespace}"
                    ),
                    None,
                );
            }
            Err(_) => return ("whether an operator runs could not be read".to_owned(), None),
        };
        if found.is_empty() {
            return (
                format!(
                    "no Deployment in namespace {namespace} has the label {LABEL}: is Lockgate installed, and there?"
                ),
                None,
            );
        }
        let available = |deployment: &Deployment| {
            deployment.status.as_ref().and_then(|status| status.available_replicas).unwrap_or_default()
        };
        let told = found.iter().map(|deployment| {
            let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
            format!(
                "Deployment {} in {namespace}: {} of {wanted} available",
                deployment.name_any(),
                available(deployment)
            )
        });
        let told: Vec<String> = told.collect();
        (told.join("; "), Some(found.iter().any(|deployment| available(deployment) > 0)))
    }

    fn verdict(&self, applied: &Leg) -> Verdict {
        match self.status.phase {
            _ if applied.state == State::Waiting => Verdict::Waiting,
            Some(Phase::Running | Phase::Succeeded) => Verdict::Well,
            Some(Phase::Failed) => Verdict::Failed,
            _ => Verdict::Waiting,
        }
    }

    fn headline(&self, applied: &Leg, ready: &str) -> String {
        if applied.state == State::Waiting {
            return applied.said.clone();
        }
        match self.status.phase {
            Some(Phase::Waiting) => match self.status.waiting_for.as_deref().filter(|what| !what.is_empty()) {
                Some(what) => format!("waits for {what}"),
                None => ready.to_owned(),
            },
            Some(Phase::Suspended) => "spec.suspend is true, so that nothing starts".to_owned(),
            _ => words::problem("", ready).said,
        }
    }

    fn step(&self, step: &StepStatus) -> StepWay {
        let pods = self.seen.pods.as_deref().unwrap_or_default();
        let of_step = chosen::of_step(&self.seen.pipeline, &step.name, pods);
        let found = chosen::of(&self.seen.pipeline, step, pods);
        let mut legs: Vec<Leg> = self.needs(step).into_iter().collect();
        legs.push(self.references(step, found.is_some()));
        match found {
            Some(found) => legs.extend(pod::legs(self.seen, step, found, self.is_service)),
            None => legs.extend(self.without_pod(step)),
        }
        // A stage whose beginning is not done has not begun; but what is missing is told at once.
        let first = legs.iter().position(|leg| leg.state != State::Done).unwrap_or(legs.len());
        let after = legs.iter_mut().skip(first.saturating_add(1));
        for leg in after.filter(|leg| leg.state == State::Waiting && leg.problems.is_empty()) {
            *leg = Leg::new(leg.stage, State::NotYet, None);
        }
        StepWay {
            step: step.name.clone(),
            pod: found.map(ResourceExt::name_any),
            pods: chosen::several(step, &of_step),
            legs,
            old: self.old(step, &of_step),
        }
    }

    fn needs(&self, step: &StepStatus) -> Option<Leg> {
        let spec = self.seen.pipeline.spec.steps.iter().find(|spec| spec.name == step.name)?;
        let state_of = |name: &String| self.status.steps.iter().find(|other| other.name == *name);
        let open: Vec<String> = spec
            .needs
            .iter()
            .filter_map(|name| state_of(name).filter(|other| other.state != StepState::Succeeded))
            .map(|other| format!("{} ({})", other.name, other.state))
            .collect();
        if spec.needs.is_empty() {
            return None;
        }
        let ended = spec.needs.iter().filter_map(|name| state_of(name)?.finished_at.as_ref().map(|at| at.0)).max();
        Some(match (open.is_empty(), step.state) {
            (true, _) => Leg::new(Stage::Needs, State::Done, ended).saying(spec.needs.join(", ")),
            (false, StepState::Skipped) => {
                let said = format!("{}, so that this step does not start", open.join(", "));
                Leg::new(Stage::Needs, State::Failed, ended).saying(said)
            }
            (false, _) => Leg::new(Stage::Needs, State::Waiting, None).saying(format!("waits for {}", open.join(", "))),
        })
    }

    fn references(&self, step: &StepStatus, has_pod: bool) -> Leg {
        let rows: Vec<&ReferenceStatus> =
            self.status.references.iter().filter(|row| row.step == step.name && row.via.is_none()).collect();
        let bad: Vec<&&ReferenceStatus> = rows.iter().filter(|row| !is_good(row)).collect();
        // The Pod is there, and status is still to be written.
        let is_written_later = has_pod && step.state == StepState::Waiting;
        let bad = if is_written_later { Vec::new() } else { bad };
        let said = match (rows.len(), rows.len() - bad.len()) {
            (0, _) => "nothing is named".to_owned(),
            (all, good) => format!("{good} of {all} good"),
        };
        let is_past = has_pod || step.state.is_over() || matches!(step.state, StepState::Starting | StepState::Running);
        let has_refused = self.status.phase == Some(Phase::Failed)
            && matches!(self.reason(), Some(Reason::SecretMissing | Reason::MissingSecretTimeout));
        let state = if has_refused && !bad.is_empty() {
            State::Failed
        } else if is_past && !has_refused {
            State::Done
        } else if step.state == StepState::Waiting || !bad.is_empty() {
            State::Waiting
        } else {
            State::Done
        };
        let since = match state {
            State::Waiting => self.status.waiting_since.as_ref().map(|time| time.0),
            _ => self.condition("SecretsResolved").map(|condition| condition.last_transition_time.0),
        };
        let mut leg = Leg::new(Stage::References, state, since).saying(said);
        for row in &bad {
            leg.problems.extend(self.problem_of(row));
        }
        if state == State::Waiting && leg.problems.is_empty() {
            // What is no row of a reference: the ServiceAccount.
            let message = self.condition("Ready").map(|ready| ready.message.as_str()).unwrap_or_default();
            leg.problems.push(words::problem(self.reason().map(Reason::as_str).unwrap_or_default(), message));
        }
        leg
    }

    /// What is wrong with a reference; and where that is so no more, that the operator has not noticed.
    fn problem_of(&self, row: &ReferenceStatus) -> Vec<Problem> {
        let first = words::problem(row.state.as_str(), row.message.as_deref().unwrap_or_default());
        let made_at = match self.seen.secrets.get(&row.name) {
            Some(Ok(Some(now))) => now.made_at,
            _ => None,
        };
        let is_there = made_at.is_some_and(|at| self.seen.now.duration_since(at) > TAKEN_UP_WITHIN);
        if row.state != ReferenceState::NotFound || !is_there {
            return vec![first];
        }
        let (operator, _) = self.operator();
        vec![Problem {
            reason: row.state.to_string(),
            said: format!("Secret {} is there by now, and the operator has not taken it up: {operator}", row.name),
            command: Some(format!("lockgate doctor --namespace {}", self.seen.operator_namespace)),
        }]
    }

    /// The legs from the Pod on, where there is none to look at.
    fn without_pod(&self, step: &StepStatus) -> Vec<Leg> {
        let end = if self.is_service { Stage::Ready } else { Stage::Finished };
        if let (StepState::Starting, Some(pod), Err(_)) = (step.state, &step.pod, &self.seen.pods) {
            return pod::legs_by_status(step, pod, end);
        }
        let rendered = self.renders(&step.name).then_some(Stage::Rendered);
        let before = [Stage::Scheduled, Stage::Mounted].into_iter().chain(rendered);
        let after = before.chain([Stage::Pulled, Stage::Started]);
        let finished = step.finished_at.as_ref().map(|time| time.0);
        let started = step.started_at.as_ref().map(|time| time.0);
        let said = step.message.as_deref().unwrap_or_default();
        let reason = step.reason.map(Reason::as_str).or(step.trouble.map(Trouble::as_str));
        let (state, last) = match step.state {
            StepState::Succeeded => (State::Done, Leg::new(end, State::Done, finished)),
            StepState::Failed => {
                let problem = words::problem(reason.unwrap_or("PodFailed"), said);
                (State::Done, Leg::new(end, State::Failed, finished).with(problem))
            }
            StepState::Running => (State::Done, Leg::new(end, State::Waiting, started).saying("it runs")),
            _ => (State::NotYet, Leg::new(end, State::NotYet, None)),
        };
        let mut legs = vec![match state {
            State::Done => Leg::new(Stage::Pod, State::Done, started).saying(step.pod.clone().unwrap_or_default()),
            _ => self.no_pod_yet(step),
        }];
        // Of a Pod that failed and is gone it is not known how far it came.
        let is_known = step.state != StepState::Failed;
        legs.extend(after.filter(|_| is_known).map(|stage| Leg::new(stage, state, None)));
        legs.push(last);
        legs
    }

    /// Whether something is rendered for the step, by its manifest.
    fn renders(&self, step: &str) -> bool {
        let work = parse(&self.seen.pipeline.spec);
        work.is_ok_and(|work| work.steps.iter().any(|known| known.name == step && known.needs_helper()))
    }

    fn no_pod_yet(&self, step: &StepStatus) -> Leg {
        let since = self.condition("Ready").map(|ready| ready.last_transition_time.0);
        let pipeline = &self.seen.pipeline;
        match step.state {
            StepState::Suspended => Leg::new(Stage::Pod, State::Waiting, since).with(Problem {
                reason: "Suspended".to_owned(),
                said: "spec.suspend is true".to_owned(),
                command: Some(format!(
                    "lockgate resume {} -n {}",
                    pipeline.name_any(),
                    pipeline.namespace().unwrap_or_default()
                )),
            }),
            StepState::Starting => match (self.reason(), self.condition("Ready")) {
                (Some(Reason::PodsStarting) | None, _) | (_, None) => {
                    Leg::new(Stage::Pod, State::Waiting, since).saying("it is being created")
                }
                (Some(reason), Some(ready)) => {
                    let refused = matches!(
                        reason,
                        Reason::PodRefused | Reason::QuotaExceeded | Reason::PodSecurityRefused | Reason::NameConflict
                    );
                    let state = if refused { State::Failed } else { State::Waiting };
                    Leg::new(Stage::Pod, state, since).with(words::problem(reason.as_str(), &ready.message))
                }
            },
            _ => Leg::new(Stage::Pod, State::NotYet, None),
        }
    }

    /// The Secrets whose old values the step's containers have, and in which Pods.
    fn old(&self, step: &StepStatus, pods: &[(&k8s_openapi::api::core::v1::Pod, PodFacts)]) -> Vec<OldValue> {
        let rows = self.status.references.iter().filter(|row| row.step == step.name && row.stale == Some(true));
        let holds = |row: &ReferenceStatus, facts: &PodFacts| {
            let now = match self.seen.secrets.get(&row.name) {
                Some(Ok(Some(now))) => &now.version,
                // Nothing to compare with: any of them may.
                _ => return facts.started_at.is_some(),
            };
            facts.started_at.is_some() && facts.started_with.get(&row.name) != Some(now)
        };
        rows.map(|row| OldValue {
            secret: row.name.clone(),
            key: row.key.clone(),
            changed_at: row.data_changed_at.as_ref().map(|time| time.0),
            pods: pods.iter().filter(|(_, facts)| holds(row, facts)).map(|(_, facts)| facts.name.clone()).collect(),
        })
        .collect()
    }

    /// Of a step with a Pod what that lists, of another what the operator would give it now.
    fn images(&self) -> Vec<Credential> {
        let pods = self.seen.pods.as_deref().unwrap_or_default();
        let of_step = |step: &StepStatus| {
            let found = chosen::of(&self.seen.pipeline, step, pods);
            found.map(|found| pull::credentials(self.seen, &step.name, found)).unwrap_or_default()
        };
        let there = self.status.steps.iter().flat_map(of_step);
        let forecast = self.seen.forecast.iter().cloned();
        there.chain(forecast.map(|image| Credential::of(image, &self.seen.pull_secrets))).collect()
    }

    fn attached(&self) -> Vec<Attached> {
        let of = |row: &ReferenceStatus| {
            Some(Attached {
                step: row.step.clone(),
                secret: row.name.clone(),
                via: row.via.clone()?,
                state: row.state.to_string(),
            })
        };
        self.status.references.iter().filter_map(of).collect()
    }

    fn unseen(&self, applied: &Leg) -> Vec<String> {
        let namespace = self.seen.pipeline.namespace().unwrap_or_default();
        let mut unseen = Vec::new();
        let mut add = |what: &str, why: &Unread| {
            unseen.push(match why {
                Unread::Forbidden => {
                    format!(
                        "{what} were not looked at: you may not list {} in namespace {namespace}",
                        what.to_lowercase()
                    )
                }
                Unread::Unauthorized => format!("{what} were not looked at: the API server does not know you"),
                Unread::Refused(said) | Unread::NoAnswer(said) => format!("{what} were not looked at: {said}"),
            });
        };
        if let Err(why) = &self.seen.pods {
            add("Pods", why);
        }
        if let Err(why) = &self.seen.events {
            add("Events", why);
        }
        unseen.extend(self.seen.forecast_unread.iter().cloned());
        if let (told, Some(false)) = self.operator()
            && applied.state == State::Done
        {
            unseen.push(format!("this may be old: no operator is at work ({told})"));
        }
        unseen
    }
}
