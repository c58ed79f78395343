//! Objects into the cluster, by server-side apply.

use clap::Args;
use http::Request;
use http::header::CONTENT_TYPE;
use kube::api::{DynamicObject, Patch, PatchParams, ValidationDirective};
use kube::client::Body;
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::draft::Draft;
use super::secrets::Sealed;
use crate::cli::ask;
use crate::cli::connect::{ClusterArgs, NamespaceArg};
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::writes::{DryRun, DryRunArg, FIELD_MANAGER};

/// How objects are sent.
#[derive(Args, Debug)]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    dry: DryRunArg,

    /// Take fields over that others wrote, such as kubectl scale or Argo CD. Absent: a conflict is an error.
    #[arg(long)]
    force_conflicts: bool,

    #[command(flatten)]
    cluster: ClusterArgs,
}

/// What may be there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Whatever is.
    Apply,
    /// No Pipeline of these names.
    Create,
    /// Every Pipeline of these names.
    Update,
}

impl ApplyArgs {
    /// Refuses flags that say nothing while objects are printed.
    pub(super) fn is_given(&self) -> Result<(), Error> {
        if self.dry.run.is_on() || self.force_conflicts {
            return Err(Error::Usage(
                "--dry-run and --force-conflicts go with --apply; without it the objects are printed, and none is sent"
                    .into(),
            ));
        }
        Ok(())
    }
}

/// An object, where it goes, and what is there.
struct Prepared<'a> {
    draft: &'a Draft,
    api: Api<DynamicObject>,
    there: Option<DynamicObject>,
}

/// Applies every object, Namespaces first; says of each what became of it. Nothing is sent where the verb does not fit one of them.
pub(super) async fn apply(
    drafts: &[Draft],
    secrets: &[&Sealed],
    namespace: &NamespaceArg,
    args: &ApplyArgs,
    verb: Verb,
) -> Result<(), Error> {
    let (first, then): (Vec<_>, Vec<_>) = drafts.iter().partition(|draft| draft.text("/kind") == "Namespace");
    let drafts: Vec<&Draft> = first.into_iter().chain(then).collect();
    if args.dry.run == DryRun::Client {
        for sealed in secrets {
            say_secret(sealed, "checked (dry run)");
        }
        for draft in drafts {
            say(draft, "checked (dry run)");
        }
        return Ok(());
    }
    let connection = args.cluster.connect().await?;
    let namespace = connection.namespace(namespace);
    let mut prepared = Vec::with_capacity(drafts.len());
    for draft in drafts {
        prepared.push(prepare(&connection.client, draft, &namespace, verb).await?);
    }
    let how = args.dry.run.suffix();
    for sealed in secrets {
        seal(&connection.client, sealed, &namespace, args).await?;
        say_secret(sealed, &format!("serverside-applied{how}"));
    }
    for Prepared { draft, api, there } in prepared {
        let mut params = PatchParams::apply(FIELD_MANAGER);
        params.force = args.force_conflicts;
        params.dry_run = args.dry.run.is_on();
        params.field_validation = Some(ValidationDirective::Strict);
        let applied = api.patch(draft.name(), &params, &Patch::Apply(body(draft, there.as_ref()))).await;
        let applied = applied.map_err(|error| conflict(error, draft))?;
        let what = match there {
            None => "created",
            Some(there) if asked(&there) == asked(&applied) => "unchanged",
            Some(_) => "configured",
        };
        say(draft, &format!("{what}{how}"));
    }
    Ok(())
}

async fn prepare<'a>(client: &Client, draft: &'a Draft, namespace: &str, verb: Verb) -> Result<Prepared<'a>, Error> {
    let (group, version) = draft.text("/apiVersion").rsplit_once('/').unwrap_or(("", draft.text("/apiVersion")));
    let kind = GroupVersionKind::gvk(group, version, draft.text("/kind"));
    let (resource, capabilities) = pinned_kind(client, &kind).await.map_err(|error| {
        let is_unknown = matches!(&error, kube::Error::Discovery(_))
            || matches!(&error, kube::Error::Api(status) if status.code == 404);
        if is_unknown {
            return Error::Findings(format!(
                "the cluster does not serve {} of {}: install what defines it first; nothing was applied",
                printable(draft.text("/kind")),
                printable(draft.text("/apiVersion"))
            ));
        }
        error.into()
    })?;
    if draft.name().is_empty() {
        return Err(Error::Findings(format!(
            "a {} has no name, and cannot be applied: give it metadata.name; nothing was applied",
            printable(draft.text("/kind"))
        )));
    }
    let namespace = Some(draft.text("/metadata/namespace")).filter(|own| !own.is_empty()).unwrap_or(namespace);
    let api = match capabilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => Api::namespaced_with(client.clone(), namespace, &resource),
    };
    let there: Option<DynamicObject> = api.get_opt(draft.name()).await?;
    let name = printable(draft.name());
    match (verb, &there) {
        (Verb::Create, Some(_)) if draft.is_pipeline() => Err(Error::Conflict(format!(
            "there is a Pipeline {name} in namespace {namespace} already, and nothing was applied: lockgate update pipeline changes it"
        ))),
        (Verb::Update, None) if draft.is_pipeline() => Err(Error::NotFound(format!(
            "there is no Pipeline {name} in namespace {namespace}, and nothing was applied: lockgate create pipeline makes it"
        ))),
        _ => Ok(Prepared { draft, api, there }),
    }
}

/// What people ask of an object: a controller may have written its status meanwhile, and with it the resourceVersion.
fn asked(object: &DynamicObject) -> Value {
    let mut asked = object.data.clone();
    if let Some(fields) = asked.as_object_mut() {
        fields.remove("status");
    }
    json!([asked, object.metadata.labels, object.metadata.annotations])
}

/// What is sent. The uid of what was seen keeps an update from making anew what was deleted meanwhile.
fn body(draft: &Draft, there: Option<&DynamicObject>) -> Value {
    let mut body = draft.object.clone();
    let uid = there.and_then(ResourceExt::uid);
    if let (Some(uid), Some(metadata)) = (uid, body.get_mut("metadata").and_then(Value::as_object_mut)) {
        metadata.insert("uid".to_owned(), json!(uid));
    }
    body
}

fn conflict(error: kube::Error, draft: &Draft) -> Error {
    match error {
        kube::Error::Api(status) if status.code == 409 => Error::Conflict(format!(
            "{} {}: {}: --force-conflicts takes the fields over",
            draft.text("/kind"),
            printable(draft.name()),
            status.message
        )),
        other => other.into(),
    }
}

/// Applies a Secret.
async fn seal(client: &Client, sealed: &Sealed, namespace: &str, args: &ApplyArgs) -> Result<(), Error> {
    let namespace = Some(sealed.namespace.as_str()).filter(|own| !own.is_empty()).unwrap_or(namespace);
    let mut query = format!("fieldManager={FIELD_MANAGER}&fieldValidation=Strict&force={}", args.force_conflicts);
    if args.dry.run.is_on() {
        query.push_str("&dryRun=All");
    }
    let request = Request::patch(format!("/api/v1/namespaces/{namespace}/secrets/{}?{query}", sealed.name))
        .header(CONTENT_TYPE, "application/apply-patch+yaml")
        .body(Body::from(sealed.manifest().expose().to_vec()))
        .map_err(|_| Error::Usage(format!("{} is no name of a Secret", printable(&sealed.name))))?;
    match ask::answer(client, request).await {
        Err(Error::Client(kube::Error::Api(status))) if status.code == 409 => Err(Error::Conflict(format!(
            "Secret {}: {}: --force-conflicts takes the fields over",
            printable(&sealed.name),
            status.message
        ))),
        answer => answer.map(drop),
    }
}

fn say_secret(sealed: &Sealed, what: &str) {
    println!("{}", printable(&format!("secret/{} {what}", sealed.name)));
}

/// One line, as kubectl prints it.
fn say(draft: &Draft, what: &str) {
    let group = draft.text("/apiVersion").rsplit_once('/').map_or(String::new(), |(group, _)| format!(".{group}"));
    let kind = draft.text("/kind").to_lowercase();
    println!("{}", printable(&format!("{kind}{group}/{} {what}", draft.name())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_no_change_and_a_label_is_one() {
        let object = |change: &dyn Fn(&mut Value)| -> DynamicObject {
            let mut object = json!({
                "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline",
                "metadata": {"name": "edges", "resourceVersion": "1", "labels": {"team": "a"}},
                "spec": {"transform": {"image": "a:1"}},
            });
            change(&mut object);
            serde_json::from_value(object).unwrap()
        };
        let before = object(&|_| {});
        let written = object(&|object| {
            object["metadata"]["resourceVersion"] = json!("2");
            object["status"] = json!({"phase": "Waiting"});
        });
        assert!(asked(&before) == asked(&written));
        for (pointer, text) in [("/metadata/labels/team", "b"), ("/spec/transform/image", "a:2")] {
            let other = object(&|object| *object.pointer_mut(pointer).unwrap() = json!(text));
            assert!(asked(&before) != asked(&other), "{pointer}");
        }
    }
}
