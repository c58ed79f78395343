//! Services, workers, and what they share with a workflow's jobs: the container.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::draft::Draft;
use super::super::finding::{Severity, child};
use super::super::names;
use super::super::source::Source;
use super::refer::{self, Given};
use super::stack::Stack;
use super::{Here, Meta, say_interpolated};

/// The folder for files that do not last, by DataOS' documentation.
const TEMP_DIR: &str = "/var/dataos/temp_data";

/// What has no counterpart in a container, and what to do instead.
pub const CONTAINER_LOST: [(&str, &str); 6] = [
    (
        "configs",
        "DataOS puts these files into /etc/dataos/config: make a ConfigMap of them and mount it, as in volumes: [{config_map: NAME, mount_path: /etc/dataos/config}]",
    ),
    (
        "runAsUser",
        "an identity of DataOS, not of the container: service_account_name says who the Pods are, user as which user they run",
    ),
    (
        "runAsApiKey",
        "a credential: put it into a Secret and name that, as in secrets: [{name: dataos, env_var: DATAOS_RUN_AS_APIKEY, key: apikey}]",
    ),
    ("topology", "lineage for a catalogue: nothing reads it here"),
    ("highAvailabilityConfig", "Pods are not spread by a field: nodes are chosen by scheduling_spec and tolerations"),
    ("persona", "an identity of DataOS: service_account_name says who the Pods are"),
];

/// What only a service or a worker has, and what to do instead.
pub const SERVING_LOST: [(&str, &str); 1] = [(
    "ingress",
    "Lockgate makes neither a Service nor an Ingress: make both; their selector is lockgate.dev/pipeline (docs/services.md)",
)];

/// Makes a Pipeline of mode Service of the service or worker at `section`.
pub fn import(source: &mut Source, section: &str, meta: &Meta, here: &Here<'_>) -> Option<Draft> {
    say_interpolated(source, section);
    let mut draft = named(source, meta, here);
    title(source, section, &mut draft);
    draft.set("/spec/mode", "Service");
    let at = |field: &str| child(section, field);
    if let Some(replicas) = source.integer(&at("replicas")) {
        draft.set("/spec/parallelism", replicas);
    }
    ports(source, section, &mut draft);
    for field in ["autoScaling", "autoscaling"] {
        scaling(source, &at(field), draft.name().to_owned().as_str());
    }
    if source.flag(&at("dryRun")) == Some(true) {
        draft.set("/spec/suspend", true);
        draft.comment("/spec/suspend", "dryRun: nothing starts until this is taken back.");
    }
    for (field, text) in SERVING_LOST {
        source.lost(&at(field), text);
    }
    container(source, section, &mut draft, "/spec/transform", "/spec", here, Given::default()).then_some(draft)
}

/// A Pipeline with what all resources have.
pub fn named(source: &mut Source, meta: &Meta, here: &Here<'_>) -> Draft {
    let name = here.name.clone().unwrap_or_else(|| names::pipeline(&meta.name));
    let mut draft = Draft::pipeline(&name);
    draft.called.clone_from(&meta.name);
    if meta.name.is_empty() {
        source.error(&child(&meta.base, "name"), "is missing: every resource has a name");
    } else if name != meta.name && here.name.is_none() {
        source.note(&child(&meta.base, "name"), names::renamed(&name, 52));
    }
    meta.write(source, &mut draft);
    draft
}

/// A title and the tags of the section, for people.
pub fn title(source: &mut Source, section: &str, draft: &mut Draft) {
    if let Some(title) = source.text(&child(section, "title")) {
        draft.comment("", title);
    }
    let tags = source.texts(&child(section, "tags"));
    if !tags.is_empty() {
        let at = child("/metadata/annotations", "dataos.info/tags");
        let all = [draft.text(&at), &tags.join(",")]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(",");
        draft.set(&at, all);
    }
}

fn ports(source: &mut Source, section: &str, draft: &mut Draft) {
    if let Some(port) = source.integer(&child(section, "servicePort")) {
        draft.push("/spec/ports", json!({"containerPort": port}));
    }
    for at in source.elements(&child(section, "servicePorts")) {
        let name = source.text(&child(&at, "name"));
        let target = source.integer(&child(&at, "targetPort"));
        let Some(port) = target.or(source.integer(&child(&at, "servicePort"))) else { continue };
        source.take(&child(&at, "servicePort"));
        match name {
            Some(name) if is_port_name(&name) => {
                draft.push("/spec/ports", json!({"name": name, "containerPort": port}))
            }
            Some(_) => {
                source.note(
                    &child(&at, "name"),
                    "the port has no name here: one has at most 15 lower case letters, digits and -",
                );
                draft.push("/spec/ports", json!({"containerPort": port}))
            }
            None => draft.push("/spec/ports", json!({"containerPort": port})),
        };
    }
    if draft.object.pointer("/spec/ports").is_some() {
        source.note(
            &child(section, "servicePort"),
            format!("no Service is made in front of the Pods: make one whose selector is lockgate.dev/pipeline: {} (docs/services.md)", draft.name()),
        );
    }
}

/// `IANA_SVC_NAME`, as Kubernetes checks it.
fn is_port_name(text: &str) -> bool {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=15).contains(&text.len())
        && text.chars().all(known)
        && text.contains(|c: char| c.is_ascii_lowercase())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}

fn scaling(source: &mut Source, at: &str, name: &str) {
    if source.peek(at).is_none() {
        return;
    }
    if source.flag(&child(at, "enabled")) == Some(false) {
        source.take(at);
        return;
    }
    let number = |field: &str, source: &mut Source| source.integer(&child(at, field));
    let (least, most) = (number("minReplicas", source), number("maxReplicas", source));
    let (cpu, memory) =
        (number("targetCPUUtilizationPercentage", source), number("targetMemoryUtilizationPercentage", source));
    source.take(at);
    let flags = [("min", least), ("max", most)];
    let mut line = format!("kubectl autoscale pipelines.lockgate.dev {name}");
    for (flag, number) in flags {
        line.push_str(&number.map(|number| format!(" --{flag}={number}")).unwrap_or_default());
    }
    for (flag, percent) in [("cpu", cpu), ("memory", memory)] {
        line.push_str(&percent.map(|percent| format!(" --{flag}={percent}%")).unwrap_or_default());
    }
    source.say(Severity::Lost, at, format!("a HorizontalPodAutoscaler scales a Pipeline, too: {line}"));
}

/// Maps the container of the section at `base` to `to`; resources and the like go to `upper`. `false`: it has no image, which was said.
#[allow(clippy::too_many_arguments)] // Where it comes from, where it goes, and what is known.
pub fn container(
    source: &mut Source,
    base: &str,
    draft: &mut Draft,
    to: &str,
    upper: &str,
    here: &Here<'_>,
    mut given: Given,
) -> bool {
    let stack_name = source.text(&child(base, "stack")).unwrap_or_default();
    let section = own_section(source, base, &stack_name);
    let stack = here.known.stack(&stack_name).cloned();
    let image = source.text(&child(&section, "image")).or_else(|| stack.as_ref().map(|stack| stack.image.clone()));
    let Some(image) = image else {
        let what = if stack_name.is_empty() {
            "no stack is named".to_owned()
        } else {
            format!("the image of stack {stack_name} is not in these files")
        };
        source.error(
            &child(base, "stack"),
            format!("{what}: give the file that defines it (type: stack) with -f, too, or write the image as stackSpec.image; until then this is left out"),
        );
        source.take(base);
        return false;
    };
    let stack = stack.unwrap_or_default();
    draft.set(&child(to, "image"), image);
    let or = |own: Vec<String>, brought: &[String]| if own.is_empty() { brought.to_vec() } else { own };
    let command = source.texts(&child(&section, "command"));
    let arguments = source.texts(&child(&section, "arguments"));
    draft.set(&child(to, "cmd"), or(command, &stack.command));
    draft.set(&child(to, "args"), or(arguments, &stack.arguments));
    pull_secrets(source, &[base, &section], &stack, draft, &child(to, "image_pull_secrets"));
    if stack != Stack::default() {
        source.lost(
            &section,
            "the settings of a stack are not rendered to its config file here: render them once and mount them from a ConfigMap, as in volumes: [{config_map: NAME, mount_path: /etc/dataos/config}]",
        );
    }
    refer::references(source, base, draft, &child(to, "secrets"), here, &mut given);
    variables(source, base, draft, to, stack.variables, &given);
    if given.has_files() {
        refer::say_folder(source, draft, to, here, &child(base, "envs"));
    }
    volumes(source, base, draft, to);
    for (field, ours) in [("requests", "resource_requests"), ("limits", "resource_limits")] {
        let amounts = source.text_map(&child(&child(base, "resources"), field));
        draft.set(&child(upper, ours), json!(amounts));
    }
    match source.text(&child(base, "compute")).as_deref() {
        None | Some("runnable-default") => {}
        Some(compute) => source.say(
            Severity::Lost,
            &child(base, "compute"),
            format!("a pool of nodes: say by which label {compute} is known in the cluster, as in scheduling_spec: {{node_selector: {{LABEL: VALUE}}}}"),
        ),
    }
    for (field, text) in CONTAINER_LOST {
        source.lost(&child(base, field), text);
    }
    true
}

/// The part that belongs to the stack: `stackSpec`, or in older manifests one of the stack's name.
fn own_section(source: &Source, base: &str, stack: &str) -> String {
    let name = stack.split([':', '+']).next().unwrap_or_default();
    let older = ["stackSpec", name, "container", "alpha"].into_iter().filter(|name| !name.is_empty());
    let found = older.map(|name| child(base, name)).find(|at| source.peek(at).is_some_and(Value::is_object));
    found.unwrap_or_else(|| child(base, "stackSpec"))
}

/// `imagePullSecret`, one name, or lists of names; the stack's own comes last.
fn pull_secrets(source: &mut Source, places: &[&str], stack: &Stack, draft: &mut Draft, to: &str) {
    let mut names: Vec<String> = Vec::new();
    for place in places {
        for field in ["imagePullSecret", "imagePullSecrets"] {
            let at = child(place, field);
            if source.peek(&at).is_some_and(Value::is_array) {
                names.extend(refer::names(source, &at));
            } else if source.peek(&at).is_some_and(Value::is_object) {
                names.extend(source.text(&child(&at, "name")));
            } else {
                names.extend(source.text(&at));
            }
        }
    }
    names.extend(stack.pull_secret.clone());
    let mut unique: Vec<String> = Vec::new();
    for name in names {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    draft.set(to, unique);
}

/// `envs`, the stack's own below them, and the log level as DataOS hands it over.
fn variables(
    source: &mut Source,
    base: &str,
    draft: &mut Draft,
    to: &str,
    brought: BTreeMap<String, String>,
    given: &Given,
) {
    let at = child(base, "envs");
    let own = source.text_map(&at);
    for name in own.keys().filter(|name| given.has_variable(name)) {
        source.say(Severity::Lost, &child(&at, name), "a Secret gives the variable of this name, which is kept");
    }
    let mut all = brought;
    if let Some(level) = source.text(&child(base, "logLevel")) {
        all.insert("LOG_LEVEL".to_owned(), level.clone());
        all.insert("DATAOS_LOG_LEVEL".to_owned(), level);
    }
    all.extend(own);
    all.retain(|name, _| !given.has_variable(name));
    draft.set(&child(to, "env"), json!(all));
}

fn volumes(source: &mut Source, base: &str, draft: &mut Draft, to: &str) {
    let mut places = source.elements(&child(base, "dataosVolumes"));
    places.push(child(base, "persistentVolume"));
    for at in places {
        let Some(claim) = source.text(&child(&at, "name")) else { continue };
        let folder = source.text(&child(&at, "directory")).unwrap_or_else(|| claim.clone());
        let mount_path = format!("/{}", folder.trim_matches('/'));
        let mut entry = json!({"claim": claim, "mount_path": mount_path});
        let optional = [
            ("sub_path", source.text(&child(&at, "subPath")).map(|path| json!(path.trim_matches('/')))),
            ("read_only", source.flag(&child(&at, "readOnly")).filter(|read_only| *read_only).map(Value::from)),
        ];
        for (field, value) in optional {
            if let (Some(value), Some(fields)) = (value, entry.as_object_mut()) {
                fields.insert(field.to_owned(), value);
            }
        }
        source.note(&at, format!("a PersistentVolumeClaim {claim} has to be in the Pipeline's namespace"));
        if mount_path != folder {
            source.note(&child(&at, "directory"), format!("is mounted at {mount_path}"));
        }
        draft.push(&child(to, "volumes"), entry);
    }
    if source.text(&child(base, "tempVolume")).is_some() {
        draft.push(&child(to, "volumes"), json!({"scratch": {}, "mount_path": TEMP_DIR}));
        draft.set(&child(&child(to, "env"), "DATAOS_TEMP_DIR"), TEMP_DIR);
        source
            .note(&child(base, "tempVolume"), format!("became an empty folder at {TEMP_DIR}, which goes with the Pod"));
    }
}
