//! What can be said of a Pipeline without a cluster.

use serde_json::Value;

use super::finding::{Finding, Severity};
use super::object::Object;
use super::rules::Rule;
use super::{images, inputs, mounts};
use crate::api::pipeline::PipelineSpec;
use crate::api::transform::Transform;
use crate::model::literals::literals;
use crate::model::validate::validate;

/// What a literal's finding ends with.
const USE_A_SECRET: &str = "whoever may read the Pipeline or its Pods may read it: put it into a Secret and name that in secrets, with env_var or mount_path";

/// Everything that is to be mended in a Pipeline by itself.
pub(super) fn findings(pipeline: &Object<'_>) -> Vec<Finding> {
    let spec = spec(pipeline.value);
    let mut findings: Vec<Finding> = Vec::new();
    if let Some(spec) = &spec {
        for literal in literals(spec) {
            let message = format!("holds what looks like {}: {USE_A_SECRET}", literal.looks_like);
            findings.push(pipeline.finding(Rule::LiteralCredential, Severity::Warning, &literal.field, message));
        }
        findings.extend(images::findings(pipeline, spec));
        findings.extend(mounts::findings(pipeline, spec));
        findings.extend(inputs::findings(pipeline, spec));
    }
    // What a template left behind is told in better words than that the name is none, and an expression with its place.
    let told: Vec<String> = findings
        .iter()
        .filter(|finding| matches!(finding.rule, Rule::TemplateToken | Rule::InputExpression))
        .map(|finding| finding.field.clone())
        .collect();
    let is_told = |field: &str| {
        let is_template = field.ends_with(".input.template");
        told.iter().any(|told| told == field || is_template && told.starts_with(field))
    };
    let broken = validate(pipeline.value).into_iter().filter(|broken| !is_told(&broken.field));
    findings.extend(broken.map(|broken| pipeline.violation(broken)));
    findings
}

/// The spec, if its structure can be read.
pub(super) fn spec(pipeline: &Value) -> Option<PipelineSpec> {
    pipeline.get("spec").and_then(|spec| serde_json::from_value(spec.clone()).ok())
}

/// Every container of a spec, with its place.
pub(super) fn containers(spec: &PipelineSpec) -> Vec<(String, &Transform)> {
    let transform = spec.transform.iter().map(|transform| ("spec.transform".to_owned(), transform));
    let steps = spec.steps.iter().enumerate().map(|(index, step)| (format!("spec.steps[{index}]"), &step.container));
    transform.chain(steps).collect()
}
