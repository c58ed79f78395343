//! Why there is no log to print. Pure.

use super::choose::Choice;
use crate::api::pipeline::Pipeline;
use crate::model::work::MAIN_STEP;

/// What is said where no Pod that was asked for has a log; `is_there`: one of those Pods exists.
pub(super) fn why(pipeline: &Pipeline, choice: &Choice, is_there: bool, name: &str, namespace: &str) -> String {
    let steps: Vec<&str> = match pipeline.spec.steps.as_slice() {
        [] => vec![MAIN_STEP],
        steps => steps.iter().map(|step| step.name.as_str()).collect(),
    };
    if let Some(step) = choice.step.as_deref().filter(|step| !steps.contains(step)) {
        return format!("Pipeline {name} has no step {step}: it has {}", steps.join(", "));
    }
    let current = pipeline.status.as_ref().and_then(|status| status.run.as_ref());
    let latest = current.map(|current| current.number);
    if let (Some(asked), Some(latest)) = (choice.run, latest)
        && asked > latest
    {
        return format!(
            "Pipeline {name} has no run {asked} yet, its latest is {latest}: lockgate get runs {name} -n {namespace}"
        );
    }
    let is_over = current.is_some_and(|current| {
        choice.run.is_some_and(|asked| asked < current.number)
            || current.result.is_some() && current.started_at.is_some()
    });
    match choice.run.or(latest) {
        Some(run) if is_over && !is_there && !choice.previous => {
            format!("no Pod of run {run} of Pipeline {name} is there any more, and what they printed went with them")
        }
        _ => format!("there is nothing to print of Pipeline {name}: lockgate explain {name} -n {namespace} tells why"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let pipeline = |run: &serde_json::Value| -> Pipeline {
            serde_json::from_value(json!({
                "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline", "metadata": {"name": "edges"},
                "spec": {"transform": {"image": "a:1"}}, "status": {"run": run},
            }))
            .unwrap()
        };
        let result = json!({"succeeded": true, "reason": "Succeeded", "message": "done"});
        let over = json!({"number": 3, "key": "k", "result": result, "startedAt": "2026-01-01T00:00:00Z"});
        let begins = json!({"number": 3, "key": "k"});
        let choice = |step: Option<&str>, run| Choice { step: step.map(Into::into), run, ..Choice::default() };
        for (choice, run, is_there, said) in [
            (choice(Some("load"), None), &over, false, "has no step load: it has main"),
            (choice(Some("main"), None), &over, false, "no Pod of run 3 of Pipeline edges is there any more"),
            (choice(None, Some(9)), &over, false, "has no run 9 yet, its latest is 3"),
            (choice(None, Some(1)), &begins, false, "no Pod of run 1 of Pipeline edges is there any more"),
            (choice(None, None), &over, true, "lockgate explain edges -n team-a tells why"),
            (choice(None, None), &begins, false, "lockgate explain edges -n team-a tells why"),
        ] {
            let told = why(&pipeline(run), &choice, is_there, "edges", "team-a");
            assert!(told.contains(said), "{told}");
        }
    }
}
