//! Writes Secrets, each into each of its namespaces. All are tried, and each failure is told.

use k8s_openapi::api::core::v1::Secret as ApiSecret;
use kube::Api;
use kube::api::ListParams;
use kube::core::PartialObjectMeta;

use super::super::restarts::{self, Effect};
use super::super::row::TOKEN;
use super::print::{Line, Printer};
use crate::cli::connect::Connection;
use crate::cli::error::Error;
use crate::cli::output::{Format, printable};
use crate::cli::values::{self, Draft, Secret, SecretValue, Tree, Write};
use crate::model::secret::HELM_RELEASE_TYPE;

/// How often a Secret that others change at the same time is written anew.
pub(in crate::cli) const TRIES: usize = 5;

/// How they are to be created.
pub(in crate::cli) struct Order {
    /// What every request says.
    pub write: Write,
    /// Whether those that are there get the new values.
    pub replace: bool,
    /// How many Secrets a namespace may have.
    pub max_count: Option<u32>,
    /// How it is printed.
    pub format: Option<Format>,
}

/// Tries all.
pub(in crate::cli) async fn all(
    connection: &Connection,
    drafts: &[Draft],
    namespaces: &[String],
    order: &Order,
) -> Result<(), Error> {
    let mut printer = Printer::new(order.format);
    let mut failures = Failures::default();
    for draft in drafts {
        let own = [draft.namespace.clone().unwrap_or_else(|| connection.default_namespace.clone())];
        for namespace in if namespaces.is_empty() { &own } else { namespaces } {
            let result = one(connection, draft, namespace, order).await;
            let Some(Made { verb, object, effect }) =
                failures.sift(&format!("secret/{}", draft.name), namespace, result)
            else {
                continue;
            };
            let place = (namespaces.len() > 1).then_some(&**namespace);
            let note = order.write.suffix();
            let line = Line { name: &name_of(&object, draft), verb, place, note };
            printer.object(object, &line, order.write.dry_run)?;
            if let (Some(effect), None) = (effect, order.format) {
                restarts::tell(&connection.client, namespace, &draft.name, effect).await?;
            }
        }
    }
    failures.end()
}

/// What could not be done of several things, of which each is tried.
#[derive(Default)]
pub(in crate::cli) struct Failures {
    tried: usize,
    failed: Vec<(String, Error)>,
}

impl Failures {
    /// Keeps an error for the end.
    pub(in crate::cli) fn sift<T>(&mut self, object: &str, namespace: &str, result: Result<T, Error>) -> Option<T> {
        self.tried = self.tried.saturating_add(1);
        result.map_err(|error| self.failed.push((format!("{object} in {namespace}"), error))).ok()
    }

    /// The error of the command: its own if one thing was tried, else a line for each and their number.
    pub(in crate::cli) fn end(mut self) -> Result<(), Error> {
        let (failed, tried) = (self.failed.len(), self.tried);
        let Some(code) = self.failed.first().map(|(_, error)| error.exit_code()) else { return Ok(()) };
        if tried == 1 {
            return self.failed.pop().map_or(Ok(()), |(_, error)| Err(error));
        }
        for (name, error) in &self.failed {
            eprintln!("lockgate: {}: {error}", printable(name));
        }
        Err(Error::Several { failed, tried, code })
    }
}

/// The server may have made the name.
fn name_of(object: &Tree, draft: &Draft) -> String {
    let name = object.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Tree::as_text);
    name.unwrap_or(&draft.name).to_owned()
}

/// What became of one.
pub(in crate::cli) struct Made {
    /// As people are told.
    pub verb: &'static str,
    /// As the server has it now.
    pub object: Tree,
    /// What it is to the Pipelines that use it; `None`: nothing.
    pub effect: Option<Effect>,
}

/// Makes it or, where it is there and may be replaced, changes it.
pub(in crate::cli) async fn one(
    connection: &Connection,
    draft: &Draft,
    namespace: &str,
    order: &Order,
) -> Result<Made, Error> {
    let client = &connection.client;
    for _ in 0..TRIES {
        if let Some(most) = order.max_count {
            let is_there = order.replace && values::read(client, namespace, &draft.name).await?.is_some();
            if !is_there && count(connection, namespace, most).await? >= most {
                return Err(Error::Findings(format!(
                    "namespace {namespace} has as many Secrets as --max-count allows ({most}): delete one, or raise that limit"
                )));
            }
        }
        match values::create(client, namespace, &draft.object(Some(namespace)), &order.write).await {
            Err(Error::Client(kube::Error::Api(status))) if status.is_already_exists() => {}
            result => return Ok(Made { verb: "created", object: result?, effect: None }),
        }
        if !order.replace {
            return Err(Error::Conflict(format!(
                "Secret {} is there already in {namespace}: change single keys with lockgate secret set, or give it these values and no others with --replace",
                draft.name
            )));
        }
        let Some(there) = values::read(client, namespace, &draft.name).await? else { continue };
        let change = replacement(draft, &there, namespace)?;
        match values::patch(client, namespace, &draft.name, &change, &order.write).await {
            Err(Error::Client(kube::Error::Api(status))) if status.is_conflict() => {}
            result => return Ok(Made::over(&there, draft, result?, &order.write)),
        }
    }
    Err(changes_too_often(&draft.name, namespace))
}

impl Made {
    /// What was written over one that was there. Nothing happens where that was so already.
    fn over(there: &Secret, draft: &Draft, object: Tree, write: &Write) -> Self {
        if !write.dry_run && is_version_of(&object, there) {
            return Self { verb: "unchanged", object, effect: None };
        }
        let keeps = draft.data.iter().all(|(key, value)| there.data.get(key).is_some_and(|old| is_same(old, value)));
        let only_goes = keeps && draft.data.len() < there.data.len();
        Self { verb: "replaced", object, effect: Some(if only_goes { Effect::KeysGone } else { Effect::NewValues }) }
    }
}

/// Whether the server wrote nothing: a write that changes nothing moves no version.
pub(super) fn is_version_of(object: &Tree, there: &Secret) -> bool {
    let version = object.get("metadata").and_then(|metadata| metadata.get("resourceVersion")).and_then(Tree::as_text);
    version == Some(&*there.metadata.resource_version)
}

fn is_same(one: &SecretValue, other: &SecretValue) -> bool {
    one.expose() == other.expose()
}

/// Others write to it all the time.
pub(in crate::cli) fn changes_too_often(name: &str, namespace: &str) -> Error {
    Error::Conflict(format!(
        "Secret {name} in {namespace} was changed by somebody else {TRIES} times meanwhile: see who writes to it (kubectl get secret {name} -n {namespace} -o yaml --show-managed-fields), then try again"
    ))
}

/// The merge patch that gives one that is there these values and no others.
fn replacement(draft: &Draft, there: &Secret, namespace: &str) -> Result<Tree, Error> {
    let name = &draft.name;
    if draft.type_name() != there.type_ {
        return Err(Error::Conflict(format!(
            "Secret {name} in {namespace} is of type {}, and this one is of type {}: a type never changes; delete it first, or take another name",
            printable(&there.type_),
            printable(draft.type_name())
        )));
    }
    let is_other = |(key, value)| !there.data.get(key).is_some_and(|old| is_same(old, value));
    if there.immutable && (draft.data.len() != there.data.len() || draft.data.iter().any(is_other)) {
        return Err(is_immutable(name, namespace));
    }
    let mut data = draft.encoded();
    for key in there.data.keys().filter(|key| !draft.data.contains_key(*key)) {
        data.set(key, Tree::Null);
    }
    let mut metadata = Tree::Map(Vec::new());
    metadata.set("resourceVersion", Tree::text(&*there.metadata.resource_version));
    for field in ["labels", "annotations"] {
        if let Some(entries) = draft.metadata.get(field) {
            metadata.set(field, entries.clone());
        }
    }
    let mut change = Tree::Map(vec![("metadata".into(), metadata), ("data".into(), data)]);
    if let Some(is) = draft.immutable {
        change.set("immutable", Tree::Bool(is));
    }
    Ok(change)
}

/// Nobody changes it any more.
pub(in crate::cli) fn is_immutable(name: &str, namespace: &str) -> Error {
    Error::Conflict(format!(
        "Secret {name} in {namespace} is immutable: delete it and create it anew, or create one with another name, as --append-hash does"
    ))
}

/// How many Secrets of people the namespace has; no more than `most` are looked for, and none is read.
async fn count(connection: &Connection, namespace: &str, most: u32) -> Result<u32, Error> {
    let api: Api<PartialObjectMeta<ApiSecret>> = Api::namespaced(connection.client.clone(), namespace);
    let chosen =
        ListParams::default().fields(&format!("type!={HELM_RELEASE_TYPE},type!={TOKEN}")).limit(most.saturating_add(1));
    let list = api.list(&chosen).await?;
    Ok(u32::try_from(list.items.len()).unwrap_or(u32::MAX))
}
