//! Secrets of our name that are somebody else's are left alone; what somebody changes in a copy is mended.

use futures::future::join_all;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{COPY, PULL_TYPE, login, logins, password, stage, until_password, version};
use crate::support::Space;

/// So many races.
const RACES: usize = 16;

/// A Secret of our name, by somebody else.
async fn stranger(space: &Space, more: Value) -> kube::Result<Secret> {
    let mut object = json!({
        "metadata": {"name": COPY}, "type": PULL_TYPE,
        "stringData": {".dockerconfigjson": login("own.example", "theirs")},
    });
    for (field, value) in more.as_object().unwrap() {
        object[field] = value.clone();
    }
    space.api::<Secret>().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await
}

#[tokio::test]
async fn a_stranger_s_secret_is_left_alone_whatever_it_looks_like() {
    let stage = stage("strangers").await;
    stage.password(1).await;
    let registry = stage.registry(json!({})).await;
    let named = |metadata: Value| {
        let mut metadata = metadata;
        metadata["name"] = COPY.into();
        json!({"metadata": metadata})
    };
    let owner = json!([{"apiVersion": "lockgate.dev/v1alpha1", "kind": "ClusterRegistry", "name": registry.name_any(), "uid": registry.uid().unwrap()}]);
    let ours = json!({"app.kubernetes.io/managed-by": "lockgate-projector"});
    let variants = [
        ("plain", json!({})),
        ("immutable", json!({"immutable": true})),
        ("opaque", json!({"type": "Opaque"})),
        ("other-keys", json!({"type": "Opaque", "stringData": {"x": "y"}})),
        ("helm", named(json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}}))),
        ("one-mark", named(json!({"labels": ours}))),
        ("other-mark", named(json!({"labels": {"lockgate.dev/projected": "true"}}))),
        ("owned-by-ours", named(json!({"ownerReferences": owner}))),
        ("our-annotation", named(json!({"annotations": {"lockgate.dev/projected-from": "v1-x"}}))),
    ];
    let mut all = Vec::new();
    for (name, more) in variants {
        let space = stage.space(name, json!({})).await;
        let theirs = stranger(&space, more).await.unwrap();
        stage.need(&space).await;
        all.push((space, theirs));
    }
    // Without managedFields a server-side apply would meet no owner of the data.
    let space = stage.space("no-managers", json!({})).await;
    stranger(&space, json!({})).await.unwrap();
    let none = Patch::Merge(json!({"metadata": {"managedFields": [{}]}}));
    let theirs = space.api::<Secret>().patch(COPY, &PatchParams::default(), &none).await.unwrap();
    assert!(theirs.managed_fields().is_empty());
    stage.need(&space).await;
    all.push((space, theirs));

    let told = stage.says("False/NameConflict 0").await;
    assert!(told.contains("a Secret lockgate-registries that is not the projector's"), "{told}");
    // A change of everything that could tempt it.
    stage.password(2).await;
    let fine = stage.space("fine", json!({})).await;
    stage.need(&fine).await;
    until_password(&fine, 2).await;
    let told = stage.says("False/NameConflict 1").await;
    assert!(told.contains(&format!("and {} more have a Secret", all.len() - 3)), "{told}");
    for (space, theirs) in &all {
        let now = space.api::<Secret>().get(COPY).await.unwrap();
        assert_eq!(version(&now), version(theirs), "{}", space.name);
    }
    // The way is free.
    for (space, _) in &all {
        space.delete::<Secret>(COPY).await;
        until_password(space, 2).await;
    }
    stage.says(&format!("True/Copied {}", all.len() + 1)).await;
}

#[tokio::test]
async fn of_a_stranger_and_a_copy_that_come_at_once_the_first_stays() {
    let stage = stage("races").await;
    stage.password(1).await;
    stage.registry(json!({})).await;
    let spaces = join_all((0..RACES).map(|number| {
        let stage = &stage;
        async move { stage.space(&format!("n{number}"), json!({})).await }
    }))
    .await;
    let came = join_all(spaces.iter().enumerate().map(|(number, space)| {
        let stage = &stage;
        async move {
            // From far before to far after.
            let (theirs, ()) = tokio::join!(
                async {
                    tokio::time::sleep(std::time::Duration::from_millis(8 * number as u64)).await;
                    stranger(space, json!({})).await
                },
                stage.need(space),
            );
            theirs.ok()
        }
    }))
    .await;
    let strangers = came.iter().flatten().count();
    if strangers > 0 {
        stage.says(&format!("False/NameConflict {}", RACES - strangers)).await;
    } else {
        stage.says(&format!("True/Copied {RACES}")).await;
    }
    for (space, theirs) in spaces.iter().zip(&came) {
        match theirs {
            None => drop(until_password(space, 1).await),
            Some(theirs) => {
                let now = space.api::<Secret>().get(COPY).await.unwrap();
                assert_eq!(version(&now), version(theirs), "{}", space.name);
            }
        }
    }
    println!("{strangers} strangers of {RACES} came first, and stay as they were");
}

#[tokio::test]
async fn what_a_tenant_changes_in_a_copy_is_mended() {
    let stage = stage("edits").await;
    let space = stage.usual().await;
    let api = space.api::<Secret>();
    let merge = async |patch: Value| {
        api.patch(COPY, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    };
    let theirs = login("evil.example", "theirs");
    merge(json!({"stringData": {".dockerconfigjson": theirs}})).await;
    let mended = space.until(COPY, "mended", |copy: &Secret| logins(copy).contains_key(&stage.host())).await;
    merge(json!({"metadata": {"ownerReferences": null, "annotations": {"lockgate.dev/projected-from": "v1-theirs"}}}))
        .await;
    let owned = |copy: &Secret| copy.owner_references().len() == 1 && copy.annotations() == mended.annotations();
    space.until(COPY, "its owner and annotation are back", owned).await;
    // Another's application of the same is no reason to write for ever.
    let same = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": COPY}, "data": mended.data});
    let co_owned = api.patch(COPY, &PatchParams::apply("somebody"), &Patch::Apply(same)).await.unwrap();
    assert!(co_owned.managed_fields().len() > 1);
    stage.says("True/Copied 1").await;

    // Immutable: it can only be made anew.
    merge(json!({"immutable": true})).await;
    stage.password(2).await;
    let anew = until_password(&space, 2).await;
    assert_ne!(anew.uid(), mended.uid());
    stage.says("True/Copied 1").await;

    // Without its mark it is nobody's of ours.
    merge(json!({"metadata": {"labels": {"lockgate.dev/projected": null}}})).await;
    stage.says("False/NameConflict 0").await;
    stage.password(3).await;
    merge(json!({"metadata": {"labels": {"lockgate.dev/projected": "true"}}})).await;
    until_password(&space, 3).await;
    stage.says("True/Copied 1").await;

    // Gone: it comes back.
    api.delete(COPY, &DeleteParams::default()).await.unwrap();
    until_password(&space, 3).await;
    assert_eq!(logins(&until_password(&space, 3).await)[&stage.host()], format!("robot:{}", password(3)));
}
