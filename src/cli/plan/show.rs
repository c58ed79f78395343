//! A forecast, for people and for programs.

use std::io::Write;

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::forecast::{Forecast, Later};
use crate::api::reason::Phase;
use crate::cli::credentials::Credential;
use crate::cli::error::Error;
use crate::cli::output::printable;

/// A forecast, and whose.
pub(super) struct Shown {
    /// The Pipeline's namespace, where one is known.
    pub namespace: Option<String>,
    /// The Pipeline's name.
    pub name: String,
    /// Whether the cluster was looked at.
    pub is_live: bool,
    /// What was not looked at and is taken for good.
    pub assumed: Vec<String>,
    /// Each image, and which login would be offered for it; none where the cluster was not looked at.
    pub images: Vec<Credential>,
    /// What would become of it.
    pub forecast: Forecast,
}

impl Shown {
    /// The stable form: what `-o json` and `-o yaml` print of it.
    pub(super) fn value(&self) -> Result<Value, Error> {
        let Forecast { run, phase, reason, message, references, now, later, delete, deletes_itself } = &self.forecast;
        let later = later.iter().map(|Later { why, pod }| Ok(json!({"why": why, "pod": serde_json::to_value(pod)?})));
        Ok(json!({
            "pipeline": self.name,
            "namespace": self.namespace,
            "live": self.is_live,
            "assumed": self.assumed,
            "run": run,
            "phase": phase,
            "reason": reason,
            "message": message,
            "references": references,
            "images": self.images.iter().map(Credential::json).collect::<Vec<_>>(),
            "create": now,
            "later": later.collect::<Result<Vec<_>, serde_json::Error>>()?,
            "delete": delete,
            "deletePipeline": deletes_itself,
        }))
    }

    /// YAML: comments that say what would happen, and a document for each Pod.
    pub(super) fn text(&self, out: &mut impl Write) -> Result<(), Error> {
        let Forecast { run, phase, message, now, later, delete, deletes_itself, .. } = &self.forecast;
        let whose = self.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let run = run.map(|run| format!(", run {run}")).unwrap_or_default();
        comment(
            out,
            &format!("Pipeline {whose}{}{run}: {}", self.name, counted(now.len(), later.len(), delete.len())),
        )?;
        // Where a Pod is created at once the plan has no more to say.
        if now.is_empty() || matches!(phase, Phase::Waiting | Phase::Suspended | Phase::Failed) {
            comment(out, &format!("{phase}: {message}"))?;
        }
        if !self.is_live {
            comment(
                out,
                "Every Secret, ConfigMap, claim and ServiceAccount that it names is taken for good: --live looks at them.",
            )?;
            comment(
                out,
                "Left out is what nobody knows before it is applied: the end of each name, the owner, the Secrets' versions.",
            )?;
        } else if !self.assumed.is_empty() {
            comment(out, &format!("Taken for good, since you may not read it: {}.", self.assumed.join(", ")))?;
        }
        for credential in &self.images {
            comment(out, &credential.line())?;
        }
        for name in delete {
            comment(out, &format!("deleted: Pod {name}"))?;
        }
        if *deletes_itself {
            comment(out, "deleted: the Pipeline itself (ttl_after_finished)")?;
        }
        for pod in now {
            document(out, "now", pod)?;
        }
        for Later { why, pod } in later {
            document(out, &format!("later: {why}"), pod)?;
        }
        Ok(())
    }
}

fn counted(now: usize, later: usize, delete: usize) -> String {
    let pods = |count: usize| if count == 1 { "1 Pod".to_owned() } else { format!("{count} Pods") };
    let mut said = Vec::new();
    for (count, what) in [(delete, "deleted"), (now, "created now"), (later, "created later")] {
        if count > 0 {
            said.push(format!("{} {what}", pods(count)));
        }
    }
    if said.is_empty() { "nothing to be done".to_owned() } else { said.join(", ") }
}

/// A line that YAML passes over, whatever the text has in it.
fn comment(out: &mut impl Write, text: &str) -> Result<(), Error> {
    Ok(writeln!(out, "# {}", printable(text))?)
}

fn document(out: &mut impl Write, when: &str, pod: &Pod) -> Result<(), Error> {
    writeln!(out, "---")?;
    comment(out, when)?;
    crate::cli::output::yaml(out, &serde_json::to_value(pod)?)
}
