//! What the API server itself says: whether it knows Pipelines, whether one may make this one, and whether it would take it.

use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::core::Status;
use kube::{Api, Client};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::api::GROUP;
use crate::cli::ask;
use crate::cli::check::finding::{Finding, Severity};
use crate::cli::check::object::Object;
use crate::cli::check::rules::Rule;
use crate::cli::error::Error;

/// Everything that the server has against it. `value`: the object with its namespace.
pub(super) async fn findings(
    client: &Client,
    namespace: &str,
    pipeline: &Object<'_>,
    value: &Value,
) -> Result<Vec<Finding>, Error> {
    let one = |rule, field: &str, message| vec![pipeline.finding(rule, Severity::Error, field, message)];
    if !may_create(client, namespace).await? {
        let message = format!(
            "you may not create Pipelines in {namespace}, so that it was not asked whether the server would take this one: ask for the right (ClusterRole edit has it where Lockgate's chart is installed)"
        );
        return Ok(one(Rule::MayNotCreate, "", message));
    }
    let Some(refusal) = dry_run(client, namespace, value).await? else { return Ok(Vec::new()) };
    let told = told(refusal, namespace).into_iter();
    Ok(told.map(|(rule, field, message)| pipeline.finding(rule, Severity::Error, &field, message)).collect())
}

/// What a refusal means: rule, field and message of each finding.
fn told(refusal: Status, namespace: &str) -> Vec<(Rule, String, String)> {
    let kind = refusal.details.as_ref().map_or("", |details| details.kind.as_str());
    if refusal.code == 404 && kind == "namespaces" {
        let message = format!("there is no namespace {namespace}: kubectl create namespace {namespace}");
        return vec![(Rule::ServerRefuses, NAMESPACE.into(), message)];
    }
    if refusal.code == 404 {
        let message = "the cluster knows no Pipelines of lockgate.dev/v1alpha1: install Lockgate; lockgate doctor says what is missing";
        return vec![(Rule::NotServed, "apiVersion".into(), message.into())];
    }
    let causes = refusal.details.map(|details| details.causes).unwrap_or_default();
    if causes.is_empty() {
        let message = format!("the API server would refuse it: {}", refusal.message);
        return vec![(Rule::ServerRefuses, String::new(), message)];
    }
    causes.into_iter().map(|cause| (Rule::ServerRefuses, cause.field, cause.message)).collect()
}

/// Whether there is nothing to look into.
pub(super) fn is_about_the_namespace(finding: &Finding) -> bool {
    finding.rule == Rule::ServerRefuses && finding.field == NAMESPACE
}

const NAMESPACE: &str = "metadata.namespace";

async fn may_create(client: &Client, namespace: &str) -> Result<bool, Error> {
    let attributes = ResourceAttributes {
        group: Some(GROUP.into()),
        resource: Some("pipelines".into()),
        verb: Some("create".into()),
        namespace: Some(namespace.into()),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let answer = Api::<SelfSubjectAccessReview>::all(client.clone()).create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// The server's refusal, if it would refuse: as a new object, and where one of that name is there, as `kubectl apply --server-side` would
/// change it.
async fn dry_run(client: &Client, namespace: &str, value: &Value) -> Result<Option<Status>, Error> {
    let all = ask::path(&format!("/apis/{GROUP}/v1alpha1"), Some(namespace), "pipelines");
    let body = serde_json::to_vec(value)?;
    let created = send(client, Method::POST, &format!("{all}?{STRICT}"), "application/json", body.clone()).await?;
    let name = value.pointer("/metadata/name").and_then(Value::as_str);
    match (created, name) {
        (Some(refusal), Some(name)) if refusal.code == StatusCode::CONFLICT.as_u16() => {
            let path = format!("{all}/{name}?{STRICT}&fieldManager=lockgate&force=true");
            send(client, Method::PATCH, &path, "application/apply-patch+yaml", body).await
        }
        (created, _) => Ok(created),
    }
}

/// What makes a request a question.
const STRICT: &str = "dryRun=All&fieldValidation=Strict";

/// The refusal of a request; that the server cannot answer is an error.
async fn send(
    client: &Client,
    method: Method,
    path: &str,
    content: &'static str,
    body: Vec<u8>,
) -> Result<Option<Status>, Error> {
    let request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, content).body(body);
    let request = request.map_err(|_| Error::Usage("the Pipeline's name cannot be part of a URL".into()))?;
    match ask::ask::<IgnoredAny>(client, request, ask::JSON).await {
        Ok(IgnoredAny) => Ok(None),
        Err(Error::Client(kube::Error::Api(status))) if (400..500).contains(&status.code) && status.code != 401 => {
            Ok(Some(*status))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(status: Value) -> Vec<(Rule, String, String)> {
        told(serde_json::from_value(status).unwrap(), "team-a")
    }

    #[test]
    fn a_refusal_says_what_is_missing_or_wrong() {
        let [(rule, field, message)] = <[_; 1]>::try_from(rows(json!({"code": 404}))).unwrap();
        assert_eq!((rule, field.as_str()), (Rule::NotServed, "apiVersion"));
        assert!(message.contains("lockgate doctor"), "{message}");

        let no_namespace = json!({"code": 404, "details": {"kind": "namespaces", "name": "team-a"}});
        let [(rule, field, message)] = <[_; 1]>::try_from(rows(no_namespace)).unwrap();
        assert_eq!((rule, field.as_str()), (Rule::ServerRefuses, NAMESPACE));
        assert!(message.ends_with("kubectl create namespace team-a"), "{message}");

        let policy = json!({"code": 422, "message": "denied", "details": {"kind": "pipelines"}});
        let sentence = "the API server would refuse it: denied".to_owned();
        assert_eq!(rows(policy), [(Rule::ServerRefuses, String::new(), sentence)]);

        let cause = |field: &str| json!({"field": field, "message": "Invalid value", "reason": "FieldValueInvalid"});
        let two = json!({"code": 422, "details": {"causes": [cause("spec.retries"), cause("spec.mode")]}});
        let fields: Vec<String> = rows(two).into_iter().map(|(_, field, _)| field).collect();
        assert_eq!(fields, ["spec.retries", "spec.mode"]);
    }
}
