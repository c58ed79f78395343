//! The way of a manifest: of one that is applied as it stands, of another what it would wait for, by the operator's own judgement of
//! what is there now.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use super::judge;
use super::seen::{Place, Seen};
use super::way::{Leg, Problem, Stage, State, Verdict, Way};
use crate::api::pipeline::{Pipeline, PipelineSpec};
use crate::cli::credentials::{files, images_of_world, names};
use crate::cli::error::Error;
use crate::cli::installed;
use crate::cli::plan::live;
use crate::cli::states;
use crate::controller::object::WirePipeline;
use crate::model::run::run_key;
use crate::plan::plan;
use crate::report::status;

/// The way of the manifest that stands in this file.
pub(super) async fn way(place: &Place<'_>, wire: WirePipeline, file: &str) -> Result<Way, Error> {
    let name = wire.metadata.name.clone().unwrap_or_default();
    let there = match states::read(place.client, place.namespace, &name).await {
        Ok(there) => there,
        Err(Error::NotFound(_)) => return not_there(place, wire, file).await,
        Err(error) => return Err(error),
    };
    let is_same = serde_json::from_value(wire.spec).is_ok_and(|spec| is_same_work(&spec, &there.spec));
    let mut way = judge::way(&place.look(there).await);
    if !is_same {
        let apply = apply(&way.namespace, file);
        way.unseen.push(format!("this is what is applied: {file} holds another version of the work: {apply}"));
    }
    Ok(way)
}

fn apply(namespace: &str, file: &str) -> String {
    let file = if file == "stdin" { "-" } else { file };
    format!("kubectl apply -n {namespace} -f {file}")
}

/// Whether both would be the same run: what says how it is waited for or retried does not count.
fn is_same_work(one: &PipelineSpec, other: &PipelineSpec) -> bool {
    run_key(one, None) == run_key(other, None)
}

async fn not_there(place: &Place<'_>, wire: WirePipeline, file: &str) -> Result<Way, Error> {
    let Place { client, operator_namespace, .. } = *place;
    let object = json!({
        "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline", "metadata": wire.metadata, "spec": wire.spec,
    });
    let mut pipeline: Pipeline = states::decoded(object)?;
    let spec = wire.spec.clone();
    let namespace = wire.metadata.namespace.clone().unwrap_or_default();
    let operator = installed::deployments(client, operator_namespace).await;
    let installed = installed::look(client, operator_namespace, &operator).await;
    let mut looked = live::look(client, wire, &installed.defaults).await?;
    let forecast = images_of_world(&looked.world, &spec);
    looked.unread.extend(installed.unseen(forecast.iter().any(|image| image.is_helper)));
    let pull_secrets = files(client, &namespace, names(&forecast)).await;
    pipeline.status = Some(status(&looked.world, &plan(&looked.world)));
    let seen = Seen {
        now: Timestamp::now(),
        pipeline,
        pods: Ok(Vec::new()),
        events: Ok(Vec::new()),
        operator: Ok(Vec::new()),
        operator_namespace: String::new(),
        secrets: BTreeMap::new(),
        forecast,
        forecast_unread: Vec::new(),
        pull_secrets,
    };
    Ok(not_applied(judge::way(&seen), file, looked.unread))
}

/// The same way, which nobody has begun.
fn not_applied(mut way: Way, file: &str, unread: Vec<String>) -> Way {
    let problem = Problem {
        reason: "NotApplied".to_owned(),
        said: format!("it stands in {file} only"),
        command: Some(apply(&way.namespace, file)),
    };
    way.applied = Leg::new(Stage::Applied, State::Waiting, None).saying("not applied").with(problem);
    for leg in way.steps.iter_mut().flat_map(|step| &mut step.legs) {
        leg.since = None;
        if leg.stage > Stage::References {
            *leg = Leg::new(leg.stage, State::NotYet, None);
        }
    }
    let is_held = way.steps.iter().flat_map(|step| &step.legs).any(|leg| !leg.problems.is_empty());
    way.said = if is_held {
        format!("not applied; if it were: {}", way.said)
    } else {
        "not applied; what it names is there".to_owned()
    };
    (way.verdict, way.phase, way.run) = (Verdict::Waiting, None, None);
    way.unseen.extend(unread);
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(more: &serde_json::Value) -> PipelineSpec {
        let mut whole = json!({"transform": {"image": "a"}});
        whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn only_the_work_makes_another_version() {
        let one = spec(&json!({}));
        assert!(is_same_work(&one, &spec(&json!({"retries": 3}))));
        assert!(!is_same_work(&one, &spec(&json!({"transform": {"image": "b"}}))));
    }
}
