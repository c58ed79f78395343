//! Which login of which pull Secret the kubelet would offer for each image: the Secrets' contents, read with the user's own rights.

use std::collections::BTreeMap;

use http::StatusCode;
use kube::Client;
use serde_json::Value;

use super::fields;
use crate::cli::check::finding::{Finding, Severity};
use crate::cli::check::object::Object;
use crate::cli::check::rules::Rule;
use crate::cli::credentials::{ImageOf, Listed, images_of_world, source};
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::registry::faults_of;
use crate::cli::values::{self, Form, PullFile};
use crate::model::image::Image;
use crate::model::names::SecretName;
use crate::model::registry::{Fault, Gravity, Keyring, of_key};
use crate::model::secret::SecretKnowledge;
use crate::model::work::Work;
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
    let spec = pipeline.value.get("spec").unwrap_or(&Value::Null);
    for image in images_of_world(world, spec) {
        found.extend(of_image(pipeline, world, &image, &files));
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

/// Whether the kubelet goes on without it: nothing waits for what the Pipeline does not name.
fn is_passed_over(world: &World, listed: &Listed) -> bool {
    let known = SecretName::parse(&listed.name).ok().and_then(|name| world.secrets.get(&name));
    let is_named = matches!(listed.from.as_str(), "own" | "spec");
    !is_named && matches!(known, Some(SecretKnowledge::Absent))
}

fn of_image(pipeline: &Object<'_>, world: &World, image: &ImageOf, files: &Files) -> Vec<Finding> {
    let base = fields::step(pipeline.value, &image.step);
    let field = if image.is_helper { fields::rendered(pipeline.value, &base) } else { format!("{base}.image") };
    let say = |rule, severity, message: String| pipeline.finding(rule, severity, &field, message);
    let read: Vec<(&Listed, &PullFile)> =
        image.listed.iter().filter_map(|listed| Some((listed, files.get(&listed.name)?))).collect();
    let mut found: Vec<Finding> = Vec::new();
    for (secret, file) in read.iter().filter(|(_, file)| file.breaks()) {
        let message = format!("Secret {}: {}", secret.name, faults_of(file).join("; "));
        found.push(say(Rule::PullSecretMalformed, Severity::Error, message));
    }
    let Ok(parsed) = Image::parse(&image.image) else { return found };
    // One that is malformed leaves no login to any; one that is still to come, or was not read, might have any.
    let is_open = |listed: &&Listed| !files.contains_key(&listed.name) && !is_passed_over(world, listed);
    if !found.is_empty() || image.listed.iter().any(|listed| is_open(&listed)) {
        // Of the step's own image it was said.
        return if image.is_helper { Vec::new() } else { found };
    }
    let mut keyring = Keyring::default();
    for (secret, file) in &read {
        for entry in &file.entries {
            keyring.add(&entry.key, (*secret, entry));
        }
    }
    let offered = keyring.lookup(&parsed.repository());
    for (Listed { name, .. }, entry) in &offered {
        let of_key = of_key(&entry.key);
        for fault in entry.faults.iter().filter(|fault| !of_key.contains(fault)) {
            let severity = if fault.gravity() == Gravity::Doubtful { Severity::Note } else { Severity::Warning };
            let message = format!("entry {} of Secret {name} {}", printable(&entry.key), sentence(*fault));
            found.push(say(Rule::PullSecretEntry, severity, message));
        }
    }
    found.push(if !offered.is_empty() {
        let entries = offered.iter().map(|(Listed { name, from }, entry)| {
            format!("entry {} of Secret {name}, {}", printable(&entry.key), source(from))
        });
        let message = format!("{} is pulled with {}", parsed.repository(), entries.collect::<Vec<_>>().join(", then "));
        say(Rule::LoginOffered, Severity::Note, message)
    } else if read.is_empty() {
        let message = format!("{} is pulled as anonymous: no pull Secret is attached", parsed.repository());
        say(Rule::LoginOffered, Severity::Note, message)
    } else {
        say(Rule::NoLogin, Severity::Warning, without_login(&parsed, &read))
    });
    found
}

/// No entry is for the image: which there are, and what is wrong with their keys.
fn without_login(image: &Image, read: &[(&Listed, &PullFile)]) -> String {
    let keys: Vec<&str> = read.iter().flat_map(|(_, file)| &file.entries).map(|entry| entry.key.as_str()).collect();
    let more = keys.len().saturating_sub(MOST_LISTED);
    let mut listed: Vec<String> = keys.iter().take(MOST_LISTED).map(|key| printable(key).into_owned()).collect();
    if more > 0 {
        listed.push(format!("{more} more"));
    }
    let names: Vec<&str> = read.iter().map(|(secret, _)| secret.name.as_str()).collect();
    let (noun, has) = if names.len() == 1 { ("Secret", "has") } else { ("Secrets", "have") };
    let names = format!("{noun} {}", names.join(", "));
    let entries =
        if listed.is_empty() { "no entry at all".to_owned() } else { format!("entries for {}", listed.join(", ")) };
    let of_files =
        read.iter().flat_map(|(_, file)| &file.faults).map(|fault| format!("; the file {}", sentence(*fault)));
    let of_keys = keys.iter().take(MOST_LISTED).flat_map(|key| {
        let faults = of_key(key).into_iter();
        faults.map(move |fault| format!("; {} {}", printable(key), sentence(fault)))
    });
    let why: String = of_files.chain(of_keys).collect();
    let first = read.first().map_or("", |(secret, _)| secret.name.as_str());
    format!(
        "no login is for {}, which is pulled as nobody unless the node has a login of its own: {names} {has} {entries}{why}. Add one: lockgate secret create {first} --add --docker-server {} --docker-username USER --docker-password-stdin",
        image.repository(),
        image.server(),
    )
}

fn sentence(fault: Fault) -> String {
    format!("{}: {}", fault.message(), fault.fix())
}
