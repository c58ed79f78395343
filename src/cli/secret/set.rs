//! `lockgate secret set`: changes the keys that are named, and no others.

use clap::Args;
use kube::Client;

use super::create::generic::{KEY_RULE, halves, key_of};
use super::create::limits::{LimitArgs, Limits};
use super::create::print::{Line, Printer};
use super::create::refuse::{MAX_SIZE, refuse_change};
use super::create::send::{TRIES, changes_too_often, is_immutable};
use super::create::tls::{Pair, judge};
use super::restarts::{self, Effect};
use crate::cli::block_on;
use crate::cli::connect::{ClusterArgs, NamespaceArg};
use crate::cli::error::Error;
use crate::cli::output::{Format, printable};
use crate::cli::values::{self, Draft, Secret, SecretValue, Tree, Write, argument, read_file, read_stdin};
use crate::cli::writes::FIELD_MANAGER;
use crate::model::names::is_dns_subdomain;
use crate::model::secret::EXPIRES_ON_LABEL;

/// Flags of `lockgate secret set`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct SetArgs {
    /// The Secret. It has to be there.
    #[arg(value_parser = argument(), required = true)]
    name: SecretValue,

    /// `KEY=@FILE` sets a key to what is in the file (`@-`: standard input), `KEY=VALUE` to the value, which others on this machine can
    /// read in the list of processes; `KEY-` takes the key away. A value that begins with `@` is written with two.
    #[arg(value_name = "CHANGE", value_parser = argument())]
    changes: Vec<SecretValue>,

    /// The day on which the new values cease to be good, as in 2027-06-30: the label `lockgate.dev/expires-on`.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = super::create::day)]
    expires_on: Option<String>,

    /// Let the API server judge it, and change nothing.
    #[arg(long, value_name = "WHERE", value_parser = ["none", "server"], default_value = "none", require_equals = true)]
    dry_run: String,

    /// Who owns the fields that are written.
    #[arg(long, value_name = "NAME", default_value = FIELD_MANAGER)]
    field_manager: String,

    /// How it is printed; never with values.
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<Format>,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,
}

const EXAMPLES: &str = "\
Examples:
  # A new password, from a file
  lockgate secret set db password=@./password --expires-on=2027-06-30

  # From a program that prints it
  pwgen 32 1 | tr -d '\\n' | lockgate secret set db password=@-

  # One key more, one less
  lockgate secret set db host=db.example.com legacy-

It says which Pipelines restart because of it. `lockgate set secret …` is the same. An entry of a pull secret is changed by
lockgate secret create NAME --add.";

/// What is to become of one key.
struct Change {
    key: String,
    /// `None`: it goes.
    value: Option<SecretValue>,
}

/// Changes it, and says who restarts.
pub(in crate::cli) fn run(args: &SetArgs) -> Result<(), Error> {
    let format = args.output.map(|format| format.one_of(&[Format::Json, Format::Yaml, Format::Name])).transpose()?;
    // Not shown: whoever forgot the name has a value there.
    let name = args.name.expose_text().filter(|name| is_dns_subdomain(name)).ok_or_else(|| {
        Error::Usage("the first word is the NAME of the Secret: lower-case letters, digits, '-' and '.'; the changes come behind it".into())
    })?;
    let order = Order {
        name,
        changes: changes(&args.changes)?,
        expires_on: args.expires_on.as_deref(),
        limits: args.limits.limits(None)?,
        write: Write {
            field_manager: args.field_manager.clone(),
            validation: "Strict",
            dry_run: args.dry_run == "server",
        },
    };
    if order.changes.is_empty() && order.expires_on.is_none() {
        return Err(Error::Usage("say what is to change: KEY=@FILE, KEY=VALUE or KEY-".into()));
    }
    block_on(async {
        let connection = args.cluster.connect().await?;
        let namespace = connection.namespace(&args.namespace);
        let Done { object, said, effect } = order.make(&connection.client, &namespace).await?;
        let dry_run = order.write.suffix();
        let (verb, note) = match said.as_slice() {
            [] => ("unchanged", dry_run.to_owned()),
            said => ("updated", format!(": {}{dry_run}", said.join(", "))),
        };
        let line = Line { name, verb, place: None, note: &note };
        let object = match object {
            Some(object) => object,
            None if matches!(format, Some(Format::Json | Format::Yaml)) => {
                let write = Write { dry_run: true, ..order.write.clone() };
                values::patch(&connection.client, &namespace, name, &Tree::Map(Vec::new()), &write).await?
            }
            None => Tree::Null,
        };
        Printer::new(format).object(object, &line, false)?;
        if let (None, Some(effect)) = (format, effect) {
            restarts::tell(&connection.client, &namespace, name, effect).await?;
        }
        Ok(())
    })
}

/// Takes the words apart. Only keys are shown in an error.
fn changes(words: &[SecretValue]) -> Result<Vec<Change>, Error> {
    let mut changes: Vec<Change> = Vec::new();
    let mut reads_stdin = false;
    for (at, word) in words.iter().enumerate() {
        let (key, value) = match halves(word.expose()) {
            Some((key, value)) => (key, Some(value)),
            None => match word.expose().strip_suffix(b"-") {
                Some(key) => (key, None),
                None => {
                    return Err(Error::Usage(format!(
                        "change number {}: write it as KEY=@FILE, KEY=VALUE or KEY-",
                        at.saturating_add(1)
                    )));
                }
            },
        };
        let key = key_of(key).ok_or_else(|| {
            Error::Usage(format!(
                "change number {}: what stands before '=' cannot be a key: {KEY_RULE}",
                at.saturating_add(1)
            ))
        })?;
        if changes.iter().any(|change| change.key == key.as_str()) {
            return Err(Error::Usage(format!("the key {key} is changed twice: change it once")));
        }
        let value = match value {
            None => None,
            Some(b"@-") if reads_stdin => {
                return Err(Error::Usage(format!("{key}=@-: standard input can be read once: give one key @-")));
            }
            Some(b"@-") => {
                reads_stdin = true;
                Some(read_stdin(MAX_SIZE)?)
            }
            Some([b'@', b'@', rest @ ..]) => Some(SecretValue::new([b"@", rest].concat())),
            Some([b'@', path @ ..]) => {
                let path = std::str::from_utf8(path)
                    .map_err(|_| Error::Usage(format!("{key}=@FILE: the name of the file is no UTF-8")))?;
                Some(read_file(std::path::Path::new(path), MAX_SIZE)?)
            }
            Some(value) => Some(SecretValue::new(value.to_vec())),
        };
        changes.push(Change { key: key.as_str().to_owned(), value });
    }
    Ok(changes)
}

/// What is to be done.
struct Order<'a> {
    name: &'a str,
    changes: Vec<Change>,
    expires_on: Option<&'a str>,
    limits: Limits,
    write: Write,
}

/// What was done: the object as it is now, if it was written, and a word for each change.
struct Done {
    object: Option<Tree>,
    said: Vec<String>,
    /// What it is to Pipelines; `None`: nothing.
    effect: Option<Effect>,
}

/// What is to be written.
struct Planned {
    /// The merge patch, unless nothing would change.
    change: Option<Tree>,
    said: Vec<String>,
    effect: Option<Effect>,
}

impl Order<'_> {
    async fn make(&self, client: &Client, namespace: &str) -> Result<Done, Error> {
        let name = self.name;
        for _ in 0..TRIES {
            let there = values::read(client, namespace, name).await?.ok_or_else(|| {
                Error::NotFound(format!(
                    "there is no Secret {name} in {namespace}: lockgate secret list has those that are there, lockgate secret create makes one"
                ))
            })?;
            let Planned { change, said, effect } = self.plan(&there, namespace)?;
            let Some(change) = change else { return Ok(Done { object: None, said, effect }) };
            // A label that the manager of the values sets would look like new values (docs/rotation.md).
            let mut write = self.write.clone();
            if effect.is_none() {
                write.field_manager.push_str("-labels");
            }
            match values::patch(client, namespace, name, &change, &write).await {
                Err(Error::Client(kube::Error::Api(status))) if status.is_conflict() => {}
                result => return Ok(Done { object: Some(result?), said, effect }),
            }
        }
        Err(changes_too_often(name, namespace))
    }

    /// What to write over what is there.
    fn plan(&self, there: &Secret, namespace: &str) -> Result<Planned, Error> {
        let mut after = Draft::new(self.name, &there.type_);
        after.data.clone_from(&there.data);
        let (mut data, mut said, mut effect) = (Tree::Map(Vec::new()), Vec::new(), None);
        for Change { key, value } in &self.changes {
            let old = there.data.get(key);
            match (value, old) {
                (None, None) => return Err(self.no_such_key(key, there)),
                (None, Some(_)) => {
                    after.data.remove(key);
                    data.set(key, Tree::Null);
                    said.push(format!("{key} removed"));
                    effect = effect.or(Some(Effect::KeysGone));
                }
                (Some(value), Some(old)) if value.expose() == old.expose() => {}
                (Some(value), _) => {
                    after.data.insert(key.clone(), value.clone());
                    data.set(key, Tree::Text(value.to_base64()));
                    said.push(format!("{key} {}", if old.is_some() { "changed" } else { "added" }));
                    effect = Some(Effect::NewValues);
                }
            }
        }
        if effect.is_some() && there.immutable {
            return Err(is_immutable(self.name, namespace));
        }
        let mut metadata = Tree::Map(Vec::new());
        metadata.set("resourceVersion", Tree::text(&*there.metadata.resource_version));
        if let Some(day) = self.expires_on {
            metadata.set("labels", Tree::Map(vec![(EXPIRES_ON_LABEL.to_owned(), Tree::text(day))]));
            said.push(format!("expires on {day}"));
        }
        if said.is_empty() {
            return Ok(Planned { change: None, said, effect });
        }
        if effect.is_some() {
            refuse_change(&after, &self.limits)?;
            refuse_pair(&after)?;
        }
        let mut change = Tree::Map(vec![("metadata".into(), metadata)]);
        if effect.is_some() {
            change.set("data", data);
        }
        Ok(Planned { change: Some(change), said, effect })
    }

    fn no_such_key(&self, key: &str, there: &Secret) -> Error {
        let keys: Vec<&str> = there.data.keys().map(String::as_str).collect();
        let has = if keys.is_empty() { "it has none".to_owned() } else { format!("it has {}", keys.join(", ")) };
        Error::NotFound(format!("Secret {} has no key {key} to take away: {}", self.name, printable(&has)))
    }
}

/// A certificate without its key serves nobody.
fn refuse_pair(after: &Draft) -> Result<(), Error> {
    let pair = (after.data.get("tls.crt"), after.data.get("tls.key"));
    let (true, (Some(cert), Some(key))) = (after.type_ == "kubernetes.io/tls", pair) else { return Ok(()) };
    let why = match judge(cert, key) {
        Pair::Good | Pair::NotCompared => return Ok(()),
        Pair::BadCertificate(why) => format!("tls.crt: {why}"),
        Pair::BadKey(why) => format!("tls.key: {why}"),
        Pair::Apart => "tls.key does not belong to tls.crt: change both in one command".to_owned(),
    };
    Err(Error::Findings(why))
}
