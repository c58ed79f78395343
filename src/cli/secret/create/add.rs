//! `--add`: sets registries in a docker-registry Secret that is there, and changes nothing else of it.

use kube::Client;

use super::super::restarts::{self, Effect};
use super::args::CreateArgs;
use super::limits::Limits;
use super::print::{Line, Printer};
use super::refuse::refuse_change;
use super::registry::{CONFIG_KEY, CONFIG_TYPE, Entry, add_to, entries};
use super::send::{Failures, TRIES, changes_too_often, is_immutable, is_version_of};
use super::words;
use crate::cli::block_on;
use crate::cli::error::Error;
use crate::cli::output::{Format, printable};
use crate::cli::values::{self, Draft, Secret, Tree, Write, compact};
use crate::cli::writes::DryRun;

/// What is to be added.
struct Addition {
    entries: Vec<Entry>,
    /// Has the labels.
    draft: Draft,
    limits: Limits,
    write: Write,
}

/// Adds them in each namespace.
pub(super) fn run(args: &CreateArgs, format: Option<Format>) -> Result<(), Error> {
    let (_, name) = words::kind_and_name(args)?;
    if args.common.dry.run == DryRun::Client {
        return Err(Error::Usage("--add changes what is in the cluster: give --dry-run=server".into()));
    }
    if !args.from_file.is_empty() {
        return Err(Error::Usage(
            "--add takes registries from --docker-server, --docker-username and a password, not from --from-file"
                .into(),
        ));
    }
    let mut draft = Draft::new(&name, CONFIG_TYPE);
    super::finish(&mut draft, args)?;
    let addition = Addition { entries: entries(args)?, draft, limits: args.limits.limits(None)?, write: args.write() };
    block_on(async {
        let connection = args.cluster.connect().await?;
        let own = [connection.default_namespace.clone()];
        let namespaces = if args.namespace.is_empty() { &own } else { args.namespace.as_slice() };
        let (mut printer, mut failures) = (Printer::new(format), Failures::default());
        for namespace in namespaces {
            let result = addition.make(&connection.client, namespace).await;
            let Some((object, said)) = failures.sift(&format!("secret/{name}"), namespace, result) else { continue };
            let place = (namespaces.len() > 1).then_some(&**namespace);
            let dry_run = addition.write.suffix();
            let (verb, note) = match said.as_slice() {
                [] => ("unchanged", dry_run.to_owned()),
                said => ("updated", format!(": {}{dry_run}", said.join(", "))),
            };
            printer.object(object, &Line { name: &name, verb, place, note: &note }, addition.write.dry_run)?;
            if format.is_none() && !said.is_empty() {
                restarts::tell(&connection.client, namespace, &name, Effect::NewValues).await?;
            }
        }
        failures.end()
    })
}

impl Addition {
    /// The Secret as it is then, and what was said of each registry; nothing, where nothing changed.
    async fn make(&self, client: &Client, namespace: &str) -> Result<(Tree, Vec<String>), Error> {
        let name = &self.draft.name;
        for _ in 0..TRIES {
            let there = values::read(client, namespace, name).await?.ok_or_else(|| {
                Error::NotFound(format!(
                    "there is no Secret {name} in {namespace} to add to: leave --add away, and it is created"
                ))
            })?;
            let (change, said) = self.change(&there, namespace)?;
            match values::patch(client, namespace, name, &change, &self.write).await {
                Err(Error::Client(kube::Error::Api(status))) if status.is_conflict() => {}
                result => {
                    let object = result?;
                    let is_unchanged = !self.write.dry_run && is_version_of(&object, &there);
                    return Ok((object, if is_unchanged { Vec::new() } else { said }));
                }
            }
        }
        Err(changes_too_often(name, namespace))
    }

    /// The merge patch.
    fn change(&self, there: &Secret, namespace: &str) -> Result<(Tree, Vec<String>), Error> {
        let name = &self.draft.name;
        if there.type_ != CONFIG_TYPE {
            return Err(Error::Conflict(format!(
                "Secret {name} in {namespace} is of type {}, and --add wants one of type {CONFIG_TYPE}: take another name",
                printable(&there.type_)
            )));
        }
        if there.immutable {
            return Err(is_immutable(name, namespace));
        }
        let unreadable = || {
            Error::Findings(format!(
                "{CONFIG_KEY} of Secret {name} in {namespace} is no docker config: make it anew, without --add and with --replace"
            ))
        };
        let config = there.data.get(CONFIG_KEY).ok_or_else(unreadable)?;
        let mut config: Tree = serde_json::from_slice(config.expose()).map_err(|_| unreadable())?;
        if !matches!(config, Tree::Map(_)) || !matches!(config.get("auths"), None | Some(Tree::Map(_) | Tree::Null)) {
            return Err(unreadable());
        }
        let said = add_to(&mut config, &self.entries);
        let mut after = Draft::new(name, CONFIG_TYPE);
        after.data = there.data.clone();
        after.data.insert(CONFIG_KEY.into(), compact(&config)?);
        refuse_change(&after, &self.limits)?;
        let mut metadata = Tree::Map(Vec::new());
        metadata.set("resourceVersion", Tree::text(&*there.metadata.resource_version));
        if let Some(labels) = self.draft.metadata.get("labels") {
            metadata.set("labels", labels.clone());
        }
        let mut data = Tree::Map(Vec::new());
        if let Some(config) = after.data.get(CONFIG_KEY) {
            data.set(CONFIG_KEY, Tree::Text(config.to_base64()));
        }
        let mut change = Tree::Map(vec![("metadata".into(), metadata), ("data".into(), data)]);
        if let Some(is) = self.draft.immutable {
            change.set("immutable", Tree::Bool(is));
        }
        Ok((change, said))
    }
}
