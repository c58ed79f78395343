//! The kubelet's and the scheduler's verdicts: keys that only the kubelet can see, containers that do not start or end
//! badly, nodes that are too small.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, StepState, Trouble};
use serde_json::json;

use crate::support::{CANARY, condition, message, name_of, states, step};
use crate::{ended, in_trouble, journey, kubelet_says, nothing_leaked, printed, shell, with};

#[tokio::test]
async fn where_the_keys_are_not_known_the_kubelet_decides() {
    let Some((space, node)) = journey("unknown-keys").await else {
        return;
    };
    // The container itself says whether it got the value: a Pod that makes place for a fresh one takes its log along.
    let proves = |what: &str| format!("case {what} in *-late) ;; *) exit 1 ;; esac");
    let patch = async |name: &str, patch| {
        space.api::<Secret>().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    };
    for name in ["env", "file"] {
        space.secret(name, &["other"]).await;
        patch(name, json!({"metadata": {"managedFields": [{}]}})).await;
    }
    let env = json!({"secrets": [{"name": "env", "env_var": "VALUE", "key": "key"}]});
    space.pipeline("env", shell(node.preloaded_image(), &proves("\"$VALUE\""), env)).await;
    let file =
        json!({"secrets": [{"name": "file", "mount_path": "/files", "items": [{"key": "key", "path": "file"}]}]});
    space.pipeline("file", shell(node.preloaded_image(), &proves("\"$(cat /files/file)\""), file)).await;

    let pod = space.pod_of("env").await;
    kubelet_says(&space, &name_of(&pod), "CreateContainerConfigError").await;
    let said = in_trouble(&space, "env", Trouble::SecretGone).await;
    assert!(said.contains("couldn't find key key in Secret unknown-keys/env: add it"), "{said}");
    let said = in_trouble(&space, "file", Trouble::VolumeMount).await;
    assert!(said.contains("/files (Secret file) cannot be mounted"), "{said}");
    assert!(said.contains("references non-existent secret key: key"), "{said}");
    for name in ["env", "file"] {
        let starting = space.phase(name, Phase::Starting).await;
        assert_eq!(states(&starting), [format!("{name}:KeyUnverified")]);
        assert_eq!(condition(&starting, "SecretsResolved"), "True/AllResolved");
        patch(name, json!({"stringData": {"key": format!("{CANARY}-late")}})).await;
    }
    for name in ["env", "file"] {
        let done = ended(&space, name).await;
        assert_eq!(condition(&done, "Complete"), "True/Succeeded", "{}", message(&done));
        let step = step(&done).unwrap();
        // A fresh Pod, unless the kubelet's own next try fell into the same moment; no try is lost either way.
        assert!(step.replacements <= 1, "{name}: {} replacements", step.replacements);
        assert_eq!((step.attempts, step.trouble), (0, None), "{name}");
    }
    nothing_leaked(&space).await;
}

#[tokio::test]
async fn a_container_that_ends_badly_or_never_starts_fails_the_run() {
    let Some((space, node)) = journey("failing").await else {
        return;
    };
    space.secret("db", &["password"]).await;
    let image = node.preloaded_image();
    space.pipeline("exit-3", shell(image, "exit 3", json!({}))).await;
    space.pipeline("not-found", json!({"transform": {"image": image, "cmd": ["no-such-command", "x"]}})).await;
    let value_as_command = json!({"transform": {
        "image": image, "cmd": ["$(PASSWORD)"], "secrets": [{"name": "db", "env_var": "PASSWORD", "key": "password"}],
    }});
    space.pipeline("value-as-command", value_as_command).await;
    let memory = with(shell(image, "tail /dev/zero", json!({})), json!({"resource_limits": {"memory": "16Mi"}}));
    space.pipeline("too-much-memory", memory).await;

    for (name, exit_code, words) in [
        ("exit-3", 3, "ended with exit code 3: kubectl logs"),
        ("not-found", 128, "no-such-command"),
        ("value-as-command", 128, "what was said of it may quote a value"),
        ("too-much-memory", 137, "ended with exit code 137"),
    ] {
        let failed = ended(&space, name).await;
        println!("{name}: {}", message(&failed));
        let step = step(&failed).unwrap();
        assert_eq!(step.state, StepState::Failed, "{name}");
        assert_eq!(step.exit_code, Some(exit_code), "{name}");
        assert!(message(&failed).contains(words), "{name}: {}", message(&failed));
        assert_eq!(condition(&failed, "Ready"), "False/PodFailed");
        assert_eq!(condition(&failed, "Stalled"), "True/PodFailed");
        assert_eq!(condition(&failed, "Complete"), "False/PodFailed");
    }
    // Nobody but the kubelet repeats the value.
    let status = serde_json::to_string(&space.api::<Pipeline>().get("value-as-command").await.unwrap().status).unwrap();
    assert!(!status.contains("canary"), "{status}");
}

#[tokio::test]
async fn a_pod_that_no_node_takes_is_replaced_when_it_asks_for_less() {
    let Some((space, node)) = journey("too-big").await else {
        return;
    };
    let spec = with(shell(node.preloaded_image(), "echo ran", json!({})), json!({"resource_requests": {"cpu": 1000}}));
    space.pipeline("big", spec).await;
    let said = in_trouble(&space, "big", Trouble::Unschedulable).await;
    assert!(said.contains("Insufficient cpu") && said.contains("change resource_requests"), "{said}");

    space.patch("big", json!({"spec": {"resource_requests": {"cpu": "10m"}}})).await;
    let has_second_run =
        |p: &Pipeline| p.status.as_ref().and_then(|s| s.run.as_ref()).is_some_and(|run| run.number == 2);
    space.until("big", "its second run began", has_second_run).await;
    assert_eq!(printed(&space, "big").await, "ran\n");
    let done = space.phase("big", Phase::Succeeded).await;
    assert!(has_second_run(&done));
    assert_eq!(space.pods().await.len(), 1, "the Pod of the first run is gone");
}
