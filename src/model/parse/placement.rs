//! Where and as whom the Pods run, and what they are labelled with.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Toleration;

use super::amounts;
use super::report::Report;
use crate::api::pipeline::{PipelineSpec, PodMetadata, Quantity, SchedulingSpec};
use crate::api::rules;
use crate::api::step::Step;
use crate::model::names::{is_dns_subdomain, is_label_value, is_qualified_name, is_resource_name};

/// Where and as whom a step's Pods run.
#[derive(Clone)]
pub(super) struct Placement {
    pub(super) service_account: Option<String>,
    pub(super) requests: BTreeMap<String, String>,
    pub(super) limits: BTreeMap<String, String>,
    pub(super) node_selector: BTreeMap<String, String>,
    pub(super) priority_class_name: Option<String>,
    pub(super) tolerations: Vec<Toleration>,
}

/// Keys that tools put on the Pipeline for their own tracking; on a Pod they would make Argo CD or Helm treat it as
/// theirs (argoproj-labs/argocd-operator#414). A prefix ends with `/`.
const NOT_PASSED_ON: [&str; 9] = [
    "argocd.argoproj.io/",
    "helm.sh/",
    "meta.helm.sh/",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    "lockgate.dev/",
    "kubectl.kubernetes.io/last-applied-configuration",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
];

const MAX_RESOURCES: usize = 16;
const MAX_KEYS: usize = 64;
pub(super) const MAX_TOLERATIONS: usize = 32;
/// `TotalAnnotationSizeLimitB` in apimachinery.
const MAX_ANNOTATION: usize = 262_144;

/// The fields on placement and resources, where they stand: on the spec, or on a step.
struct Fields<'a> {
    base: &'a str,
    service_account_name: Option<&'a String>,
    resource_requests: &'a BTreeMap<String, Quantity>,
    resource_limits: &'a BTreeMap<String, Quantity>,
    scheduling_spec: Option<&'a SchedulingSpec>,
    tolerations: &'a [Toleration],
}

impl Placement {
    /// Puts the spec's value where a step has none.
    fn or(self, general: &Self, own: &Fields<'_>) -> Self {
        let map = |own: BTreeMap<String, String>, general: &BTreeMap<_, _>| {
            if own.is_empty() { general.clone() } else { own }
        };
        let (node_selector, priority_class_name) = match own.scheduling_spec {
            Some(_) => (self.node_selector, self.priority_class_name),
            None => (general.node_selector.clone(), general.priority_class_name.clone()),
        };
        Self {
            service_account: self.service_account.or_else(|| general.service_account.clone()),
            requests: map(self.requests, &general.requests),
            limits: map(self.limits, &general.limits),
            node_selector,
            priority_class_name,
            tolerations: if self.tolerations.is_empty() { general.tolerations.clone() } else { self.tolerations },
        }
    }
}

impl<'a> Fields<'a> {
    /// A step's own fields.
    fn of_step(base: &'a str, step: &'a Step) -> Self {
        Self {
            base,
            service_account_name: step.service_account_name.as_ref(),
            resource_requests: &step.resource_requests,
            resource_limits: &step.resource_limits,
            scheduling_spec: step.scheduling_spec.as_ref(),
            tolerations: &step.tolerations,
        }
    }
}

impl<'a> From<&'a PipelineSpec> for Fields<'a> {
    fn from(spec: &'a PipelineSpec) -> Self {
        Self {
            base: "spec",
            service_account_name: spec.service_account_name.as_ref(),
            resource_requests: &spec.resource_requests,
            resource_limits: &spec.resource_limits,
            scheduling_spec: spec.scheduling_spec.as_ref(),
            tolerations: &spec.tolerations,
        }
    }
}

/// Parses the fields of the spec.
pub(super) fn of_spec(spec: &PipelineSpec, report: &mut Report) -> Placement {
    if spec.transform.is_some() {
        check_limits("spec", &spec.resource_requests, &spec.resource_limits, report);
    }
    parse(&Fields::from(spec), report)
}

/// Parses the fields of a step, which win over the spec's.
pub(super) fn of_step(
    base: &str,
    spec: &PipelineSpec,
    step: &Step,
    general: &Placement,
    report: &mut Report,
) -> Placement {
    let requests = if step.resource_requests.is_empty() { &spec.resource_requests } else { &step.resource_requests };
    let limits = if step.resource_limits.is_empty() { &spec.resource_limits } else { &step.resource_limits };
    check_limits(base, requests, limits, report);
    let own = Fields::of_step(base, step);
    parse(&own, report).or(general, &own)
}

fn parse(fields: &Fields<'_>, report: &mut Report) -> Placement {
    let at = |field: &str| format!("{}.{field}", fields.base);
    if let Some(name) = fields.service_account_name {
        report.require(is_dns_subdomain(name), &at("service_account_name"), rules::SERVICE_ACCOUNT_NAME);
    }
    let requests = resources(fields.resource_requests, &at("resource_requests"), report);
    let limits = resources(fields.resource_limits, &at("resource_limits"), report);
    let scheduling = fields.scheduling_spec.cloned().unwrap_or_default();
    // `priority_class_name: ""` is how Kubernetes itself writes "none".
    let priority_class_name = scheduling.priority_class_name.filter(|name| !name.is_empty());
    if let Some(name) = &priority_class_name {
        report.require(is_dns_subdomain(name), &at("scheduling_spec.priority_class_name"), rules::PRIORITY_CLASS_NAME);
    }
    labels(&scheduling.node_selector, &at("scheduling_spec.node_selector"), report);
    report.at_most(fields.tolerations.len(), MAX_TOLERATIONS, &at("tolerations"));
    Placement {
        service_account: fields.service_account_name.cloned(),
        requests,
        limits,
        node_selector: scheduling.node_selector,
        priority_class_name,
        tolerations: fields.tolerations.to_vec(),
    }
}

/// Checks that what cannot be overcommitted is limited where it is requested. What counts is what the Pods would have: of
/// a step its own map, or the spec's where that is empty.
fn check_limits(
    base: &str,
    requests: &BTreeMap<String, Quantity>,
    limits: &BTreeMap<String, Quantity>,
    report: &mut Report,
) {
    let limited = requests.keys().all(|name| can_be_overcommitted(name) || limits.contains_key(name));
    report.require(limited, &format!("{base}.resource_requests"), rules::RESOURCE_NEEDS_LIMIT);
}

/// The labels and annotations that are passed on to the Pods.
pub(super) fn pod_metadata(
    metadata: Option<&PodMetadata>,
    report: &mut Report,
) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let Some(metadata) = metadata else {
        return Default::default();
    };
    labels(&metadata.labels, "spec.metadata.labels", report);
    let field = "spec.metadata.annotations";
    report.at_most(metadata.annotations.len(), MAX_KEYS, field);
    for (key, value) in &metadata.annotations {
        report.require(is_annotation_key(key), field, rules::LABEL_KEY);
        report.length(value, 0, MAX_ANNOTATION, &format!("{field}.{key}"));
    }
    (passed_on(&metadata.labels), passed_on(&metadata.annotations))
}

fn can_be_overcommitted(resource: &str) -> bool {
    let native = !resource.contains('/') || resource.contains("kubernetes.io/");
    native && !resource.starts_with("hugepages-")
}

/// Kubernetes lowers the key of an annotation before it looks (`ValidateAnnotations`).
fn is_annotation_key(key: &str) -> bool {
    is_qualified_name(&key.to_ascii_lowercase())
}

/// Whether a label or annotation of this key may go on to the Pods.
pub(super) fn is_passed_on(key: &str) -> bool {
    !NOT_PASSED_ON.iter().any(|no| if no.ends_with('/') { key.starts_with(no) } else { key == *no })
}

fn passed_on(keys: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    keys.iter().filter(|(key, _)| is_passed_on(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

pub(super) fn labels(labels: &BTreeMap<String, String>, field: &str, report: &mut Report) {
    report.at_most(labels.len(), MAX_KEYS, field);
    report.require(labels.keys().all(|key| is_qualified_name(key)), field, rules::LABEL_KEY);
    report.require(labels.values().all(|value| is_label_value(value)), field, rules::LABEL_VALUE);
}

fn resources(amounts: &BTreeMap<String, Quantity>, field: &str, report: &mut Report) -> BTreeMap<String, String> {
    report.at_most(amounts.len(), MAX_RESOURCES, field);
    report.require(amounts.keys().all(|name| is_resource_name(name)), field, rules::RESOURCE_NAME);
    let mut parsed = BTreeMap::new();
    for (name, amount) in amounts {
        match amounts::quantity(amount) {
            Some(text) => drop(parsed.insert(name.clone(), text)),
            None => report.add(format!("{field}.{name}"), rules::QUANTITY),
        }
    }
    parsed
}
