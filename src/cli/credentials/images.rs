//! The images of a Pipeline, and the pull secrets that their Pods list. Pure.

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use crate::api::reason::ReferenceUse;
use crate::api::status::ReferenceStatus;
use crate::model::render::CONTAINER;
use crate::model::work::Step;
use crate::model::world::{WorkState, World};

/// An image that a node has to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct ImageOf {
    /// Whose.
    pub step: String,
    /// As it is written.
    pub image: String,
    /// Whether it is the image that renders the step's input.
    pub is_helper: bool,
    /// The Pod's pull secrets, in its order.
    pub listed: Vec<Listed>,
}

/// A pull secret that a Pod lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Listed {
    /// Its name.
    pub name: String,
    /// `own` (the step names it), `spec` (the Pipeline does, for all its steps), or what status calls `via`.
    pub from: String,
}

/// Which of the two names a pull secret.
fn own_or_spec(spec: &Value, step: &str, secret: &str) -> &'static str {
    let is_step = |value: &&Value| value.get("name").and_then(Value::as_str) == Some(step);
    let steps = spec.get("steps").and_then(Value::as_array);
    let container = steps.and_then(|steps| steps.iter().find(is_step)).or_else(|| spec.get("transform"));
    let named = container.and_then(|container| container.get("image_pull_secrets")).and_then(Value::as_array);
    let is_own = named.is_some_and(|names| names.iter().any(|name| name.as_str() == Some(secret)));
    if is_own { "own" } else { "spec" }
}

/// The images of all steps, with what the operator would give their Pods now.
pub(in crate::cli) fn of_world(world: &World, spec: &Value) -> Vec<ImageOf> {
    let WorkState::Valid(work) = &world.work else { return Vec::new() };
    work.steps.iter().flat_map(|step| of_step(world, spec, step)).collect()
}

fn of_step(world: &World, spec: &Value, step: &Step) -> Vec<ImageOf> {
    let attached = world.attached_pull_secrets(step);
    let listed = |name: String| {
        let source = attached.iter().find(|attached| attached.name == name).map(|attached| attached.source.to_string());
        let from = source.unwrap_or_else(|| own_or_spec(spec, &step.name, &name).to_owned());
        Listed { name, from }
    };
    let listed: Vec<Listed> = world.pull_secrets(step).into_iter().map(listed).collect();
    let image = |image: &str, is_helper: bool| ImageOf {
        step: step.name.clone(),
        image: image.to_owned(),
        is_helper,
        listed: listed.clone(),
    };
    let helper = step.needs_helper().then(|| image(&world.defaults.helper.image, true));
    [image(&step.image, false)].into_iter().chain(helper).collect()
}

/// The images of a Pod that is there, with what it lists; where that comes from is what status says of the step.
pub(in crate::cli) fn of_pod(pod: &Pod, step: &str, spec: &Value, references: &[ReferenceStatus]) -> Vec<ImageOf> {
    let Some(pod) = &pod.spec else { return Vec::new() };
    let from = |name: &str| {
        let is_its =
            |row: &&ReferenceStatus| row.step == step && row.name == name && row.usage == ReferenceUse::ImagePull;
        let via = references.iter().find(is_its).and_then(|row| row.via.clone());
        via.unwrap_or_else(|| own_or_spec(spec, step, name).to_owned())
    };
    let secrets = pod.image_pull_secrets.iter().flatten();
    let listed: Vec<Listed> =
        secrets.map(|secret| Listed { name: secret.name.clone(), from: from(&secret.name) }).collect();
    let image = |image: &Option<String>, is_helper: bool| ImageOf {
        step: step.to_owned(),
        image: image.clone().unwrap_or_default(),
        is_helper,
        listed: listed.clone(),
    };
    let own = pod.containers.first().map(|container| image(&container.image, false));
    let helper = pod.init_containers.iter().flatten().find(|container| container.name == CONTAINER);
    own.into_iter().chain(helper.map(|container| image(&container.image, true))).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::model::names::SecretName;
    use crate::model::parse::parse;
    use crate::model::registry::Host;
    use crate::model::secret::AccountKnowledge;
    use crate::model::world::{RegistryFacts, RegistryKind, Subject};

    fn shown(images: &[ImageOf]) -> Vec<String> {
        let listed = |image: &ImageOf| {
            image.listed.iter().map(|Listed { name, from }| format!("{name}:{from}")).collect::<Vec<_>>().join(" ")
        };
        images
            .iter()
            .map(|image| format!("{} {} {} {}", image.step, image.image, image.is_helper, listed(image)))
            .collect()
    }

    #[test]
    fn the_order_is_the_operator_s_and_each_has_its_source() {
        let spec = json!({
            "image_pull_secrets": ["of-all"],
            "steps": [
                {"name": "a", "image": "a.example/x", "image_pull_secrets": ["of-a"]},
                {"name": "b", "image": "b.example/x", "input": {"template": {}, "mount_path": "/in.json"}},
            ],
        });
        let work = parse(&serde_json::from_value(spec.clone()).unwrap()).unwrap();
        let subject = Subject::new("team-a", "edges", "uid");
        let mut world = World::of(subject, WorkState::Valid(Box::new(work)), "v1:k/".into(), Timestamp::UNIX_EPOCH);
        let pull_secrets = vec!["of-account".to_owned()];
        world.accounts.insert("default".into(), AccountKnowledge::Present { pull_secrets });
        world.registries.push(RegistryFacts {
            kind: RegistryKind::Registry,
            name: "harbor".into(),
            host: Host::parse("a.example").unwrap(),
            secret: SecretName::parse("of-harbor").unwrap(),
        });
        let helper = &world.defaults.helper.image;
        assert_eq!(
            shown(&of_world(&world, &spec)),
            [
                "a a.example/x false of-a:own of-all:spec of-harbor:registry/harbor of-account:serviceaccount/default"
                    .to_owned(),
                "b b.example/x false of-all:spec of-account:serviceaccount/default".to_owned(),
                format!("b {helper} true of-all:spec of-account:serviceaccount/default"),
            ]
        );
    }

    #[test]
    fn of_a_pod_it_is_what_the_pod_lists() {
        let pod: Pod = serde_json::from_value(json!({"spec": {
            "imagePullSecrets": [{"name": "of-a"}, {"name": "of-harbor"}],
            "initContainers": [{"name": "lockgate-render", "image": "lockgate:1"}],
            "containers": [{"name": "a", "image": "a.example/x"}],
        }}))
        .unwrap();
        let spec = json!({"transform": {"image": "a.example/x", "image_pull_secrets": ["of-a"]}});
        let references: Vec<ReferenceStatus> = serde_json::from_value(json!([
            {"step": "main", "use": "ImagePull", "name": "of-harbor", "via": "registry/harbor", "state": "Resolved"},
        ]))
        .unwrap();
        assert_eq!(
            shown(&of_pod(&pod, "main", &spec, &references)),
            [
                "main a.example/x false of-a:own of-harbor:registry/harbor",
                "main lockgate:1 true of-a:own of-harbor:registry/harbor",
            ]
        );
    }
}
