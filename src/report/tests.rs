//! The table of situations: what phase and conditions say in each, and which changes are worth an event.

use std::collections::BTreeSet;

use k8s_openapi::jiff::SignedDuration;
use serde_json::json;

use super::events::is_warning;
use super::*;
use crate::api::reason::{ClusterRegistryReason, Trouble};
use crate::model::docs::Docs;
use crate::model::secret::{Expiry, SecretKnowledge};
use crate::model::world::{PodPhase, Setback, SetbackKind};
use crate::plan::plan;
use crate::plan::tests::{Story, at, one, story, three};

fn told(story: &Story) -> PipelineStatus {
    status(&story.0, &plan(&story.0))
}

/// Phase and conditions in one line.
fn line(story: &Story) -> String {
    let status = told(story);
    let conditions = status.conditions.iter().map(|c| format!(" {}={}/{}", c.type_, c.status, c.reason));
    format!("{}:{}", status.phase.unwrap(), conditions.collect::<String>())
}

#[test]
fn a_reference_is_missing() {
    assert_eq!(
        line(&one().absent("db")),
        "Waiting: Ready=False/WaitingForSecrets SecretsResolved=False/WaitingForSecrets Complete=False/WaitingForSecrets Reconciling=True/WaitingForSecrets"
    );
}

#[test]
fn pods_do_not_run_yet() {
    assert_eq!(
        line(&one().secret("db", &["password"]).pod(1, 0, PodPhase::Pending)),
        "Starting: Ready=False/PodsStarting SecretsResolved=True/AllResolved Complete=False/PodsStarting Reconciling=True/PodsStarting"
    );
}

#[test]
fn a_job_runs_and_is_done() {
    assert_eq!(
        line(&one().secret("db", &["password"]).pod(1, 0, PodPhase::Running)),
        "Running: Ready=True/PodsRunning SecretsResolved=True/AllResolved Complete=False/PodsRunning"
    );
    assert_eq!(
        line(&one().secret("db", &["password"]).pod(1, 0, PodPhase::Succeeded)),
        "Succeeded: Ready=True/Succeeded SecretsResolved=True/AllResolved Complete=True/Succeeded"
    );
}

#[test]
fn it_failed_or_is_not_valid() {
    assert_eq!(
        line(&one().secret("db", &["password"]).pod(1, 0, PodPhase::Failed)),
        "Failed: Ready=False/PodFailed SecretsResolved=True/AllResolved Complete=False/PodFailed Stalled=True/PodFailed"
    );
    assert_eq!(
        line(&story(&json!({"transform": {"image": "a", "user": "root"}}))),
        "Failed: Ready=False/InvalidSpec SecretsResolved=Unknown/InvalidSpec Complete=False/InvalidSpec Stalled=True/InvalidSpec"
    );
}

#[test]
fn it_is_suspended() {
    assert_eq!(
        line(&story(&json!({"suspend": true, "transform": {"image": "a"}}))),
        "Suspended: Ready=True/Suspended SecretsResolved=True/AllResolved Complete=False/Suspended"
    );
}

#[test]
fn a_finished_run_keeps_what_was_last_said_of_its_references() {
    let done = one().secret("db", &["password"]).pod(1, 0, PodPhase::Succeeded).settle();
    let without = done.clone().absent("db");
    assert_eq!(told(&without), done.0.recorded);
}

#[test]
fn what_is_waited_for_is_said_in_a_few_words_and_the_rest_counted() {
    let waiting = told(&three().absent("db").secret("tls", &["x"]).secret("regcred", &[]));
    assert_eq!(waiting.waiting_for.as_deref(), Some("Secret db, keys of tls, type of regcred"));
    assert_eq!(waiting.resolved.as_deref(), Some("0/3"));
    let many: Vec<_> = (0..9).map(|i| json!({"name": format!("s{i}"), "env_prefix": ""})).collect();
    let mut many = story(&json!({"transform": {"image": "a", "secrets": many}}));
    for i in 0..9 {
        many = many.absent(&format!("s{i}"));
    }
    assert_eq!(told(&many).waiting_for.as_deref(), Some("Secret s0, Secret s1, Secret s2 and 6 more"));
}

#[test]
fn a_key_is_named_as_people_write_it() {
    let waiting = told(&one().secret("db", &["user"]));
    assert_eq!(waiting.waiting_for.as_deref(), Some("key db/password"));
    let message = waiting.references[0].message.clone().unwrap();
    assert!(message.contains("has no key password, it has user"), "{message}");
    assert!(message.contains("kubectl patch secret db -n team-a"), "{message}");
}

#[test]
fn all_problems_are_told_at_once() {
    let message = told(&three().absent("db").absent("tls").absent("regcred")).conditions[0].message.clone();
    for name in ["db", "tls", "regcred"] {
        assert!(message.contains(&format!("Secret {name} ")), "{message}");
    }
}

#[test]
fn a_transition_time_moves_only_when_the_status_does() {
    let first = one().absent("db").settle();
    let later = first.with(|world| world.now = world.now.checked_add(SignedDuration::from_mins(5)).unwrap());
    let still = told(&later.clone().absent("db"));
    assert_eq!(still.conditions[0].last_transition_time.0, at(0));
    let resolved = told(&later.secret("db", &["password"]).pod(1, 0, PodPhase::Running));
    assert_eq!(resolved.conditions[0].last_transition_time.0, at(300));
}

fn reasons(before: &Story, after: &Story) -> Vec<&'static str> {
    warnings(&Docs::default(), &told(before), &told(after)).iter().map(|warning| warning.reason).collect()
}

#[test]
fn events_are_for_what_got_worse() {
    let waiting = one().absent("db");
    let running = one().secret("db", &["password"]).pod(1, 0, PodPhase::Running);
    let failed = one().secret("db", &["password"]).pod(1, 0, PodPhase::Failed);
    assert_eq!(reasons(&waiting, &running), [""; 0]);
    assert_eq!(reasons(&story(&json!({"transform": {"image": "a"}})), &waiting), [""; 0]);
    assert_eq!(reasons(&running, &failed), ["PodFailed"]);
    assert_eq!(reasons(&failed, &failed), [""; 0]);
}

#[test]
fn a_step_s_trouble_is_told_once() {
    let pod = || one().secret("db", &["password"]).pod(1, 0, PodPhase::Pending);
    let trouble = |said: &str| pod().last_pod(|pod| pod.waiting = Some(("ErrImagePull".into(), said.into())));
    let unauthorized = trouble("401 Unauthorized");
    assert_eq!(reasons(&pod(), &unauthorized), ["ImageUnauthorized"]);
    assert_eq!(reasons(&unauthorized, &trouble("Back-off: 401 Unauthorized")), [""; 0]);
    assert_eq!(reasons(&unauthorized, &trouble("manifest unknown")), ["ImageNotFound"]);
}

#[test]
fn a_refusal_is_told_when_it_begins() {
    let complete = || one().secret("db", &["password"]);
    let pod = plan(&complete().0).create[0].metadata.name.clone().unwrap();
    let refused = complete().with(|world| {
        world.setback =
            Some(Setback { pod, kind: SetbackKind::Quota, message: "exceeded quota".into(), retry_at: at(5) });
    });
    assert_eq!(reasons(&one().absent("db"), &refused), ["QuotaExceeded"]);
    assert_eq!(
        line(&refused),
        "Starting: Ready=False/QuotaExceeded SecretsResolved=True/AllResolved Complete=False/QuotaExceeded Reconciling=True/QuotaExceeded"
    );
}

fn dated(expires_on: Expiry) -> Story {
    one().secret("db", &["password"]).pod(1, 0, PodPhase::Running).with(|world| {
        for known in world.secrets.values_mut() {
            let SecretKnowledge::Present(facts) = known else { panic!("it is there") };
            facts.expires_on = Some(expires_on);
        }
    })
}

#[test]
fn an_expiring_secret_is_told_while_it_is_so_and_once_by_an_event() {
    let day = |text: &str| dated(Expiry::On(text.parse().unwrap()));
    // It is 2027-01-15.
    let (fresh, soon, expired) = (day("2027-06-01"), day("2027-01-20"), day("2027-01-01"));
    let running = "Running: Ready=True/PodsRunning SecretsResolved=True/AllResolved Complete=False/PodsRunning";
    assert_eq!(line(&fresh), running);
    assert_eq!(line(&soon), format!("{running} CredentialExpiring=True/ExpiresSoon"));
    assert_eq!(line(&expired), format!("{running} CredentialExpiring=True/Expired"));
    assert_eq!(line(&dated(Expiry::NoDate)), format!("{running} CredentialExpiring=True/ExpiryUnreadable"));
    assert_eq!(reasons(&fresh, &soon), ["ExpiresSoon"]);
    assert_eq!(reasons(&soon, &soon), [""; 0]);
    assert_eq!(reasons(&soon, &expired), ["Expired"]);
    assert_eq!(reasons(&expired, &fresh), [""; 0]);
}

fn abouts(before: &Story, after: &Story) -> Vec<Option<About>> {
    warnings(&Docs::default(), &told(before), &told(after)).into_iter().map(|warning| warning.about).collect()
}

#[test]
fn an_event_names_the_missing_secret_or_the_pod() {
    let fail = |spec: &str| {
        let used = json!([{"name": "db", "env_var": "A", "key": "a"}, {"name": "tls", "env_var": "B", "key": "b"}]);
        story(&json!({"on_missing_secret": spec, "transform": {"image": "a", "secrets": used}}))
    };
    let missing = |story: Story| story.absent("tls").secret("db", &["a"]);
    let waiting = missing(fail("Wait"));
    assert_eq!(reasons(&waiting, &missing(fail("Fail"))), ["SecretMissing"]);
    assert_eq!(abouts(&waiting, &missing(fail("Fail"))), [Some(About::Secret("tls".into()))]);
    let pod = || one().secret("db", &["password"]).pod(1, 0, PodPhase::Pending);
    let name = pod().0.pods[0].name.clone();
    let failed = one().secret("db", &["password"]).pod(1, 0, PodPhase::Failed);
    assert_eq!(abouts(&pod(), &failed), [Some(About::Pod(name.clone()))]);
    let stuck = pod().last_pod(|pod| pod.waiting = Some(("ErrImagePull".into(), "401 Unauthorized".into())));
    assert_eq!(abouts(&pod(), &stuck), [Some(About::Pod(name))]);
}

/// A Pipeline that lacks so many Secrets with names as long as they may be.
fn lacks(many: usize, policy: &str) -> Story {
    let name = |i: usize| format!("s{i}-{}", "x".repeat(240));
    let secrets: Vec<_> = (0..many).map(|i| json!({"name": name(i), "env_prefix": ""})).collect();
    let spec = json!({"on_missing_secret": policy, "transform": {"image": "a", "secrets": secrets}});
    (0..many).fold(story(&spec), |story, i| story.absent(&name(i)))
}

#[test]
fn however_much_is_told_it_ends_in_its_heading() {
    let docs = Docs::at("https://docs.example.com/lockgate").unwrap();
    let with = |story: Story| story.with(|world| world.docs = docs.clone());
    // A list that counts the rest, a message that is cut, and the note of an event, which holds less.
    let (capped, cut) = (told(&with(lacks(13, "Wait"))), told(&with(lacks(60, "Fail"))));
    let message = |status: &PipelineStatus| status.conditions[0].message.clone();
    let pointer = docs.pointer("WaitingForSecrets");
    assert!(
        message(&told(&three().absent("db").absent("tls"))).ends_with(&Docs::default().pointer("WaitingForSecrets"))
    );
    assert!(message(&capped).ends_with(&pointer), "{}", message(&capped));
    assert_eq!(message(&cut).len(), MOST_MESSAGE);
    let warnings = warnings(&docs, &capped, &cut);
    for text in [&message(&cut), &warnings[0].note] {
        assert!(text.ends_with(" (https://docs.example.com/lockgate/troubleshooting.md#secretmissing)"), "{text}");
    }
    assert_eq!(warnings[0].note.len(), 1000);
}

#[test]
fn the_note_of_a_trouble_ends_in_its_heading() {
    let pod = || one().secret("db", &["password"]).pod(1, 0, PodPhase::Pending);
    let stuck = pod().last_pod(|pod| pod.waiting = Some(("ErrImagePull".into(), "401 Unauthorized".into())));
    let warnings = warnings(&Docs::default(), &told(&pod()), &told(&stuck));
    assert!(warnings[0].note.ends_with(" (docs/troubleshooting.md#imageunauthorized)"), "{warnings:?}");
    // The step's own words have none.
    assert!(!told(&stuck).steps[0].message.as_ref().unwrap().contains("troubleshooting"));
}

#[test]
fn whatever_is_a_warning_has_a_heading_to_point_at() {
    for reason in Reason::ALL.iter().filter(|reason| is_warning(**reason)) {
        assert!(pointer::heading(*reason, None).is_some(), "{reason}");
    }
}

#[test]
fn the_docs_have_a_row_for_every_reason_of_an_event_and_for_no_other() {
    let page = include_str!("../../docs/events.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let reasons = Reason::ALL.iter().copied().filter(|reason| is_warning(*reason)).map(Reason::as_str);
    let good = [ClusterRegistryReason::Copied, ClusterRegistryReason::NotNeeded];
    let of_projector = ClusterRegistryReason::ALL.iter().filter(|reason| !good.contains(reason)).map(|it| it.as_str());
    let all = reasons.chain(Trouble::ALL.iter().map(|trouble| trouble.as_str())).chain(of_projector);
    assert_eq!(rows.collect::<BTreeSet<_>>(), all.collect::<BTreeSet<_>>());
}
