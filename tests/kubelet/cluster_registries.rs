//! ClusterRegistries on a real node: copies of their credentials come where Pipelines need them, follow their source and go with
//! it, also when nobody was there to see it.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use kube_runtime::wait::{await_condition, conditions::is_deleted};
use kube_runtime::{WatchStreamExt, watcher};
use lockgate::api::reason::{Phase, Trouble};
use lockgate::api::registry::ClusterRegistry;
use lockgate_cluster::Registry;
use serde_json::{Value, json};

use crate::support::{SYSTEM_NAMESPACE, Space, name_of, step};
use crate::{
    PATIENCE, has_begun, in_trouble, journey, kubelet_says, labelled_journey, nothing_leaked, printed, projecting,
    shared, shell,
};

/// The name of every copy.
const COPY: &str = "lockgate-registries";
/// Says what it has to say and runs for a while, so that it is seen to run.
const LINGER: &str = "echo pulled; sleep 2";

/// A registry of one journey's own, with its ClusterRegistry, whose source lies where the projector may read it.
struct Ground {
    private: Registry,
    client: Client,
    name: &'static str,
}

impl Ground {
    async fn new(space: &Space, name: &'static str) -> Self {
        let private =
            tokio::task::spawn_blocking(|| shared().unwrap().cluster.start_registry().unwrap()).await.unwrap();
        let ground = Self { private, client: space.client.clone(), name };
        ground.sources().pull_secret(name, &ground.private.docker_config_json()).await;
        ground
    }

    /// The namespace of the sources.
    fn sources(&self) -> Space {
        Space { client: self.client.clone(), name: SYSTEM_NAMESPACE.to_owned(), patience: PATIENCE }
    }

    fn api(&self) -> Api<ClusterRegistry> {
        Api::all(self.client.clone())
    }

    /// Makes the ClusterRegistry; `more` are further fields of its spec.
    async fn comes(&self, more: Value) {
        let spec = json!({"host": self.private.host(), "secret": {"namespace": SYSTEM_NAMESPACE, "name": self.name}});
        let object = json!({
            "apiVersion": "lockgate.dev/v1alpha1", "kind": "ClusterRegistry", "metadata": {"name": self.name},
            "spec": crate::with(spec, more),
        });
        self.api().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    }

    async fn goes(&self) {
        self.api().delete(self.name, &DeleteParams::default()).await.unwrap();
    }

    /// Waits until its status tells of so many copies.
    async fn has_copies(&self, copies: i32) {
        let config = watcher::Config::default().fields(&format!("metadata.name={}", self.name));
        let mut last = None;
        let found = tokio::time::timeout(PATIENCE, async {
            let mut stream = std::pin::pin!(watcher(self.api(), config).default_backoff().applied_objects());
            while let Some(object) = stream.next().await {
                let Ok(object) = object else { continue };
                last.clone_from(&object.status);
                if last.as_ref().and_then(|status| status.copies) == Some(copies) {
                    return;
                }
            }
        });
        let found = found.await;
        assert!(found.is_ok(), "{} never had {copies} copies: {last:?}", self.name);
    }

    /// Makes a Pipeline of an image of the registry that nobody has pulled yet, and waits until it is stuck in that.
    async fn stuck(&self, space: &Space, name: &str) {
        self.pipeline(space, name).await;
        in_trouble(space, name, Trouble::ImageUnauthorized).await;
        kubelet_says(space, &name_of(&space.pod_of(name).await), "ImagePullBackOff").await;
    }

    async fn pipeline(&self, space: &Space, name: &str) {
        let image = self.private.push_busybox(&format!("{}/{name}:1", space.name)).unwrap();
        space.pipeline(name, shell(&image, LINGER, json!({}))).await;
    }
}

/// The copy in this namespace.
async fn copy(space: &Space) -> Option<Secret> {
    space.api::<Secret>().get_opt(COPY).await.unwrap()
}

/// Waits until the copy in this namespace is so, or is gone where it is to be none, and says how long that took.
async fn copy_is(space: &Space, what: &str, goal: Duration, is_so: impl Fn(Option<&Secret>) -> bool) {
    let begun = Instant::now();
    while !is_so(copy(space).await.as_ref()) {
        // Many times the goal, for a machine that does much else.
        assert!(begun.elapsed() < PATIENCE, "{}: never {what}", space.name);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("{}: {what} after {:.2} s (goal: {} s)", space.name, begun.elapsed().as_secs_f64(), goal.as_secs());
}

/// Whether the copy has the login of this registry with this password.
fn holds(copy: Option<&Secret>, registry: &Registry, password: &str) -> bool {
    let Some(bytes) = copy.and_then(|copy| copy.data.as_ref()?.get(".dockerconfigjson")) else { return false };
    let config: Value = serde_json::from_slice(&bytes.0).unwrap();
    let auth = config["auths"][registry.host()]["auth"].as_str();
    auth == Some(&BASE64_STANDARD.encode(format!("{}:{password}", registry.username())))
}

/// Whether the copy has the login of this registry as it is now.
fn is_of(copy: Option<&Secret>, registry: &Registry) -> bool {
    holds(copy, registry, registry.password())
}

/// Waits until the cluster's garbage collector knows ClusterRegistries: it looks for new kinds every half minute, and this cluster
/// may be younger. Something else that belongs to one is taken then.
async fn garbage_is_collected(space: &Space) {
    let owner = Ground::new(space, "garbage").await;
    owner.comes(json!({})).await;
    let uid = owner.api().get(owner.name).await.unwrap().metadata.uid;
    let of_it =
        json!({"apiVersion": "lockgate.dev/v1alpha1", "kind": "ClusterRegistry", "name": owner.name, "uid": uid});
    let owned = json!({"metadata": {"name": "garbage", "ownerReferences": [of_it]}});
    let owned = serde_json::from_value::<ConfigMap>(owned).unwrap();
    let owned = space.api::<ConfigMap>().create(&PostParams::default(), &owned).await.unwrap();
    owner.goes().await;
    let uid = owned.metadata.uid.unwrap();
    let gone = await_condition(space.api::<ConfigMap>(), "garbage", is_deleted(&uid));
    tokio::time::timeout(PATIENCE, gone).await.expect("it is collected").unwrap();
}

async fn runs(space: &Space, name: &str, since: Instant, what: &str) {
    has_begun(space, name).await;
    let took = since.elapsed();
    println!("{what}: {}/{name} ran {:.1} s later (goal: 3 s)", space.name, took.as_secs_f64());
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[tokio::test]
async fn a_global_one_serves_two_namespaces_and_comes_to_no_third() {
    let Some((first, node)) = journey("global-first").await else {
        return;
    };
    let projector = projecting().await;
    let (second, _) = journey("global-second").await.unwrap();
    let (third, _) = journey("global-third").await.unwrap();
    let ground = Ground::new(&first, "global").await;
    third.pipeline("other", shell(node.preloaded_image(), "true", json!({}))).await;
    for space in [&first, &second] {
        ground.stuck(space, "app").await;
        assert!(copy(space).await.is_none());
    }
    let made = Instant::now();
    ground.comes(json!({})).await;
    for space in [&first, &second] {
        runs(space, "app", made, "a global ClusterRegistry for an image in backoff").await;
    }
    for space in [&first, &second] {
        assert_eq!(printed(space, "app").await, "pulled\n");
        let done = space.phase("app", Phase::Succeeded).await;
        let ended = step(&done).unwrap();
        assert_eq!((ended.attempts, ended.replacements), (0, 1), "a fresh Pod, and no try lost");
        let ways = done.status.as_ref().unwrap().references.iter().filter_map(|row| row.via.as_deref());
        assert!(ways.into_iter().any(|via| via == "clusterregistry/global"), "{:?}", done.status);
        let labels = copy(space).await.unwrap().metadata.labels.unwrap();
        assert_eq!(labels["lockgate.dev/projected"], "true");
        nothing_leaked(space).await;
    }
    ground.has_copies(2).await;
    third.phase("other", Phase::Succeeded).await;
    assert!(copy(&third).await.is_none(), "nothing there has an image of that host");
    assert!(!projector.log().contains("canary"), "a value is in the projector's log");

    // Whoever needs it no longer keeps nothing.
    first.delete::<lockgate::api::pipeline::Pipeline>("app").await;
    copy_is(&first, "no copy where nobody needs it", Duration::from_secs(5), |copy| copy.is_none()).await;
    ground.has_copies(1).await;
    ground.goes().await;
    copy_is(&second, "no copy", Duration::from_secs(5), |copy| copy.is_none()).await;
}

#[tokio::test]
async fn a_private_one_is_refused_to_a_tenant_and_serves_the_platform() {
    let Some((tenant, _)) = journey("private-tenant").await else {
        return;
    };
    let projector = projecting().await;
    let of_the_platform = json!({"lockgate.dev/system": "true"});
    let (platform, _) = labelled_journey("private-platform", of_the_platform.clone()).await.unwrap();
    let ground = Ground::new(&tenant, "global-private").await;
    for space in [&tenant, &platform] {
        ground.stuck(space, "app").await;
    }
    let made = Instant::now();
    ground.comes(json!({"scope": "GlobalPrivate"})).await;
    runs(&platform, "app", made, "a private ClusterRegistry in a namespace of the platform").await;
    assert_eq!(printed(&platform, "app").await, "pulled\n");
    ground.has_copies(1).await;
    assert!(copy(&tenant).await.is_none(), "a tenant has none");
    in_trouble(&tenant, "app", Trouble::ImageUnauthorized).await;

    // Whoever may write Namespaces says which are the platform's, at any time.
    let namespaces: Api<Namespace> = Api::all(tenant.client.clone());
    let label = |labels: Value| Patch::Merge(json!({"metadata": {"labels": labels}}));
    let labelled = Instant::now();
    namespaces.patch(&tenant.name, &PatchParams::default(), &label(of_the_platform)).await.unwrap();
    runs(&tenant, "app", labelled, "a namespace that becomes the platform's").await;
    assert_eq!(printed(&tenant, "app").await, "pulled\n");
    namespaces
        .patch(&tenant.name, &PatchParams::default(), &label(json!({"lockgate.dev/system": null})))
        .await
        .unwrap();
    copy_is(&tenant, "no copy where the label went", Duration::from_secs(5), |copy| copy.is_none()).await;
    ground.has_copies(1).await;
    assert!(!projector.log().contains("canary"), "a value is in the projector's log");
    ground.goes().await;
}

#[tokio::test]
async fn copies_follow_a_password_that_was_changed_under_them() {
    let Some((space, _)) = journey("rotated-registry").await else {
        return;
    };
    let _projector = projecting().await;
    let mut ground = Ground::new(&space, "rotated").await;
    ground.comes(json!({"namespace_selector": {"matchLabels": {"kubernetes.io/metadata.name": space.name}}})).await;
    ground.pipeline(&space, "before").await;
    assert_eq!(printed(&space, "before").await, "pulled\n");
    let old = ground.private.password().to_owned();
    assert!(holds(copy(&space).await.as_ref(), &ground.private, &old));

    let new = format!("{old}-and-another");
    ground.private.change_password(&new).unwrap();
    ground.stuck(&space, "after").await;
    let source = json!({"stringData": {".dockerconfigjson": ground.private.docker_config_json()}});
    let secrets = ground.sources().api::<Secret>();
    let changed = Instant::now();
    secrets.patch(ground.name, &PatchParams::default(), &Patch::Merge(source)).await.unwrap();
    copy_is(&space, "the new password in the copy", Duration::from_secs(1), |copy| is_of(copy, &ground.private)).await;
    runs(&space, "after", changed, "a source with the new password").await;
    assert_eq!(printed(&space, "after").await, "pulled\n");
    let done = space.phase("after", Phase::Succeeded).await;
    let ended = step(&done).unwrap();
    assert_eq!((ended.attempts, ended.replacements), (0, 1), "a fresh Pod, and no try lost");
    nothing_leaked(&space).await;
    ground.goes().await;
    copy_is(&space, "no copy", Duration::from_secs(5), |copy| copy.is_none()).await;
}

#[tokio::test]
async fn copies_go_with_what_they_are_copies_of_also_when_the_projector_was_killed() {
    let Some((space, _)) = journey("removed-registry").await else {
        return;
    };
    let mut projector = projecting().await;
    let removal = Duration::from_secs(5);
    let one = Ground::new(&space, "removed-one").await;
    let two = Ground::new(&space, "removed-two").await;
    for ground in [&one, &two] {
        ground.comes(json!({})).await;
        ground.pipeline(&space, ground.name).await;
    }
    let both = |copy: Option<&Secret>| [&one, &two].iter().all(|ground| is_of(copy, &ground.private));
    let only_two = |copy: Option<&Secret>| is_of(copy, &two.private) && !is_of(copy, &one.private);
    copy_is(&space, "the entries of both", removal, both).await;
    // While it runs: the entry goes, and the other one stays.
    one.goes().await;
    copy_is(&space, "no entry of one that was removed", removal, only_two).await;
    // Killed before the removal: garbage collection takes what belongs to nobody else.
    garbage_is_collected(&space).await;
    projector.kill();
    two.goes().await;
    copy_is(&space, "no copy, by garbage collection alone", removal, |copy| copy.is_none()).await;

    // Killed before one of two is removed: what it shares with the other waits for the projector.
    projector.start_again().await;
    for ground in [&one, &two] {
        ground.comes(json!({})).await;
    }
    copy_is(&space, "the entries of both again", removal, both).await;
    projector.kill();
    one.goes().await;
    projector.start_again().await;
    copy_is(&space, "no entry of one that was removed unseen", removal, only_two).await;
    two.goes().await;
    copy_is(&space, "no copy", removal, |copy| copy.is_none()).await;
}
