//! `--secret-access=none` on a real node, and only in the namespaces that are named: Pods start at once, the kubelet's verdict
//! is told, and when the Secrets come the same Pods go on. A cluster of its own: the shared operator would hold them back.

use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{Phase, Trouble};
use lockgate_cluster::{Cluster, NodeKind, Options, can_run_node};
use serde_json::json;

use crate::support::{self, Operator, SYSTEM_NAMESPACE, Space, admin, condition, message, states, step};
use crate::{PATIENCE, ended, in_trouble, shell};

const FLAGS: [&str; 2] = ["--watch-namespaces=team-a,team-b", "--secret-access=none"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_access_to_secrets_the_kubelets_verdict_is_told_and_the_same_pods_go_on() {
    if let Err(why) = can_run_node() {
        assert!(std::env::var_os("CI").is_none(), "in CI a node must run: {why}");
        println!("SKIPPED: {why}");
        return;
    }
    let cluster = tokio::task::block_in_place(|| Cluster::start(Options::new().node(NodeKind::Real)).unwrap());
    let node = cluster.node().unwrap();
    let client = admin(&cluster).await;
    let space = Space { patience: PATIENCE, ..Space::new(&client, "team-a").await };
    Space::new(&client, "team-b").await;
    tokio::task::block_in_place(|| support::install_on(&cluster, "deploy/overlays/namespaced-none"));
    let kubeconfig = cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, "lockgate").unwrap();
    let operator = Operator::start_with_flags(&cluster, &kubeconfig, &FLAGS);

    let env = json!({"secrets": [{"name": "db", "env_var": "DB_PASSWORD", "key": "password"}]});
    space.pipeline("env", shell(node.preloaded_image(), "test -n \"$DB_PASSWORD\"", env)).await;
    let file = json!({"secrets": [{"name": "tls", "mount_path": "/etc/tls"}]});
    space.pipeline("file", shell(node.preloaded_image(), "test -s /etc/tls/ca.crt", file)).await;
    let image = node.registry().push_busybox("dark/app:1").unwrap();
    space.pipeline("pull", shell(&image, "true", json!({"image_pull_secrets": ["regcred"]}))).await;

    let said = in_trouble(&space, "env", Trouble::SecretGone).await;
    assert!(said.contains("secret \"db\" not found"), "{said}");
    in_trouble(&space, "file", Trouble::VolumeMount).await;
    // On a busy node the kubelet's first word is that its own cache is not filled yet.
    let names_it = |p: &Pipeline| message(p).contains("secret \"tls\" not found");
    space.until("file", "the kubelet's word that there is no Secret tls", names_it).await;
    in_trouble(&space, "pull", Trouble::ImageUnauthorized).await;
    for (name, secret) in [("env", "db"), ("file", "tls"), ("pull", "regcred")] {
        let starting = space.phase(name, Phase::Starting).await;
        assert_eq!(states(&starting), [format!("{secret}:Unchecked")]);
        assert_eq!(condition(&starting, "SecretsResolved"), "Unknown/SecretsNotLookedAt");
    }
    space.secret("db", &["password"]).await;
    space.secret("tls", &["ca.crt"]).await;
    space.pull_secret("regcred", &node.registry().docker_config_json()).await;
    for name in ["env", "file", "pull"] {
        let done = ended(&space, name).await;
        assert_eq!(condition(&done, "Complete"), "True/Succeeded", "{}", message(&done));
        let step = step(&done).unwrap();
        assert_eq!((step.attempts, step.replacements), (0, 0), "{name}: nobody exchanged its Pod");
    }
    assert!(!operator.log().contains("canary"), "a value is in the log");
    drop(operator);
    tokio::task::block_in_place(move || drop(cluster));
}
