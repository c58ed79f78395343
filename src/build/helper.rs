//! The init container that renders a step's input and its folders of properties: our own image, as the user's account. What it is
//! asked stands in an annotation; values reach it as files and leave it as files in memory, so that no object has them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, Container, DownwardAPIVolumeFile, DownwardAPIVolumeSource, EmptyDirVolumeSource, EnvVar,
    EnvVarSource, FileKeySelector, KeyToPath, ObjectFieldSelector, ResourceRequirements, SecretVolumeSource,
    SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::some;
use crate::api::pipeline::ImagePullPolicy;
use crate::model::names::{MountPath, TOKEN_PATH};
use crate::model::render::{
    CONTAINER, ENV_PREFIX, Folder, Input, InputSecret, Into as Place, OUT_DIR, REQUEST_ANNOTATION, REQUEST_FILE,
    Request, SECRETS_DIR, Source,
};
use crate::model::run::PodIdentity;
use crate::model::work::{Files, InputPlace, SecretUse, Step, Usage};
use crate::model::world::World;

/// The volume of the request.
const REQUEST_VOLUME: &str = "lockgate-request";
/// The volume of what was rendered.
const OUT_VOLUME: &str = "lockgate-out";
/// The input as a file, in [`OUT_VOLUME`].
const INPUT_FILE: &str = "input";
/// The input as a variable, in [`OUT_VOLUME`].
const ENV_FILE: &str = "input.env";
/// What the variable is called there, whatever the container calls it.
const ENV_KEY: &str = "INPUT";

/// Whatever user the images run as, where no group is known that they share.
const READABLE: i32 = 0o444;
/// How much may be rendered of an input, and of each Secret of a folder, whose values escaping makes longer; in MiB.
const OUT_INPUT: usize = 2;
const OUT_SOURCE: usize = 8;
/// Rendering takes milliseconds of CPU, and at most 64 MiB beside what it writes.
const CPU: &str = "200m";
const MEMORY: &str = "128Mi";
/// What is asked of the node for it, so that a Pod that asks for little still does.
const CPU_REQUEST: &str = "10m";
const MEMORY_REQUEST: &str = "32Mi";

/// The init container, where the step needs one.
pub(super) fn container(world: &World, step: &Step) -> Option<Container> {
    step.needs_helper().then(|| {
        let helper = &world.defaults.helper;
        Container {
            name: CONTAINER.to_owned(),
            image: Some(helper.image.clone()),
            image_pull_policy: helper.pull_policy.map(|policy| ImagePullPolicy::as_str(policy).to_owned()),
            args: Some(vec!["render".to_owned()]),
            env: some(literals(step)),
            volume_mounts: Some(own_mounts(step)),
            resources: Some(resources(step)),
            termination_message_policy: Some("File".into()),
            // It needs nothing of what these take away, whatever `security` says of the step's own container.
            security_context: Some(SecurityContext {
                allow_privilege_escalation: Some(false),
                capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), add: None }),
                read_only_root_filesystem: Some(true),
                ..SecurityContext::default()
            }),
            ..Container::default()
        }
    })
}

/// What it is asked, as the annotation holds it.
pub(super) fn request(world: &World, step: &Step, id: &PodIdentity) -> Option<String> {
    let request = Request {
        pipeline: world.subject.name.clone(),
        namespace: world.subject.namespace.clone(),
        step: step.name.clone(),
        index: id.index,
        run: id.run,
        input: step.input.as_ref().map(|input| Input {
            secrets: input_secrets(step),
            template: input.template.clone(),
            into: match &input.into {
                InputPlace::File(_) => Place::File { path: INPUT_FILE.to_owned() },
                InputPlace::Env(_) => Place::Env { path: ENV_FILE.to_owned(), name: ENV_KEY.to_owned() },
            },
        }),
        folders: folders(step)
            .into_values()
            .enumerate()
            .map(|(number, sources)| Folder { path: folder(number), sources })
            .collect(),
    };
    step.needs_helper().then(|| serde_json::to_string(&request).unwrap_or_default())
}

/// The Pod's volumes for it, and what of them the step's own container mounts.
pub(super) fn volumes(step: &Step) -> (Vec<Volume>, Vec<VolumeMount>) {
    if !step.needs_helper() {
        return (Vec::new(), Vec::new());
    }
    let sources = step.helper_sources();
    let rendered = folders(step);
    let size = OUT_INPUT + OUT_SOURCE * rendered.values().map(Vec::len).sum::<usize>();
    let mut volumes = vec![
        request_volume(),
        Volume {
            name: OUT_VOLUME.to_owned(),
            empty_dir: Some(EmptyDirVolumeSource {
                medium: Some("Memory".to_owned()),
                size_limit: Some(Quantity(format!("{size}Mi"))),
            }),
            ..Volume::default()
        },
    ];
    volumes.extend(sources.iter().enumerate().map(|(number, usage)| source_volume(step, number, usage)));
    let input = match step.input.as_ref().map(|input| &input.into) {
        Some(InputPlace::File(path)) => Some((path, INPUT_FILE.to_owned())),
        Some(InputPlace::Env(_)) | None => None,
    };
    let folders = rendered.keys().enumerate().map(|(number, path)| (*path, folder(number)));
    let mounts = input.into_iter().chain(folders).map(|(path, sub_path)| VolumeMount {
        name: OUT_VOLUME.to_owned(),
        mount_path: path.to_string(),
        sub_path: Some(sub_path),
        read_only: Some(true),
        ..VolumeMount::default()
    });
    (volumes, mounts.collect())
}

/// The variable of the step's own container that holds the input.
pub(super) fn variable(step: &Step) -> Option<EnvVar> {
    let InputPlace::Env(var) = &step.input.as_ref()?.into else { return None };
    Some(EnvVar {
        name: var.to_string(),
        value_from: Some(EnvVarSource {
            file_key_ref: Some(FileKeySelector {
                volume_name: OUT_VOLUME.to_owned(),
                path: ENV_FILE.to_owned(),
                key: ENV_KEY.to_owned(),
                optional: None,
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    })
}

/// The volume that the helper reads a Secret from: of [`Step::helper_sources`], that of this number. No name begins another.
pub(crate) fn source_volume_name(number: usize) -> String {
    format!("lockgate-secret-{number:03}")
}

/// The step's literal variables, as they are written: the kubelet makes one `$` of two, and expands nothing then.
fn literals(step: &Step) -> Vec<EnvVar> {
    let literals = step.input.iter().flat_map(|_| &step.env);
    let variable = |(name, value): (&_, &String)| EnvVar {
        name: format!("{ENV_PREFIX}{name}"),
        value: Some(value.replace('$', "$$")),
        ..EnvVar::default()
    };
    literals.map(variable).collect()
}

fn own_mounts(step: &Step) -> Vec<VolumeMount> {
    let mount = |name: String, path: String, writes: bool| VolumeMount {
        name,
        mount_path: path,
        read_only: (!writes).then_some(true),
        ..VolumeMount::default()
    };
    let (request_dir, _) = REQUEST_FILE.rsplit_once('/').unwrap_or_default();
    let mut mounts = vec![
        mount(REQUEST_VOLUME.to_owned(), request_dir.to_owned(), false),
        mount(OUT_VOLUME.to_owned(), OUT_DIR.to_owned(), true),
    ];
    if step.service_account.is_some() {
        // Where something is mounted already, admission mounts no token (plugin/pkg/admission/serviceaccount).
        mounts.push(mount(REQUEST_VOLUME.to_owned(), TOKEN_PATH.to_owned(), false));
    }
    let sources = 0..step.helper_sources().len();
    mounts.extend(sources.map(|number| mount(source_volume_name(number), format!("{SECRETS_DIR}/{number}"), false)));
    mounts
}

/// As much for each as for a Pod whose containers are held to what they ask for: it stays one (`GetPodQOS` looks at init containers,
/// too).
fn resources(step: &Step) -> ResourceRequirements {
    let bounded = ["cpu", "memory"].iter().all(|name| step.limits.contains_key(*name));
    let amounts = |cpu: &str, memory: &str| {
        let amounts = [("cpu", cpu), ("memory", memory)];
        Some(amounts.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned()))).into())
    };
    ResourceRequirements {
        requests: if bounded { amounts(CPU, MEMORY) } else { amounts(CPU_REQUEST, MEMORY_REQUEST) },
        limits: amounts(CPU, MEMORY),
        ..ResourceRequirements::default()
    }
}

fn request_volume() -> Volume {
    let (_, file) = REQUEST_FILE.rsplit_once('/').unwrap_or_default();
    let file = DownwardAPIVolumeFile {
        path: file.to_owned(),
        field_ref: Some(ObjectFieldSelector {
            api_version: None,
            field_path: format!("metadata.annotations['{REQUEST_ANNOTATION}']"),
        }),
        ..DownwardAPIVolumeFile::default()
    };
    Volume {
        name: REQUEST_VOLUME.to_owned(),
        downward_api: Some(DownwardAPIVolumeSource { default_mode: Some(READABLE), items: Some(vec![file]) }),
        ..Volume::default()
    }
}

/// Only what is needed of the Secret.
fn source_volume(step: &Step, number: usize, usage: &SecretUse) -> Volume {
    // The helper and the container may be two users. The kubelet lets the Pod's group read, and of what is written it is the group, too
    // (`cli/render/out`); without one, what one of them has to read all may.
    let readable = if step.fs_group.is_some() { 0 } else { READABLE };
    let items = match &usage.usage {
        Usage::Input { key: Some(key), .. } => {
            Some(vec![KeyToPath { key: key.to_string(), path: key.to_string(), mode: None }])
        }
        Usage::Mount { files: Files::Items(items), .. } => Some(
            items
                .iter()
                .map(|item| KeyToPath {
                    key: item.key.to_string(),
                    path: item.path.clone(),
                    mode: item.mode.map(|mode| mode | readable),
                })
                .collect(),
        ),
        _ => None,
    };
    Volume {
        name: source_volume_name(number),
        secret: Some(SecretVolumeSource {
            secret_name: Some(usage.secret.to_string()),
            items,
            optional: usage.optional.then_some(true),
            default_mode: Some(READABLE),
        }),
        ..Volume::default()
    }
}

fn input_secrets(step: &Step) -> Vec<InputSecret> {
    let secret = |(number, usage): (usize, &SecretUse)| match &usage.usage {
        Usage::Input { called, key } => Some(InputSecret {
            name: called.clone(),
            dir: number.to_string(),
            key: key.as_ref().map(ToString::to_string),
        }),
        _ => None,
    };
    step.helper_sources().into_iter().enumerate().filter_map(secret).collect()
}

/// The folders that are rendered, by their paths in the step's own container.
fn folders(step: &Step) -> BTreeMap<&MountPath, Vec<Source>> {
    let mut folders: BTreeMap<&MountPath, Vec<Source>> = BTreeMap::new();
    for (number, usage) in step.helper_sources().into_iter().enumerate() {
        if let Usage::Mount { path, files, .. } = &usage.usage {
            folders.entry(path).or_default().push(Source {
                secret: usage.secret.to_string(),
                dir: number.to_string(),
                properties: *files == Files::Properties,
            });
        }
    }
    folders
}

/// A folder in [`OUT_VOLUME`].
fn folder(number: usize) -> String {
    format!("folder-{number}")
}
