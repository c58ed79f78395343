//! The image of the init containers where no node has it: mirrored to a private registry, which asks for credentials as it does
//! for every other image. A cluster of its own: the shared operator's image is on the node.

use std::time::Instant;

use kube::api::PostParams;
use lockgate::api::reason::{Phase, Trouble};
use lockgate::api::registry::Registry;
use lockgate_cluster::{NodeKind, Options, can_run_node};
use serde_json::{Value, json};

use crate::receiving::secret;
use crate::support::{self, CANARY, Operator, SYSTEM_NAMESPACE, Space, admin, image};
use crate::{PATIENCE, has_begun, in_trouble, printed, shell};

/// Every namespace that has this Secret can pull it.
const HELPER_SECRET: &str = "of-the-helper";

/// A Pipeline of an image that the node has, with an input.
fn greets(image: &str) -> Value {
    let input = json!({"secrets": [{"name": "api", "key": "token"}], "template": "bearer jq(.secrets.api)", "env_var": "GREETING"});
    shell(image, "echo ${#GREETING}; sleep 2", json!({"input": input}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirrored_helper_is_pulled_with_what_a_namespace_has_for_it() {
    if let Err(why) = can_run_node() {
        assert!(std::env::var_os("CI").is_none(), "in CI a node must run: {why}");
        println!("SKIPPED: {why}");
        return;
    }
    let cluster = tokio::task::block_in_place(|| support::install(Options::new().node(NodeKind::Real)));
    let node = cluster.node().unwrap();
    let mirrored = concat!("mirror/platform/lockgate:", env!("CARGO_PKG_VERSION"));
    let mirrored = tokio::task::block_in_place(|| image::push_to(node.registry(), mirrored));
    let kubeconfig = cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, "lockgate").unwrap();
    let flags = ["--helper-image", &mirrored, "--helper-pull-secrets", HELPER_SECRET];
    let operator = Operator::start_with_flags(&cluster, &kubeconfig, &flags);
    let client = admin(&cluster).await;
    let mut spaces = Vec::new();
    for name in ["by-registry", "by-flag"] {
        let space = Space { patience: PATIENCE, ..Space::new(&client, name).await };
        secret(&space, "api", json!({"token": CANARY})).await;
        space.pipeline("greets", greets(node.preloaded_image())).await;
        spaces.push(space);
    }
    for space in &spaces {
        let said = in_trouble(space, "greets", Trouble::ImageUnauthorized).await;
        assert!(said.contains(&mirrored), "it names the image that is meant: {said}");
    }
    let [by_registry, by_flag] = spaces.as_slice() else { panic!("two namespaces") };

    by_registry.pull_secret("regcred", &node.registry().docker_config_json()).await;
    let object = json!({
        "apiVersion": "lockgate.dev/v1alpha1", "kind": "Registry", "metadata": {"name": "mirror"},
        "spec": {"host": node.registry().host(), "secret": {"name": "regcred"}},
    });
    let made = Instant::now();
    by_registry
        .api::<Registry>()
        .create(&PostParams::default(), &serde_json::from_value(object).unwrap())
        .await
        .unwrap();
    has_begun(by_registry, "greets").await;
    println!("a Registry for the helper's image: it ran {:.1} s later (goal: 3 s)", made.elapsed().as_secs_f64());
    let made = Instant::now();
    by_flag.pull_secret(HELPER_SECRET, &node.registry().docker_config_json()).await;
    has_begun(by_flag, "greets").await;
    println!("the Secret of --helper-pull-secrets: it ran {:.1} s later (goal: 3 s)", made.elapsed().as_secs_f64());

    let length = format!("{}\n", "\"bearer \"".len() + CANARY.len());
    for (space, wanted) in [(by_registry, "registry/mirror"), (by_flag, "helper-image")] {
        assert_eq!(printed(space, "greets").await, length);
        let status = space.phase("greets", Phase::Succeeded).await.status.unwrap();
        let ways: Vec<&str> = status.references.iter().filter_map(|row| row.via.as_deref()).collect();
        assert!(ways.contains(&wanted), "{ways:?}");
        assert_eq!((status.steps[0].attempts, status.steps[0].replacements), (0, 1), "a fresh Pod, and no try lost");
    }
    assert!(!operator.log().contains("canary"), "a value is in the log");
    drop(operator);
    tokio::task::block_in_place(move || drop(cluster));
}
