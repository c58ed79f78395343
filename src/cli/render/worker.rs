//! The work, under limits. Whatever happens here is told by lines ([`Line`]), or by how the process ends.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::RenderArgs;
use super::out::{MODE, Out};
use super::report::Line;
use super::volumes::Volumes;
use super::{folders, limits};
use crate::cli::error::Error;
use crate::model::render::{ENV_PREFIX, Input, Into, Request};
use crate::render::{self, Broken, Data, Site, env_file};
use crate::values::SecretText;

/// Why nothing, or not all, was written.
pub(super) enum Trouble {
    /// What is to be rendered cannot be, and would not be at another try.
    Refused(String),
    /// This process cannot do its work.
    Failed(String),
}

impl Trouble {
    /// For what a file or folder cannot be used.
    pub(super) fn file(verb: &str, path: &Path, error: &io::Error) -> Self {
        Self::Failed(format!("{} cannot be {verb}: {error}", path.display()))
    }
}

/// Whether it panicked since it asked for more memory than there can be.
static TOO_LARGE: AtomicBool = AtomicBool::new(false);

/// Does the work. What went wrong is told as a line; the process that waits says it to people.
pub(super) fn run(args: &RenderArgs) -> Result<(), Error> {
    let line = match limited(args) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(Trouble::Refused(why))) => Line::Refused(why),
        Ok(Err(Trouble::Failed(why))) => Line::Failed(why),
        Err(Broken::Thread(error)) => Line::Failed(format!("there is no thread to be had: {error}")),
        Err(Broken::Panicked) => Line::Panicked { too_large: TOO_LARGE.load(Ordering::Relaxed) },
    };
    line.tell();
    Err(Error::Helper("the worker could not do its work".to_owned()))
}

fn limited(args: &RenderArgs) -> Result<Result<(), Trouble>, Broken> {
    if let Err(error) = limits::set() {
        return Ok(Err(Trouble::Failed(format!("no limits can be set: {error}"))));
    }
    // What a panic has to say may have a value in it.
    std::panic::set_hook(Box::new(|panic| {
        TOO_LARGE.store(panic.payload_as_str() == Some("capacity overflow"), Ordering::Relaxed);
    }));
    render::large(|| work(args))
}

/// Renders all that the request asks for, and then writes it.
fn work(args: &RenderArgs) -> Result<(), Trouble> {
    let bytes = fs::read(&args.request).map_err(|error| Trouble::file("read", &args.request, &error))?;
    let request: Request = serde_json::from_slice(&bytes)
        .map_err(|error| Trouble::Failed(format!("{} is no request: {error}", args.request.display())))?;
    let secrets = Volumes::new(&args.secrets);
    let input = match &request.input {
        Some(input) => Some((&input.into, rendered(&request, input, &secrets)?)),
        None => None,
    };
    let out = Out::new(&args.out);
    for folder in &request.folders {
        folders::write(folder, &secrets, &out)?;
    }
    match input {
        Some((Into::File { path }, json)) => out.write(path, json.expose().as_bytes(), MODE),
        Some((Into::Env { path, name }, json)) => {
            let line = env_file::line(name, &json).map_err(|error| Trouble::Refused(error.to_string()))?;
            out.write(path, line.expose().as_bytes(), MODE)
        }
        None => Ok(()),
    }
}

/// The input, as JSON.
fn rendered(request: &Request, input: &Input, secrets: &Volumes<'_>) -> Result<SecretText, Trouble> {
    let mut named = Vec::new();
    for secret in &input.secrets {
        named.push((secret.name.clone(), secrets.named(secret)?));
    }
    let data = Data {
        pipeline: request.pipeline.clone(),
        namespace: request.namespace.clone(),
        step: request.step.clone(),
        index: request.index,
        run: request.run,
        env: literals()?,
        secrets: named,
    };
    let mut before = |site: Site| Line::At(site.to_string()).tell();
    render::render(&input.template, &data, &mut before).map_err(|refusal| Trouble::Refused(refusal.to_string()))
}

/// The step's literal variables.
fn literals() -> Result<Vec<(String, String)>, Trouble> {
    let mut found = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix(ENV_PREFIX)) else { continue };
        let value = value.into_string().map_err(|_| Trouble::Refused(format!("the variable {name} is no UTF-8")))?;
        found.push((name.to_owned(), value));
    }
    found.sort();
    Ok(found)
}
