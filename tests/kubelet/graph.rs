//! Graphs on a real node: each step has its own Secret and no other's, and hands a file on.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::Api;
use kube::api::PostParams;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use serde_json::{Value, json};

use crate::support::{CANARY, Space};
use crate::{ended, journey, nothing_leaked, shared, shell, with};

/// A claim and its storage: a folder of the node.
async fn claim(space: &Space) {
    let folder = shared().unwrap().cluster.dir().join("of-the-graph");
    let volume = json!({"metadata": {"name": "of-the-graph"}, "spec": {
        "accessModes": ["ReadWriteMany"], "capacity": {"storage": "1Mi"}, "storageClassName": "",
        "hostPath": {"path": folder, "type": "DirectoryOrCreate"}, "claimRef": {"namespace": space.name, "name": "data"},
    }});
    let volumes: Api<PersistentVolume> = Api::all(space.client.clone());
    volumes.create(&PostParams::default(), &serde_json::from_value(volume).unwrap()).await.unwrap();
    let claim = json!({"metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteMany"], "storageClassName": "", "volumeName": "of-the-graph",
        "resources": {"requests": {"storage": "1Mi"}},
    }});
    let claims = space.api::<PersistentVolumeClaim>();
    claims.create(&PostParams::default(), &serde_json::from_value(claim).unwrap()).await.unwrap();
}

/// What the Pod of this step printed.
async fn log_of_step(space: &Space, pipeline: &Pipeline, step: &str) -> String {
    let step = pipeline.status.iter().flat_map(|s| &s.steps).find(|of| of.name == step).unwrap();
    space.log_of(step.pod.as_deref().unwrap()).await
}

#[tokio::test]
async fn each_step_has_its_own_secret_and_no_other_s_and_hands_a_file_on() {
    let Some((space, node)) = journey("graph").await else {
        return;
    };
    claim(&space).await;
    // Every variable and every file of the container in which a value is. The script itself holds none.
    let script = r#"
        echo "own variable: $OWN"; echo "own file: $(cat /etc/own/key)"
        echo "values in variables:"; tr '\0' '\n' </proc/1/environ | grep -o 'can[a]ry-7c1f-of-[a-z]*' | sort -u
        echo "values in files:"; grep -rho 'can[a]ry-7c1f-of-[a-z]*' /etc /data /run /var /tmp /root /home 2>/dev/null | sort -u
        echo "handed on:"; cat /data/file 2>/dev/null || true
        echo "from $STEP" >>/data/file
    "#;
    let step = |name: &str, needs: Value| {
        let container = shell(
            node.preloaded_image(),
            script,
            json!({
                "env": {"STEP": name}, "volumes": [{"claim": "data", "mount_path": "/data"}],
                "secrets": [
                    {"name": format!("of-{name}"), "env_var": "OWN", "key": "key"},
                    {"name": format!("of-{name}"), "mount_path": "/etc/own"},
                ],
            }),
        );
        with(container["transform"].clone(), json!({"name": name, "needs": needs}))
    };
    let steps = [step("extract", json!([])), step("train", json!(["extract"])), step("publish", json!(["train"]))];
    space.pipeline("graph", json!({"steps": steps})).await;
    space.phase("graph", Phase::Waiting).await;
    for name in ["publish", "extract", "train"] {
        let data =
            json!({"metadata": {"name": format!("of-{name}")}, "stringData": {"key": format!("{CANARY}-of-{name}")}});
        space
            .api::<k8s_openapi::api::core::v1::Secret>()
            .create(&PostParams::default(), &serde_json::from_value(data).unwrap())
            .await
            .unwrap();
    }
    let done = ended(&space, "graph").await;
    let mut handed_on: Vec<String> = Vec::new();
    for name in ["extract", "train", "publish"] {
        let log = log_of_step(&space, &done, name).await;
        println!("{name}:\n{log}");
        let own = format!("{CANARY}-of-{name}");
        let expected = format!(
            "own variable: {own}\nown file: {own}\nvalues in variables:\n{own}\nvalues in files:\n{own}\nhanded on:\n{}",
            handed_on.concat()
        );
        assert_eq!(log, expected);
        handed_on.push(format!("from {name}\n"));
    }
    assert_eq!(done.status.unwrap().phase, Some(Phase::Succeeded));
    nothing_leaked(&space).await;
}

#[tokio::test]
async fn equal_pods_print_their_numbers() {
    let Some((space, node)) = journey("equal").await else {
        return;
    };
    let script = r#"echo "$LOCKGATE_INDEX of $LOCKGATE_PARALLELISM""#;
    let spec = with(shell(node.preloaded_image(), script, json!({})), json!({"parallelism": 3}));
    space.pipeline("equal", spec).await;
    let done = ended(&space, "equal").await;
    assert_eq!(done.status.unwrap().steps[0].completed_indexes.as_deref(), Some("0-2"));
    let mut said = Vec::new();
    for pod in space.pods().await {
        said.push(space.log_of(pod.metadata.name.as_deref().unwrap()).await);
    }
    said.sort();
    assert_eq!(said, ["0 of 3\n", "1 of 3\n", "2 of 3\n"]);
}
