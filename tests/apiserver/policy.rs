//! What a missing Secret means: waited for, refused at once, or given up at its time; and what each costs.

use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use serde_json::{Value, json};

use crate::support::audit::tally;
use crate::support::{Space, condition, message};
use crate::{audit, space};

/// Two references, with these policies.
fn spec(policies: &Value) -> Value {
    let mut spec = json!({"transform": {"image": "registry.test/edges:1", "image_pull_secrets": ["regcred"],
        "secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]}});
    spec.as_object_mut().unwrap().extend(policies.as_object().unwrap().clone());
    spec
}

/// What the operator asked of this namespace since then, but for the marker.
async fn asked(space: &Space, since: Timestamp) -> Vec<String> {
    let mut audit = audit().await;
    audit.settle(&space.client).await;
    let mut of_space = audit.since(since);
    of_space.retain(|entry| entry.namespace() == space.name && !entry.name().starts_with("marker"));
    tally(&of_space).into_iter().map(|(kind, count)| format!("{count} {kind}")).collect()
}

/// A Pipeline beside it is looked at and starts: whatever was to come before has come.
async fn marker(space: &Space) {
    space.pipeline("marker", json!({"transform": {"image": "registry.test/edges:1"}})).await;
    space.pod_of("marker").await;
    space.phase("marker", Phase::Starting).await;
}

#[tokio::test]
async fn fail_names_all_that_is_missing_in_pachyderm_s_words_and_stands_when_it_comes() {
    let space = space("policy-fail").await;
    let begun = Timestamp::now();
    space.pipeline("edges", spec(&json!({"on_missing_secret": "Fail"}))).await;
    let failed = space.phase("edges", Phase::Failed).await;
    assert_eq!(condition(&failed, "Ready"), "False/SecretMissing");
    assert_eq!(condition(&failed, "Stalled"), "True/SecretMissing");
    let said = message(&failed);
    // Pachyderm does not look at pull secrets; we name them with the rest.
    for sentence in
        ["missing Kubernetes secret db", "create secret generic db", "create secret docker-registry regcred"]
    {
        assert!(said.contains(sentence), "{sentence} is not in: {said}");
    }
    space.secret("db", &["password"]).await;
    space.secret("regcred", &["any"]).await;
    marker(&space).await;
    let still = space.phase("edges", Phase::Failed).await;
    assert_eq!(still.status, failed.status, "a result stands");
    assert_eq!(
        asked(&space, begun).await,
        ["1 create events 201", "2 get secrets 404", "1 patch pipelines/status 200"],
        "one status, one event"
    );
    let events = space.api::<Event>().list(&ListParams::default()).await.unwrap().items;
    let of_edges = |event: &&Event| event.regarding.as_ref().and_then(|object| object.name.as_deref()) == Some("edges");
    let related = events.iter().filter(of_edges).filter_map(|event| event.related.as_ref());
    let notes: Vec<_> = events.iter().filter(of_edges).filter_map(|event| event.note.as_deref()).collect();
    let heading = " (docs/troubleshooting.md#secretmissing)";
    assert!(notes.len() == 1 && notes[0].ends_with(heading), "{notes:?}");
    let related: Vec<_> = related.map(|object| (object.kind.as_deref(), object.name.as_deref())).collect();
    assert_eq!(related, [(Some("Secret"), Some("db"))], "the first that is missing; the note names them all");
}

#[tokio::test]
async fn a_wait_that_ends_at_its_time_costs_two_statuses_and_no_polling() {
    let space = space("policy-timeout").await;
    let begun = Timestamp::now();
    space.pipeline("edges", spec(&json!({"missing_secret_timeout": "4s"}))).await;
    let waiting = space.phase("edges", Phase::Waiting).await;
    let since = waiting.status.unwrap().waiting_since.unwrap().0;
    let given_up: Pipeline = space.phase("edges", Phase::Failed).await;
    assert_eq!(condition(&given_up, "Ready"), "False/MissingSecretTimeout");
    let run = given_up.status.unwrap().run.unwrap();
    let waited = run.finished_at.unwrap().0.duration_since(since).as_secs();
    assert!(waited >= 4, "it waited {waited} s");
    println!("given up {waited} s after the wait began (missing_secret_timeout: 4 s; whole seconds)");
    assert_eq!(
        asked(&space, begun).await,
        ["1 create events 201", "4 get secrets 404", "2 patch pipelines/status 200"],
        "each Secret is read when the wait begins, and once more before it is given up"
    );
}
