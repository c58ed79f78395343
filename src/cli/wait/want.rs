//! What is waited for, and whether a Pipeline has come to it, may still come to it, or cannot any more. Pure.

use std::str::FromStr;

use crate::api::pipeline::{Mode, Pipeline};
use crate::api::reason::{ConditionType, Phase};

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// A condition has this status.
    Condition {
        /// Its type.
        type_: String,
        /// `True`, `False` or `Unknown`.
        status: String,
    },
    /// The phase is this.
    Phase(Phase),
    /// It is there.
    Create,
    /// It is gone.
    Delete,
}

/// How a Pipeline stands to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is so.
    Met,
    /// It may come; what it waits for.
    NotYet(String),
    /// It cannot come any more without a change; why.
    Never(String),
}

impl FromStr for Want {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = |word: &str| ConditionType::ALL.iter().find(|known| known.as_str().eq_ignore_ascii_case(word));
        let condition = |type_: &str, status: &str| Self::Condition {
            type_: known(type_).map_or(type_, |known| known.as_str()).to_owned(),
            status: status.to_owned(),
        };
        match text.split_once('=') {
            None if text.eq_ignore_ascii_case("delete") => Ok(Self::Delete),
            None if text.eq_ignore_ascii_case("create") => Ok(Self::Create),
            None if known(text).is_some() => Ok(condition(text, "True")),
            Some(("condition", rest)) if !rest.is_empty() => {
                let (type_, status) = rest.split_once('=').unwrap_or((rest, "True"));
                Ok(condition(type_, status))
            }
            Some(("phase", word)) => {
                let phase = Phase::ALL.iter().find(|phase| phase.as_str().eq_ignore_ascii_case(word));
                let all = || Phase::ALL.iter().map(|phase| phase.as_str()).collect::<Vec<_>>().join(", ");
                phase.map(|phase| Self::Phase(*phase)).ok_or_else(|| format!("{word} is no phase: give one of {}", all()))
            }
            _ => Err(
                "give Ready, Complete or SecretsResolved, condition=NAME or condition=NAME=STATUS, phase=PHASE, create or delete; for jsonpath there is kubectl wait"
                    .to_owned(),
            ),
        }
    }
}

impl Want {
    /// How the Pipeline stands to it; `None`: there is no such Pipeline.
    pub(super) fn judge(&self, pipeline: Option<&Pipeline>) -> Verdict {
        let Some(pipeline) = pipeline else {
            return match self {
                Self::Delete => Verdict::Met,
                _ => Verdict::NotYet("there is no such Pipeline yet".to_owned()),
            };
        };
        match self {
            Self::Create => Verdict::Met,
            Self::Delete => Verdict::NotYet("it is still there".to_owned()),
            Self::Condition { type_, .. } if type_ == "Complete" && pipeline.spec.mode == Mode::Service => {
                Verdict::Never("a Service is never complete: wait for Ready".to_owned())
            }
            Self::Condition { .. } | Self::Phase(_) => self.by_status(pipeline),
        }
    }

    fn by_status(&self, pipeline: &Pipeline) -> Verdict {
        let seen = pipeline.status.as_ref();
        let Some(status) = seen.filter(|status| status.observed_generation >= pipeline.metadata.generation) else {
            return Verdict::NotYet("the operator has not looked at it yet (lockgate doctor)".to_owned());
        };
        let condition =
            |type_: &str| status.conditions.iter().find(|condition| condition.type_.eq_ignore_ascii_case(type_));
        let is_met = match self {
            Self::Condition { type_, status } => match condition(type_) {
                Some(found) => found.status.eq_ignore_ascii_case(status),
                // These stand there only while they are True.
                None => status.eq_ignore_ascii_case("False") && is_passing(type_),
            },
            Self::Phase(phase) => status.phase == Some(*phase),
            Self::Create | Self::Delete => false,
        };
        if is_met {
            return Verdict::Met;
        }
        let phase = status.phase.map_or_else(|| "not looked at".to_owned(), |phase| phase.to_string());
        let said = condition("Ready").map(|ready| ready.message.as_str()).filter(|said| !said.is_empty());
        let why = said.map_or_else(|| phase.clone(), |said| format!("{phase}: {said}"));
        if self.is_lost(status.phase) { Verdict::Never(why) } else { Verdict::NotYet(why) }
    }

    /// Whether a Pipeline in this phase cannot come to it without somebody's help.
    fn is_lost(&self, phase: Option<Phase>) -> bool {
        let is_over = matches!(phase, Some(Phase::Failed | Phase::Succeeded));
        match self {
            Self::Condition { type_, status } => {
                let good = ["Ready", "Complete", "SecretsResolved"].contains(&type_.as_str());
                phase == Some(Phase::Failed) && good && status.eq_ignore_ascii_case("True")
            }
            // Nobody who waits for these means a later run.
            Self::Phase(Phase::Running | Phase::Succeeded | Phase::Failed) => is_over,
            Self::Phase(_) | Self::Create | Self::Delete => false,
        }
    }
}

/// Conditions that stand in status only while they are True.
fn is_passing(type_: &str) -> bool {
    [ConditionType::CredentialExpiring, ConditionType::Reconciling, ConditionType::Stalled]
        .iter()
        .any(|known| known.as_str() == type_)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn want(text: &str) -> Want {
        text.parse().unwrap()
    }

    fn pipeline(phase: &str, conditions: &Value) -> Pipeline {
        serde_json::from_value(json!({
            "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline", "metadata": {"name": "edges", "generation": 2},
            "spec": {"transform": {"image": "a"}},
            "status": {"observedGeneration": 2, "phase": phase, "conditions": conditions},
        }))
        .unwrap()
    }

    fn condition(type_: &str, status: &str, message: &str) -> Value {
        json!({"type": type_, "status": status, "reason": "X", "message": message, "lastTransitionTime": "2027-01-15T08:00:00Z"})
    }

    #[test]
    fn forms_are_kubectls_and_short_ones() {
        let is = |text: &str, type_: &str, status: &str| {
            assert_eq!(want(text), Want::Condition { type_: type_.into(), status: status.into() }, "{text}");
        };
        is("Ready", "Ready", "True");
        is("secretsresolved", "SecretsResolved", "True");
        is("condition=ready", "Ready", "True");
        is("condition=Ready=False", "Ready", "False");
        is("condition=Other=Unknown", "Other", "Unknown");
        assert_eq!(want("phase=running"), Want::Phase(Phase::Running));
        assert_eq!((want("delete"), want("Create")), (Want::Delete, Want::Create));
        for wrong in ["", "ready?", "phase=Sleeping", "condition=", "jsonpath={.status.phase}=Running"] {
            assert!(wrong.parse::<Want>().is_err(), "{wrong}");
        }
    }

    /// The first letter of the verdict: met, not yet, never.
    fn verdict(text: &str, pipeline: &Pipeline) -> &'static str {
        match want(text).judge(Some(pipeline)) {
            Verdict::Met => "met",
            Verdict::NotYet(_) => "not yet",
            Verdict::Never(_) => "never",
        }
    }

    #[test]
    fn a_pipeline_has_come_to_it_may_come_or_cannot() {
        let ready = |status: &str| json!([condition("Ready", status, "said")]);
        let waiting = pipeline("Waiting", &ready("False"));
        let running = pipeline("Running", &ready("True"));
        let failed = pipeline("Failed", &ready("False"));
        let done = pipeline("Succeeded", &json!([condition("Ready", "True", ""), condition("Complete", "True", "")]));
        for (text, pipeline, expected) in [
            ("Ready", &waiting, "not yet"),
            ("Ready", &running, "met"),
            ("Ready", &failed, "never"),
            ("condition=Ready=False", &failed, "met"),
            ("condition=Ready=False", &done, "not yet"),
            ("Complete", &running, "not yet"),
            ("Complete", &done, "met"),
            ("Complete", &failed, "never"),
            ("condition=Stalled=False", &running, "met"),
            ("condition=Stalled", &running, "not yet"),
            ("condition=Unheard=False", &running, "not yet"),
            ("phase=Running", &waiting, "not yet"),
            ("phase=Running", &done, "never"),
            ("phase=Succeeded", &failed, "never"),
            ("phase=Failed", &failed, "met"),
            ("phase=Failed", &done, "never"),
            ("phase=Suspended", &done, "not yet"),
            ("create", &waiting, "met"),
            ("delete", &waiting, "not yet"),
        ] {
            assert_eq!(verdict(text, pipeline), expected, "{text} of {:?}", pipeline.status);
        }
    }

    #[test]
    fn what_was_not_looked_at_says_nothing() {
        let mut old = pipeline("Failed", &json!([condition("Ready", "False", "said")]));
        old.metadata.generation = Some(3);
        assert_eq!(verdict("Ready", &old), "not yet");
        old.status = None;
        assert_eq!(verdict("phase=Failed", &old), "not yet");
    }

    #[test]
    fn a_service_is_never_complete() {
        let mut service = pipeline("Running", &json!([]));
        service.spec.mode = Mode::Service;
        assert_eq!(verdict("Complete", &service), "never");
    }

    #[test]
    fn who_is_not_there_is_deleted_and_nothing_else() {
        assert_eq!(want("delete").judge(None), Verdict::Met);
        assert!(matches!(want("create").judge(None), Verdict::NotYet(_)));
    }

    #[test]
    fn what_it_waits_for_is_the_operators_sentence() {
        let waiting = pipeline("Waiting", &json!([condition("Ready", "False", "Secret db does not exist: make it")]));
        let Verdict::NotYet(why) = want("Ready").judge(Some(&waiting)) else { panic!("it waits") };
        assert_eq!(why, "Waiting: Secret db does not exist: make it");
    }
}
