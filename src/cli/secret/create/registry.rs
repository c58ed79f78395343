//! `docker-registry`: a docker config from user names and passwords (`k8s.io/kubectl/pkg/cmd/create/create_secret_docker.go`).

use std::collections::BTreeSet;

use super::args::CreateArgs;
use super::generic::add_file;
use super::refuse::MAX_SIZE;
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::values::{Draft, SecretValue, Tree, compact, read_stdin};

/// The key of a docker config.
pub(in crate::cli) const CONFIG_KEY: &str = ".dockerconfigjson";
/// The type of a Secret that has one.
pub(in crate::cli) const CONFIG_TYPE: &str = "kubernetes.io/dockerconfigjson";
/// Where no registry is named: Docker Hub, under the name that docker gives it.
const HUB: &str = "https://index.docker.io/v1/";

/// The Secret of these registries, or of the docker config that `--from-file` names.
pub(super) fn draft(args: &CreateArgs, name: &str) -> Result<Draft, Error> {
    let mut draft = Draft::new(name, CONFIG_TYPE);
    if args.from_file.is_empty() {
        let mut config = Tree::Map(Vec::new());
        add_to(&mut config, &entries(args)?);
        draft.data.insert(CONFIG_KEY.into(), compact(&config)?);
        return Ok(draft);
    }
    let has_entries =
        !(args.docker_server.is_empty() && args.docker_username.is_empty() && args.docker_password.is_empty())
            || args.docker_password_stdin;
    if has_entries {
        return Err(Error::Usage(
            "--from-file does not go with --docker-server, --docker-username and --docker-password: add registries to that Secret afterwards, with --add".into(),
        ));
    }
    for source in &args.from_file {
        let has_key = source.as_encoded_bytes().contains(&b'=');
        add_file(&mut draft, source, (!has_key).then_some(CONFIG_KEY))?;
    }
    Ok(draft)
}

/// One registry with what it takes to log in.
pub(super) struct Entry {
    server: String,
    login: Tree,
}

/// What the flags say: the first of each belong together, the second, and so on.
pub(super) fn entries(args: &CreateArgs) -> Result<Vec<Entry>, Error> {
    let wants = "docker-registry wants --docker-username and --docker-password (better: --docker-password-stdin), or a docker config by --from-file";
    let passwords = if args.docker_password_stdin { vec![password_of_stdin()?] } else { args.docker_password.clone() };
    let count = args.docker_username.len();
    let default = vec![HUB.to_owned()];
    let servers = if args.docker_server.is_empty() && count == 1 { &default } else { &args.docker_server };
    if count == 0 || passwords.is_empty() {
        return Err(Error::Usage(wants.into()));
    }
    let emails = args.docker_email.len();
    if servers.len() != count || passwords.len() != count || (emails != 0 && emails != count) {
        return Err(Error::Usage(format!(
            "{} times --docker-server, {count} times --docker-username, {} passwords and {emails} times --docker-email: give each once for every registry, or add registries one by one with --add",
            args.docker_server.len(),
            passwords.len()
        )));
    }
    let distinct: BTreeSet<&String> = servers.iter().collect();
    if distinct.len() != count {
        return Err(Error::Usage("--docker-server names a registry twice: give each once".into()));
    }
    let emails = args.docker_email.iter().map(Some).chain(std::iter::repeat(None));
    let rows = servers.iter().zip(&args.docker_username).zip(&passwords).zip(emails);
    rows.map(|(((server, user), password), email)| entry(server, user, password, email, args.auth_only)).collect()
}

/// A line break at the end is the terminal's, or `echo`'s.
fn password_of_stdin() -> Result<SecretValue, Error> {
    let read = read_stdin(MAX_SIZE)?;
    let bytes = read.expose();
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    Ok(SecretValue::new(bytes.strip_suffix(b"\r").unwrap_or(bytes).to_vec()))
}

fn entry(
    server: &str,
    user: &str,
    password: &SecretValue,
    email: Option<&String>,
    auth_only: bool,
) -> Result<Entry, Error> {
    let named = |flag: &str, why: &str| Error::Usage(format!("{flag} of {}: {why}", printable(server)));
    if server.is_empty() || user.is_empty() || password.expose().is_empty() {
        return Err(Error::Usage("--docker-server, --docker-username and --docker-password cannot be empty".into()));
    }
    if user.contains(':') {
        return Err(named(
            "--docker-username",
            "whoever reads `auth` takes what stands before the first ':' for the user name, so that it cannot have one",
        ));
    }
    let Some(text) = password.expose_text() else {
        return Err(named("--docker-password", "it is no UTF-8, and a docker config is JSON"));
    };
    if text.ends_with(['\n', '\r']) || user.ends_with(['\n', '\r']) {
        return Err(named(
            "--docker-password",
            "a line break at its end would be part of it: take it off, as printf does in place of echo",
        ));
    }
    let auth = auth_of(user, password);
    let mut login = Vec::new();
    if !auth_only {
        login.push(("username".to_owned(), Tree::text(user)));
        login.push(("password".to_owned(), Tree::Text(password.clone())));
        let email = email.filter(|email| !email.is_empty());
        login.extend(email.map(|email| ("email".to_owned(), Tree::text(&**email))));
    }
    login.push(("auth".to_owned(), auth));
    Ok(Entry { server: server.to_owned(), login: Tree::Map(login) })
}

/// What whoever pulls reads: base64 of `USER:PASSWORD`.
fn auth_of(user: &str, password: &SecretValue) -> Tree {
    Tree::Text(SecretValue::new([user.as_bytes(), b":", password.expose()].concat()).to_base64())
}

/// The Secret of one login, with `auth` only. The user has no colon, and both are there.
pub(in crate::cli) fn draft_of(name: &str, server: &str, user: &str, password: &SecretValue) -> Result<Draft, Error> {
    let login = Tree::Map(vec![("auth".to_owned(), auth_of(user, password))]);
    let mut config = Tree::Map(Vec::new());
    add_to(&mut config, &[Entry { server: server.to_owned(), login }]);
    let mut draft = Draft::new(name, CONFIG_TYPE);
    draft.data.insert(CONFIG_KEY.into(), compact(&config)?);
    Ok(draft)
}

/// Sets the entries of a docker config; says of each what became of it.
pub(super) fn add_to(config: &mut Tree, entries: &[Entry]) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(auths) = config.map_mut("auths") {
        for Entry { server, login } in entries {
            let verb = if auths.get(server).is_some() { "replaced" } else { "added" };
            said.push(format!("{} {verb}", printable(server)));
            auths.set(server, login.clone());
        }
    }
    said
}
