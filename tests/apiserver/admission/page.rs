//! docs/policies.md shows each refusal as people will see it, and names every policy.

use super::breaches::refusals;
use super::{POLICIES, author, root, space};

/// The page on one line.
fn page() -> String {
    let text = std::fs::read_to_string(root().join("docs/policies.md")).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What was said in this namespace stands on the page.
pub(super) fn shown(said: &str, namespace: &str) {
    let said = said.replace(namespace, "team-a");
    assert!(said.contains("denied request: "), "{said}");
    // The page shows this one as a warning.
    let said = match said.split_once("denied request: ") {
        Some((_, words)) if said.contains("'lockgate-no-literal-credentials-deny'") => {
            format!("'lockgate-no-literal-credentials-warn': {words}")
        }
        _ => said,
    };
    assert!(page().contains(&said), "docs/policies.md does not show this: {said}");
}

#[tokio::test]
async fn the_page_shows_every_refusal_as_it_is() {
    for policy in POLICIES {
        assert!(page().contains(&format!("## {policy} ")), "docs/policies.md has no heading for {policy}");
        let listed = std::fs::read_to_string(root().join("deploy/policies/kustomization.yaml")).unwrap();
        assert!(listed.lines().any(|line| line == format!("- {policy}")), "the kustomization leaves out {policy}");
    }
    let space = space("policies-page", &POLICIES, "deny").await;
    let author = author(&space, "reader-of-nothing", &[]).await;
    for said in refusals(&space, &author, "lockgate", &POLICIES).await {
        shown(&said, "policies-page");
    }
}
