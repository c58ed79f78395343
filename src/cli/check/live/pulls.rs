//! Which login of which pull Secret the kubelet would offer for each image: the Secrets' contents, read with the user's own rights.

use std::collections::BTreeMap;

use http::StatusCode;
use kube::Client;

use super::fields;
use crate::cli::check::finding::{Finding, Severity};
use crate::cli::check::object::Object;
use crate::cli::check::rules::Rule;
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::registry::faults_of;
use crate::cli::values::{self, Form, PullFile};
use crate::model::image::Image;
use crate::model::names::SecretName;
use crate::model::registry::{Fault, Gravity, Keyring, of_key};
use crate::model::secret::SecretKnowledge;
use crate::model::work::{Step, Work};
use crate::model::world::World;

/// More entries than this are counted, not listed.
const MOST_LISTED: usize = 6;

/// The files of pull Secrets that are there and could be read, by the Secret's name.
type Files = BTreeMap<String, PullFile>;

/// What is to be said of the logins for the images of these steps.
pub(super) async fn findings(
    client: &Client,
    pipeline: &Object<'_>,
    world: &World,
    work: &Work,
) -> Result<Vec<Finding>, Error> {
    let mut files = Files::new();
    let mut found = Vec::new();
    for name in work.steps.iter().flat_map(|step| world.pull_secrets(step)) {
        let is_there = SecretName::parse(&name)
            .is_ok_and(|name| matches!(world.secrets.get(&name), Some(SecretKnowledge::Present(_))));
        if is_there && !files.contains_key(&name) {
            files.extend(file(client, &world.subject.namespace, &name).await?.map(|file| (name, file)));
        }
    }
    for step in &work.steps {
        found.extend(of_step(pipeline, world, step, &files));
    }
    Ok(found)
}

/// The file of a pull Secret; nothing where it is no such Secret, went away, or may not be read: all that is told elsewhere.
async fn file(client: &Client, namespace: &str, name: &str) -> Result<Option<PullFile>, Error> {
    let secret = match values::read(client, namespace, name).await {
        Err(error) if error.status_code() == Some(StatusCode::FORBIDDEN) => None,
        read => read?,
    };
    Ok(secret.and_then(|secret| {
        let form = Form::of_type(&secret.type_)?;
        // The kubelet passes over one that has nothing under its key.
        let value = secret.data.get(form.key()).filter(|value| !value.expose().is_empty())?;
        Some(PullFile::read(form, value.expose()))
    }))
}

fn of_step(pipeline: &Object<'_>, world: &World, step: &Step, files: &Files) -> Vec<Finding> {
    let base = fields::step(pipeline.value, &step.name);
    let image = format!("{base}.image");
    let say = |rule, severity, message: String| pipeline.finding(rule, severity, &image, message);
    let mut names = world.pull_secrets(step);
    let listed = names.len();
    names.retain(|name| files.contains_key(name));
    let read: Vec<(&str, &PullFile)> =
        names.iter().filter_map(|name| Some((name.as_str(), files.get(name)?))).collect();
    let mut found: Vec<Finding> = Vec::new();
    for (name, file) in read.iter().filter(|(_, file)| file.breaks()) {
        let message = format!("Secret {name}: {}", faults_of(file).join("; "));
        found.push(say(Rule::PullSecretMalformed, Severity::Error, message));
    }
    let Ok(parsed) = Image::parse(&step.image) else { return found };
    // One that is malformed leaves no login to any; one that was not read might have any.
    if !found.is_empty() || read.len() < listed {
        return found;
    }
    let mut keyring = Keyring::default();
    for (name, file) in &read {
        for entry in &file.entries {
            keyring.add(&entry.key, (*name, entry));
        }
    }
    let offered = keyring.lookup(&parsed.repository());
    for (name, entry) in &offered {
        let of_key = of_key(&entry.key);
        for fault in entry.faults.iter().filter(|fault| !of_key.contains(fault)) {
            let severity = if fault.gravity() == Gravity::Doubtful { Severity::Note } else { Severity::Warning };
            let message = format!("entry {} of Secret {name} {}", printable(&entry.key), sentence(*fault));
            found.push(say(Rule::PullSecretEntry, severity, message));
        }
    }
    found.push(if !offered.is_empty() {
        let entries = offered.iter().map(|(name, entry)| format!("entry {} of Secret {name}", printable(&entry.key)));
        let message = format!("{} is pulled with {}", parsed.repository(), entries.collect::<Vec<_>>().join(", then "));
        say(Rule::LoginOffered, Severity::Note, message)
    } else if read.is_empty() {
        let message = format!("{} is pulled without a login: no pull Secret is named", parsed.repository());
        say(Rule::LoginOffered, Severity::Note, message)
    } else {
        say(Rule::NoLogin, Severity::Warning, without_login(&parsed, &read))
    });
    found
}

/// No entry is for the image: which there are, and what is wrong with their keys.
fn without_login(image: &Image, read: &[(&str, &PullFile)]) -> String {
    let keys: Vec<&str> = read.iter().flat_map(|(_, file)| &file.entries).map(|entry| entry.key.as_str()).collect();
    let more = keys.len().saturating_sub(MOST_LISTED);
    let mut listed: Vec<String> = keys.iter().take(MOST_LISTED).map(|key| printable(key).into_owned()).collect();
    if more > 0 {
        listed.push(format!("{more} more"));
    }
    let (names, has) = match read {
        [(name, _)] => (format!("Secret {name}"), "has"),
        _ => (format!("Secrets {}", read.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")), "have"),
    };
    let entries =
        if listed.is_empty() { "no entry at all".to_owned() } else { format!("entries for {}", listed.join(", ")) };
    let of_files =
        read.iter().flat_map(|(_, file)| &file.faults).map(|fault| format!("; the file {}", sentence(*fault)));
    let of_keys = keys.iter().take(MOST_LISTED).flat_map(|key| {
        let faults = of_key(key).into_iter();
        faults.map(move |fault| format!("; {} {}", printable(key), sentence(fault)))
    });
    let why: String = of_files.chain(of_keys).collect();
    let first = read.first().map_or("", |(name, _)| *name);
    format!(
        "no login is for {}, which is pulled as nobody unless the node has a login of its own: {names} {has} {entries}{why}. Add one: lockgate secret create {first} --add --docker-server {} --docker-username USER --docker-password-stdin",
        image.repository(),
        image.server(),
    )
}

fn sentence(fault: Fault) -> String {
    format!("{}: {}", fault.message(), fault.fix())
}
