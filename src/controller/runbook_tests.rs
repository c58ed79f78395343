//! The messages that docs/troubleshooting.md shows are those that are said, and each ends in its heading.

use std::collections::BTreeSet;

use kube::core::Status;
use serde_json::{Value, json};

use super::apply::of_status;
use crate::api::reason::{ConditionType, Reason, ReferenceState, Trouble};
use crate::api::status::PipelineStatus;
use crate::model::docs::Docs;
use crate::model::secret::{AccountKnowledge, Expiry, Keys, SecretAccess, SecretKnowledge};
use crate::model::volume::ObjectKnowledge;
use crate::model::world::{PodPhase, Setback, WorkState};
use crate::plan::plan;
use crate::plan::tests::{Story, at, story};
use crate::report;

const IMAGE: &str = "registry.example.com/vision/edges:1.4";

/// One Secret as a variable, one for the registry.
fn edges(more: &Value) -> Story {
    let mut spec = json!({"transform": {"image": IMAGE, "image_pull_secrets": ["regcred"],
        "secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    story(&spec).pull("regcred").secret("db", &["password"])
}

fn plain() -> Story {
    edges(&json!({}))
}

/// A ConfigMap, in this state.
fn volume(known: ObjectKnowledge) -> Story {
    let volumes = json!([{"config_map": "settings", "mount_path": "/etc/settings"}]);
    let mut story = story(&json!({"transform": {"image": IMAGE, "volumes": volumes}}));
    let WorkState::Valid(work) = &story.0.work else { panic!("it is valid") };
    let object = work.steps[0].volumes[0].object().unwrap();
    story.0.objects.insert(object, known);
    story
}

fn service() -> Story {
    edges(&json!({"mode": "Service"}))
}

/// The API server's answer to the Pod.
fn refused(code: u16, said: &str) -> Story {
    let pod = plan(&plain().0).create[0].metadata.name.clone().unwrap();
    let said = said.replace("POD", &pod);
    let mut status = Status::failure(&said, "");
    status.code = code;
    let refusal = of_status(&status, "the Pod");
    plain().with(|world| {
        world.setback = Some(Setback { pod, kind: refusal.kind, message: refusal.message, retry_at: at(5) });
    })
}

fn name_is_taken() -> Story {
    let pod = plan(&plain().0).create[0].metadata.name.clone().unwrap();
    let refusal = super::apply::name_is_taken(&pod, "team-a");
    plain().with(|world| {
        world.setback = Some(Setback { pod, kind: refusal.kind, message: refusal.message, retry_at: at(5) });
    })
}

fn dated(expires_on: Expiry) -> Story {
    plain().pod(1, 0, PodPhase::Running).with(|world| {
        for (name, known) in &mut world.secrets {
            let SecretKnowledge::Present(facts) = known else { panic!("it is there") };
            facts.expires_on = (name.as_str() == "db").then_some(expires_on);
        }
    })
}

/// Its Pod exists and has begun with the Secrets as they are: none was mended since.
fn pending() -> Story {
    plain().pod(1, 0, PodPhase::Pending).last_pod(|pod| {
        let names = ["db", "regcred"];
        pod.started_with = names.map(|name| (name.to_owned(), "42".to_owned())).into();
    })
}

fn of_reason(reason: Reason) -> Story {
    let day = |text: &str| dated(Expiry::On(text.parse().unwrap()));
    let failed = |more: &Value| edges(more).pod(1, 0, PodPhase::Failed).ended(3, -20);
    let absent = |more: &Value| edges(more).absent("db");
    match reason {
        Reason::AllResolved | Reason::PodsStarting => pending(),
        Reason::SecretsNotLookedAt => {
            edges(&json!({"on_missing_secret": "Fail"})).with(|world| world.secret_access = SecretAccess::None)
        }
        Reason::WaitingForSecrets => plain().absent("db"),
        Reason::WaitingForVolumes => volume(ObjectKnowledge::Absent),
        Reason::SecretForbidden => plain().know("db", SecretKnowledge::Forbidden { retry_at: at(5) }),
        Reason::VolumeForbidden => volume(ObjectKnowledge::Forbidden),
        Reason::ServiceAccountNotFound => {
            edges(&json!({"service_account_name": "robot"})).account("robot", AccountKnowledge::Absent)
        }
        Reason::NotRead => {
            let why = "the API server could not be reached".to_owned();
            plain().know("db", SecretKnowledge::Unread { why, retry_at: at(5) })
        }
        Reason::SecretMissing => absent(&json!({"on_missing_secret": "Fail"})),
        Reason::MissingSecretTimeout => absent(&json!({"missing_secret_timeout": "10m"}))
            .settle()
            .with(|world| world.recorded.waiting_since = Some(crate::plan::seconds(at(-700)))),
        Reason::InvalidSpec => edges(&json!({"transform": {"image": IMAGE, "user": "postgres"}})),
        Reason::Unreadable => plain().with(|world| {
            world.work = WorkState::Unreadable("spec.mode: unknown variant `Cron`, expected `Job` or `Service`".into());
        }),
        Reason::EndingOldRun => pending().with(|world| world.run_key = "v1:other/".into()),
        Reason::PodRefused => refused(
            403,
            "pods \"POD\" is forbidden: ValidatingAdmissionPolicy 'registries' with binding 'registries' denied request: images come from mirror.example.com",
        ),
        Reason::QuotaExceeded => refused(
            403,
            "pods \"POD\" is forbidden: exceeded quota: few, requested: pods=1, used: pods=4, limited: pods=4",
        ),
        Reason::PodSecurityRefused => refused(
            403,
            "pods \"POD\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true (pod or container \"main\" must set securityContext.runAsNonRoot=true)",
        ),
        Reason::NameConflict => name_is_taken(),
        Reason::WriteFailed => refused(503, ""),
        Reason::PodsRunning => plain().pod(1, 0, PodPhase::Running),
        Reason::Succeeded => plain().pod(1, 0, PodPhase::Succeeded).ended(0, -20),
        Reason::PodFailed => failed(&json!({})),
        Reason::InvalidInput => {
            let input = json!({"secrets": [{"name": "db", "key": "password"}], "mount_path": "/lockgate/input.json",
                "template": {"dsn": "postgres://app:jq(.secrets.database)@db"}});
            story(&json!({"transform": {"image": IMAGE, "input": input}}))
                .secret("db", &["password"])
                .pod(1, 0, PodPhase::Failed)
                .helper_failed(65, "template at /dsn, character 19: null cannot be put into a string")
        }
        Reason::RetryBackoff => failed(&json!({"retries": 1})).with(|world| world.now = at(-18)),
        Reason::TimedOut => failed(&json!({"timeout": "10s", "retries": 1})),
        Reason::Rolling => service()
            .pod(1, 0, PodPhase::Running)
            .last_pod(|pod| pod.ready = true)
            .with(|world| world.run_key = "v1:other/".into()),
        Reason::RollStuck => {
            let old = service().pod(1, 0, PodPhase::Running).last_pod(|pod| pod.ready = true);
            let fresh = old.with(|world| world.run_key = "v1:other/".into()).pod(2, 0, PodPhase::Running);
            fresh.last_pod(|pod| {
                pod.created_at = Some(at(-700));
                pod.started_at = Some(at(-690));
                pod.started_with = [("db".to_owned(), "42".to_owned())].into();
            })
        }
        Reason::Suspended => edges(&json!({"suspend": true})),
        // It is 2027-01-15.
        Reason::ExpiresSoon => day("2027-01-20"),
        Reason::Expired => day("2027-01-01"),
        Reason::ExpiryUnreadable => dated(Expiry::NoDate),
    }
}

fn of_trouble(trouble: Trouble) -> Story {
    let waits = |reason: &str, said: &str| pending().last_pod(|pod| pod.waiting = Some((reason.into(), said.into())));
    let pull = |said: &str| waits("ErrImagePull", said);
    match trouble {
        Trouble::Unschedulable => {
            pending().last_pod(|pod| pod.unschedulable = Some("0/3 nodes are available: 3 Insufficient memory.".into()))
        }
        Trouble::InvalidImageName => waits("InvalidImageName", "couldn't parse image name"),
        Trouble::ImageUnauthorized => pull("unexpected status from HEAD request: 401 Unauthorized"),
        Trouble::ImageForbidden => pull("unexpected status from HEAD request: 403 Forbidden"),
        Trouble::ImageNotFound => pull("rpc error: code = NotFound: not found"),
        Trouble::RegistryUnreachable => pull("dial tcp: lookup registry.example.com: no such host"),
        Trouble::RegistryTls => {
            pull("tls: failed to verify certificate: x509: certificate signed by unknown authority")
        }
        Trouble::PullSecretMalformed => waits("illegal base64 data at input byte 3", ""),
        Trouble::ImageNeverPull => waits("ErrImageNeverPull", ""),
        Trouble::ImagePullFailed => pull("failed to extract layer: no space left on device"),
        Trouble::SecretGone => waits("CreateContainerConfigError", "secret \"db\" not found"),
        Trouble::RootImage => {
            waits("CreateContainerConfigError", "container has runAsNonRoot and image will run as root")
        }
        Trouble::ContainerConfig => waits("CreateContainerConfigError", "failed to create subPath directory"),
        Trouble::ContainerStart => waits("CreateContainerError", "exec: \"edges\": executable file not found in $PATH"),
        Trouble::VolumeMount => pending().last_pod(|pod| {
            pod.mount_failure =
                Some("MountVolume.SetUp failed for volume \"x\" : references non-existent secret key: ca.crt".into());
        }),
        Trouble::CrashLoop => service().pod(1, 0, PodPhase::Running).last_pod(|pod| {
            pod.waiting = Some(("CrashLoopBackOff".into(), "back-off 5m0s".into()));
            pod.last_exit_code = Some(1);
        }),
    }
}

/// The state of a row, and its message where it has one.
fn of_state(state: ReferenceState) -> Story {
    let optional = json!([{"name": "db", "env_var": "DB_PASSWORD", "key": "password", "optional": true}]);
    match state {
        ReferenceState::Resolved => plain(),
        ReferenceState::NotFound => plain().absent("db"),
        ReferenceState::KeyMissing => plain().secret("db", &["pass", "user"]),
        ReferenceState::KeyUnverified => plain().keys("db", Keys::Unknown { count: 2 }),
        ReferenceState::WrongType => plain().secret("regcred", &[".dockerconfigjson"]),
        ReferenceState::Forbidden => of_reason(Reason::SecretForbidden),
        ReferenceState::Absent => story(&json!({"transform": {"image": IMAGE, "secrets": optional}})).absent("db"),
        ReferenceState::Unchecked => plain().with(|world| world.secret_access = SecretAccess::None),
    }
}

fn told(story: &Story) -> PipelineStatus {
    report::status(&story.0, &plan(&story.0))
}

fn said_of_reason(reason: Reason) -> String {
    let status = told(&of_reason(reason));
    let found = status.conditions.iter().find(|condition| condition.reason == reason.as_str());
    found.unwrap_or_else(|| panic!("{reason} is not said: {:?}", status.conditions)).message.clone()
}

fn said_of_trouble(trouble: Trouble) -> String {
    let status = told(&of_trouble(trouble));
    assert_eq!(status.steps[0].trouble, Some(trouble), "{:?}", status.steps);
    status.conditions.iter().find(|c| c.type_ == ConditionType::Ready.as_str()).unwrap().message.clone()
}

fn said_of_state(state: ReferenceState) -> Option<String> {
    let status = told(&of_state(state));
    let row = status.references.iter().find(|row| row.state == state);
    row.unwrap_or_else(|| panic!("{state} is not said: {:?}", status.references)).message.clone()
}

/// What stands under a heading of the page.
fn section(heading: &str) -> &'static str {
    let page = include_str!("../../docs/troubleshooting.md");
    let (_, rest) = page.split_once(&format!("\n### {heading}\n")).unwrap_or_else(|| panic!("no heading {heading}"));
    rest.split("\n#").next().unwrap()
}

#[test]
fn the_page_shows_what_is_said() {
    let states = ReferenceState::ALL.iter().map(|state| (state.as_str(), said_of_state(*state)));
    let reasons = Reason::ALL.iter().map(|reason| (reason.as_str(), Some(said_of_reason(*reason))));
    let troubles = Trouble::ALL.iter().map(|trouble| (trouble.as_str(), Some(said_of_trouble(*trouble))));
    for (word, said) in states.chain(reasons).chain(troubles) {
        let said = said.unwrap_or_else(|| "There is no message.".to_owned());
        assert!(section(word).contains(&said), "docs/troubleshooting.md under {word} does not show: {said}");
    }
}

#[test]
fn a_message_that_asks_for_something_ends_in_its_heading_and_no_other_does() {
    let reasons = Reason::ALL.iter().map(|reason| of_reason(*reason));
    let troubles = Trouble::ALL.iter().map(|trouble| of_trouble(*trouble));
    let mut seen = BTreeSet::new();
    for story in reasons.chain(troubles) {
        let status = told(&story);
        let trouble = status.steps.iter().find_map(|step| step.trouble).map(Trouble::as_str);
        for condition in &status.conditions {
            let word = match condition.reason.as_str() {
                "PodsStarting" => trouble,
                "AllResolved" | "EndingOldRun" | "PodsRunning" | "Succeeded" | "Rolling" | "Suspended" => None,
                reason => Some(reason),
            };
            let pointers = condition.message.matches(" (docs/troubleshooting.md#").count();
            assert_eq!(pointers, usize::from(word.is_some()), "{}: {}", condition.reason, condition.message);
            let end = word.map(|word| Docs::default().pointer(word)).unwrap_or_default();
            assert!(condition.message.ends_with(&end), "{}: {}", condition.reason, condition.message);
            assert!(condition.type_ != "Ready" || condition.status == "False" || word.is_none(), "{condition:?}");
            seen.extend(word.map(ToOwned::to_owned));
        }
    }
    assert_eq!(seen.len(), Reason::ALL.len() - 7 + Trouble::ALL.len(), "{seen:?}");
}
