//! Runs: which version of the work is run, and the names of its Pods.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::api::pipeline::{Mode, PipelineSpec};
use crate::api::reason::RunCause;

/// The fields of the spec that define the work. A change of one of them is another version of the work and starts the
/// next run. All others say how it is waited for, retried or kept, and a change of them runs nothing again.
pub const WORK_FIELDS: [&str; 14] = [
    "transform",
    "steps",
    "secrets",
    "image_pull_secrets",
    "security",
    "service_account_name",
    "resource_requests",
    "resource_limits",
    "scheduling_spec",
    "tolerations",
    "mode",
    "ports",
    "readiness_probe",
    "liveness_probe",
];

/// The fields of a step that do not define the work.
const NOT_WORK: [&str; 5] = ["parallelism", "retries", "timeout", "pending_timeout", "image_pull_policy"];

/// A run's number and what it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRef {
    /// From 1 up, never used again.
    pub number: i64,
    /// See [`run_key`].
    pub key: String,
}

/// What a run runs: `v1:` and the SHA-256 of the canonical JSON of [`WORK_FIELDS`], `/`, and the last run request
/// (empty where there was none). Absent fields are left out, so that a newer operator with more fields computes the
/// same key for the same spec.
#[must_use]
pub fn run_key(spec: &PipelineSpec, requested_at: Option<&str>) -> String {
    let mut whole = serde_json::to_value(spec).unwrap_or(Value::Null);
    for step in whole.get_mut("steps").and_then(Value::as_array_mut).into_iter().flatten() {
        step.as_object_mut().into_iter().for_each(|step| step.retain(|field, _| !NOT_WORK.contains(&field.as_str())));
    }
    // A Job is what every Pipeline was before there were Services.
    if spec.mode == Mode::Job {
        whole.as_object_mut().and_then(|fields| fields.remove("mode"));
    }
    let work: BTreeMap<&str, &Value> =
        WORK_FIELDS.iter().filter_map(|field| whole.get(field).map(|value| (*field, value))).collect();
    let mut canonical = String::from("{");
    for (field, value) in work {
        write_member(&mut canonical, field, value);
    }
    canonical.push('}');
    format!("v1:{}/{}", hex(&Sha256::digest(canonical.as_bytes())), requested_at.unwrap_or_default())
}

/// The run request that a key ends with; `None`: there was none.
#[must_use]
pub fn request_of(key: &str) -> Option<&str> {
    key.split_once('/').map(|(_, request)| request).filter(|request| !request.is_empty())
}

/// What started the run of this key after that of the one before.
#[must_use]
pub fn cause(before: Option<&str>, key: &str) -> RunCause {
    let digest = |key: &str| key.split_once('/').map(|(digest, _)| digest.to_owned());
    match before {
        None => RunCause::Created,
        Some(before) if digest(before) == digest(key) => RunCause::Requested,
        Some(_) => RunCause::SpecChanged,
    }
}

/// Canonical JSON (RFC 8785 for the values that occur here: no floats): members sorted by name, no white space.
fn write_canonical(out: &mut String, value: &Value) {
    match value {
        Value::Object(map) => {
            out.push('{');
            for (name, member) in map.iter().collect::<BTreeMap<_, _>>() {
                write_member(out, name, member);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(out, item);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn write_member(out: &mut String, name: &str, value: &Value) {
    if !out.ends_with('{') {
        out.push(',');
    }
    out.push_str(&Value::from(name).to_string());
    out.push(':');
    write_canonical(out, value);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Which Pod of a subject a Pod is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodIdentity {
    /// The run's number.
    pub run: i64,
    /// The step's name.
    pub step: String,
    /// Which of the step's equal Pods.
    pub index: i32,
    /// Which try that counts, from 0.
    pub attempt: i32,
    /// Which fresh Pod of the same attempt, from 0.
    pub replacement: i32,
}

impl PodIdentity {
    /// The Pod's name: readable, then a hash of the subject's uid and the whole identity. A DNS label for every input,
    /// so that it is a host name too; equal only for equal inputs.
    #[must_use]
    pub fn pod_name(&self, subject_name: &str, subject_uid: &str) -> String {
        let mut hash = Sha256::new();
        // Lengths stand before the texts, so that no two inputs are spelled the same.
        for text in [subject_uid, self.step.as_str()] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        hash.update(self.run.to_be_bytes());
        for number in [self.index, self.attempt, self.replacement] {
            hash.update(number.to_be_bytes());
        }
        format!("{}-{}-{}", label_part(subject_name, 30), label_part(&self.step, 12), short_hash(&hash.finalize()))
    }
}

/// At most `max` characters that may stand at the beginning of a DNS label.
fn label_part(text: &str, max: usize) -> String {
    let clean: String =
        text.chars().take(max).map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' }).collect();
    let trimmed = clean.trim_matches('-');
    if trimmed.is_empty() { "x".to_owned() } else { trimmed.to_owned() }
}

/// Sixteen characters of a hash: 80 bits, in an alphabet without vowels, as Kubernetes' own names have.
pub(crate) fn short_hash(bytes: &[u8]) -> String {
    const ALPHABET: [char; 16] = ['b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'n', 'p', 'q', 'r', 's', 't'];
    let digit = |nibble: u8| ALPHABET.get(usize::from(nibble)).copied().unwrap_or('x');
    bytes.iter().take(8).flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spec(value: Value) -> PipelineSpec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_key_is_stable_across_releases() {
        // sha256sum of {"security":"Baseline","transform":{"env":{"A":"2","B":"1"},"image":"a"}}
        let key = run_key(&spec(serde_json::json!({"transform": {"image": "a", "env": {"B": "1", "A": "2"}}})), None);
        assert_eq!(key, "v1:159bef89de456e64102ef9abc658cca2a27ab21f2ab184749915a8e26c30ee50/");
    }

    #[test]
    fn only_the_work_counts() {
        let base = serde_json::json!({"transform": {"image": "a"}});
        let key = |extra: Value| {
            let mut whole = base.clone();
            whole.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            run_key(&spec(whole), None)
        };
        let plain = key(serde_json::json!({}));
        for same in [
            serde_json::json!({"suspend": true}),
            serde_json::json!({"on_missing_secret": "Fail"}),
            serde_json::json!({"missing_secret_timeout": "1h"}),
            serde_json::json!({"metadata": {"labels": {"a": "b"}}}),
            serde_json::json!({"image_pull_policy": "Always"}),
            serde_json::json!({"steps": []}),
            serde_json::json!({"mode": "Job"}),
            serde_json::json!({"parallelism": 7}),
            serde_json::json!({"retries": 7}),
            serde_json::json!({"timeout": "1h"}),
            serde_json::json!({"pending_timeout": "1h"}),
            serde_json::json!({"ttl_after_finished": "1h"}),
            serde_json::json!({"termination_message": false}),
            serde_json::json!({"history_limit": 1}),
            serde_json::json!({"on_secret_change": "Restart"}),
            serde_json::json!({"rotation_debounce": "1m"}),
            serde_json::json!({"max_surge": 2}),
            serde_json::json!({"max_unavailable": 2}),
            serde_json::json!({"progress_deadline": "1m"}),
        ] {
            assert_eq!(key(same.clone()), plain, "{same}");
        }
        for other in [
            serde_json::json!({"transform": {"image": "b"}}),
            serde_json::json!({"secrets": [{"name": "db", "env_prefix": ""}]}),
            serde_json::json!({"image_pull_secrets": ["regcred"]}),
            serde_json::json!({"security": "Restricted"}),
            serde_json::json!({"service_account_name": "robot"}),
            serde_json::json!({"resource_requests": {"cpu": 1}}),
            serde_json::json!({"resource_limits": {"cpu": 1}}),
            serde_json::json!({"scheduling_spec": {"node_selector": {"a": "b"}}}),
            serde_json::json!({"tolerations": [{"operator": "Exists"}]}),
            serde_json::json!({"steps": [{"name": "a", "image": "a"}]}),
            serde_json::json!({"mode": "Service"}),
            serde_json::json!({"ports": [{"containerPort": 80}]}),
            serde_json::json!({"readiness_probe": {"grpc": {"port": 80}}}),
            serde_json::json!({"liveness_probe": {"grpc": {"port": 80}}}),
        ] {
            assert_ne!(key(other.clone()), plain, "{other}");
        }
        assert_ne!(run_key(&spec(base.clone()), Some("2026-01-01T00:00:00Z")), plain);
    }

    #[test]
    fn of_a_step_only_the_work_counts() {
        let key = |extra: Value| {
            let mut step = serde_json::json!({"name": "load", "image": "a"});
            step.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            run_key(&spec(serde_json::json!({"steps": [step, {"name": "extract", "image": "a"}]})), None)
        };
        let plain = key(serde_json::json!({}));
        for same in [
            serde_json::json!({"parallelism": 7}),
            serde_json::json!({"retries": 7}),
            serde_json::json!({"timeout": "1h"}),
            serde_json::json!({"pending_timeout": "1h"}),
            serde_json::json!({"image_pull_policy": "Always"}),
            serde_json::json!({"needs": []}),
        ] {
            assert_eq!(key(same.clone()), plain, "{same}");
        }
        for other in [
            serde_json::json!({"name": "store"}),
            serde_json::json!({"needs": ["extract"]}),
            serde_json::json!({"image": "b"}),
            serde_json::json!({"secrets": [{"name": "db", "env_prefix": ""}]}),
            serde_json::json!({"service_account_name": "robot"}),
            serde_json::json!({"resource_requests": {"cpu": 1}}),
            serde_json::json!({"scheduling_spec": {"node_selector": {"a": "b"}}}),
            serde_json::json!({"tolerations": [{"operator": "Exists"}]}),
        ] {
            assert_ne!(key(other.clone()), plain, "{other}");
        }
    }

    fn identity() -> impl Strategy<Value = PodIdentity> {
        (any::<i64>(), any::<String>(), any::<i32>(), any::<i32>(), any::<i32>())
            .prop_map(|(run, step, index, attempt, replacement)| PodIdentity { run, step, index, attempt, replacement })
    }

    proptest! {
        #[test]
        fn a_pod_name_is_a_dns_label_for_every_input(id in identity(), name in any::<String>(), uid in any::<String>()) {
            let pod = id.pod_name(&name, &uid);
            prop_assert!(pod.len() <= 63);
            prop_assert!(pod.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            prop_assert!(pod.starts_with(|c: char| c.is_ascii_alphanumeric()));
        }

        #[test]
        fn other_inputs_give_other_names(a in identity(), b in identity()) {
            prop_assume!(a != b);
            prop_assert_ne!(a.pod_name("edges", "uid"), b.pod_name("edges", "uid"));
            prop_assert_ne!(a.pod_name("edges", "uid"), a.pod_name("edges", "other"));
        }
    }
}
