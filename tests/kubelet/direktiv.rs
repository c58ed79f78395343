//! Direktiv's demo workflow: an action sends a request with a token in its header. The token reaches the server, and is in no
//! other place.

use std::time::Instant;

use lockgate::api::reason::Phase;
use serde_json::{Value, json};

use crate::leftovers::{goes_from_disk, in_objects, on_disk, remove, revision, unique};
use crate::listener::Listener;
use crate::support::{disk, states};
use crate::{PATIENCE, nothing_leaked, printed, receiving, rendering_journey, shared, shell};

/// Stands in for Direktiv's image, which is an HTTP server: sends the request that its input asks for.
const REQUEST: &str = r#"
    field() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" /lockgate/input.json; }
    wget -q -O - --header "Content-type: $(field Content-type)" --header "Authorization: $(field Authorization)" "$(field url)"
"#;

#[tokio::test]
async fn the_token_of_the_demo_workflow_reaches_the_server_and_nothing_else() {
    let Some((space, node)) = rendering_journey("direktiv-demo", json!({})).await else {
        return;
    };
    let cluster = &shared().unwrap().cluster;
    let (token, before) = (unique("token"), revision(cluster).await);
    let mut server = Listener::start(node);
    let input = json!({
        "secrets": [{"name": "secrettoken", "key": "secretToken", "as": "secretToken"}],
        "template": {
            "method": "GET",
            "url": format!("http://{}/todos/1", server.address()),
            "headers": {
                "Content-type": "application/json; charset=UTF-8",
                "Authorization": "bearer jq(.secrets.secretToken)",
            },
        },
        "mount_path": "/lockgate/input.json",
    });
    space.pipeline("getter", shell(node.preloaded_image(), REQUEST, json!({"input": input}))).await;
    let waits = space.phase("getter", Phase::Waiting).await;
    assert_eq!(states(&waits), ["secrettoken:NotFound"], "a Secret of an input gates as any other");
    receiving::secret(&space, "secrettoken", json!({"secretToken": token})).await;

    let made = Instant::now();
    while server.requests().is_empty() {
        assert!(made.elapsed() < PATIENCE, "nobody sent a request: {:#?}", space.pods().await);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    println!("the server had its request {:.1} s after the Secret was made", made.elapsed().as_secs_f64());
    let meanwhile = on_disk(cluster, &token).await;
    println!("meanwhile: {meanwhile:#?}");
    server.answer();
    let is_rendered = |file: &&std::path::PathBuf| file.to_string_lossy().contains("kubernetes.io~empty-dir");
    assert_eq!(meanwhile.iter().filter(is_rendered).count(), 1, "what was rendered, once");
    let on_a_disk: Vec<_> = meanwhile.iter().filter(|file| !disk::is_in_memory(file)).collect();
    assert!(on_a_disk.is_empty(), "{on_a_disk:#?}");

    assert_eq!(printed(&space, "getter").await, "ok\n");
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].line, "GET /todos/1 HTTP/1.1");
    let header = |name: &str| {
        let has_name = |line: &&String| line.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name));
        requests[0].headers.iter().find(has_name).map(|line| line.split_once(": ").unwrap().1.to_owned())
    };
    assert_eq!(header("Authorization"), Some(format!("bearer {token}")));
    assert_eq!(header("Content-type").as_deref(), Some("application/json; charset=UTF-8"));

    let pod = space.pod_of("getter").await;
    // The template is what everybody may read.
    let request: Value =
        serde_json::from_str(&pod.metadata.annotations.as_ref().unwrap()["lockgate.dev/render"]).unwrap();
    assert!(request.to_string().contains("bearer jq(.secrets.secretToken)"), "{request}");
    nothing_leaked(&space).await;
    remove(&space, "getter", &pod).await;
    goes_from_disk(cluster, &token).await;
    assert_eq!(in_objects(cluster, &token, before).await, [format!("/registry/secrets/{}/secrettoken", space.name)]);
}
