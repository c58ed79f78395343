//! The table of expiry: what is told of a Secret's date, and when to look again.

use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use super::plan;
use super::tests::{Story, one, story};
use crate::api::reason::Reason;
use crate::model::names::SecretName;
use crate::model::secret::{Expiry, SecretKnowledge};
use crate::model::world::{PodPhase, WorkState};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Story {
    /// The Secret is there and its label says this.
    fn dated(self, name: &str, label: &str) -> Self {
        self.secret(name, &["password"]).with(|world| {
            let Some(SecretKnowledge::Present(facts)) = world.secrets.get_mut(&SecretName::parse(name).unwrap()) else {
                panic!("it is there")
            };
            facts.expires_on = Some(Expiry::parse(label));
        })
    }

    fn on(self, now: &str) -> Self {
        self.with(|world| world.now = time(now))
    }

    fn suspended(self) -> Self {
        self.with(|world| {
            let WorkState::Valid(work) = &mut world.work else { panic!("it is valid") };
            work.suspend = true;
        })
    }

    fn expiring(&self) -> Option<(Reason, String)> {
        plan(&self.0).expiring
    }
}

#[test]
fn from_fourteen_days_before_until_the_date_is_new() {
    // The date is 2027-02-20: now, the reason, and when to look again.
    let rows = [
        ("2027-01-01T12:00:00Z", None, Some("2027-02-06T00:00:00Z")),
        ("2027-02-05T23:59:59Z", None, Some("2027-02-06T00:00:00Z")),
        ("2027-02-06T00:00:00Z", Some(Reason::ExpiresSoon), Some("2027-02-21T00:00:00Z")),
        ("2027-02-20T23:59:59Z", Some(Reason::ExpiresSoon), Some("2027-02-21T00:00:00Z")),
        ("2027-02-21T00:00:00Z", Some(Reason::Expired), None),
        ("2031-01-01T00:00:00Z", Some(Reason::Expired), None),
    ];
    for (now, reason, look_again) in rows {
        let decided = plan(&one().dated("db", "2027-02-20").on(now).suspended().0);
        assert_eq!(decided.expiring.map(|(reason, _)| reason), reason, "{now}");
        assert_eq!(decided.look_again, look_again.map(time), "{now}");
    }
}

#[test]
fn it_names_the_secret_the_date_and_the_command() {
    let message = |label, now| one().dated("db", label).on(now).expiring().unwrap().1;
    assert_eq!(
        message("2027-02-20", "2027-02-10T00:00:00Z"),
        "Secret db expires on 2027-02-20: rotate it, then set the new date: \
         kubectl label secret db -n team-a --overwrite lockgate.dev/expires-on=YYYY-MM-DD"
    );
    assert!(message("2027-02-20", "2027-03-01T00:00:00Z").contains("Secret db has expired on 2027-02-20"));
    let no_date = message("soon", "2027-02-10T00:00:00Z");
    assert!(no_date.contains("Secret db is no date such as 2027-01-31; correct it: kubectl label"), "{no_date}");
}

#[test]
fn the_message_stands_for_days() {
    let told = |now| one().dated("db", "2027-02-20").on(now).expiring();
    assert_eq!(told("2027-02-07T00:00:00Z"), told("2027-02-19T00:00:00Z"));
}

#[test]
fn the_worst_is_the_reason_and_all_are_named() {
    let secrets = ["a", "b", "c", "d"].map(|name| json!({"name": name, "env_prefix": ""}));
    let four = story(&json!({"transform": {"image": "a", "secrets": secrets}})).on("2027-02-21T00:00:00Z");
    let four = four.dated("a", "nonsense").dated("b", "2027-03-01").dated("c", "2027-02-20").dated("d", "2028-01-01");
    let (reason, message) = four.expiring().unwrap();
    assert_eq!(reason, Reason::Expired);
    let at = |name: &str| message.find(&format!("Secret {name} "));
    assert!(at("c") < at("b") && at("b") < at("a") && at("c").is_some() && at("d").is_none(), "{message}");
    // The next thing that happens by itself is that b has expired.
    assert_eq!(plan(&four.0).look_again, Some(time("2027-03-02T00:00:00Z")));
}

#[test]
fn it_stops_nothing() {
    let expired = one().dated("db", "2020-01-01");
    assert_eq!(plan(&expired.0).create.len(), 1);
}

#[test]
fn what_is_over_is_not_told_of_secrets_any_more() {
    let ended = one().dated("db", "2020-01-01").pod(1, 0, PodPhase::Succeeded);
    assert_eq!(ended.expiring(), None);
    assert_eq!(plan(&ended.0).look_again, None);
    assert_eq!(ended.settle().expiring(), None);
}

#[test]
fn it_is_told_while_an_old_run_ends() {
    let old = one().dated("db", "2020-01-01").pod(1, 0, PodPhase::Running);
    let edited = old.last_pod(|pod| pod.run_key = Some("v1:other/".into()));
    assert_eq!(plan(&edited.0).verdict.reason, Reason::EndingOldRun);
    assert_eq!(edited.expiring().unwrap().0, Reason::Expired);
}

#[test]
fn it_looks_again_by_itself_when_it_begins_and_when_it_is_over() {
    let running = one().dated("db", "2027-02-20").on("2027-01-01T00:00:00Z").pod(1, 0, PodPhase::Running);
    assert_eq!(plan(&running.0).look_again, Some(time("2027-02-06T00:00:00Z")));
    let gone = running.absent("db");
    assert_eq!(plan(&gone.0).look_again, None);
}
