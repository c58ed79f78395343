//! What a changed Secret does to the Pipelines that use it.

use std::io::{Write, stdout};

use kube::Client;

use crate::api::pipeline::OnSecretChange;
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::users::{self, Usage, User};

/// What was done to its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Effect {
    /// Some are new.
    NewValues,
    /// Keys went, and no value is new: no time of the Secret moves, and the operator sees no change.
    KeysGone,
}

/// Prints a line for each Pipeline that uses the Secret. Where that is not known, says so on stderr: the Secret is changed already.
pub(super) async fn tell(client: &Client, namespace: &str, secret: &str, effect: Effect) -> Result<(), Error> {
    let users = match users::list(client, Some(namespace)).await {
        Ok(users) => users,
        Err(error) => {
            eprintln!("Warning: which Pipelines restart is not known: {error}");
            return Ok(());
        }
    };
    if let Some(why) = users.why_unknown().or_else(|| users.why_namers_unknown()) {
        eprintln!("Warning: {why}");
    }
    let mut out = stdout().lock();
    for user in users.of(namespace, secret).unwrap_or_default() {
        writeln!(out, "pipeline/{} {}", printable(&user.pipeline), sentence(user, effect))?;
    }
    for namer in users.namers(namespace, secret) {
        let host = printable(&namer.host).into_owned();
        writeln!(out, "{} gives it to images of {host} from now on", printable(&namer.via()))?;
    }
    Ok(())
}

/// What becomes of it.
fn sentence(user: &User, effect: Effect) -> String {
    let policy = match user.on_secret_change {
        OnSecretChange::Restart => "Restart",
        OnSecretChange::RestartAll => "RestartAll",
        OnSecretChange::Ignore => "Ignore",
    };
    if effect == Effect::KeysGone {
        return "does not restart (a key that is taken away restarts nobody)".to_owned();
    }
    if user.restarts() {
        return format!("restarts (on_secret_change: {policy})");
    }
    let pulls_only = user.places.iter().all(|place| place.usage == Usage::ImagePull);
    let why = match user.on_secret_change {
        _ if pulls_only => "what it pulls from now on is pulled with this".to_owned(),
        OnSecretChange::Ignore => "on_secret_change: Ignore; its next run has the new value".to_owned(),
        _ => "its files change by themselves".to_owned(),
    };
    format!("does not restart ({why})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::pipeline::Mode;
    use crate::cli::users::Place;

    fn user(on_secret_change: OnSecretChange, usage: Usage) -> User {
        let place = Place { step: "main".into(), usage, optional: false, via: None };
        User { pipeline: "web".into(), mode: Mode::Service, on_secret_change, places: vec![place] }
    }

    #[test]
    fn each_use_and_policy_has_its_sentence() {
        let env = || Usage::Env { var: "PASSWORD".into(), key: "password".into() };
        let files = || Usage::Mount { path: "/etc/tls".into(), sub_path: None, is_rendered: false };
        let rendered = Usage::Mount { path: "/etc/app".into(), sub_path: None, is_rendered: true };
        for (policy, usage, says) in [
            (OnSecretChange::Restart, env(), "restarts (on_secret_change: Restart)"),
            (OnSecretChange::RestartAll, files(), "restarts (on_secret_change: RestartAll)"),
            (OnSecretChange::Restart, rendered, "restarts (on_secret_change: Restart)"),
            (OnSecretChange::Restart, files(), "does not restart (its files change by themselves)"),
            (
                OnSecretChange::Ignore,
                env(),
                "does not restart (on_secret_change: Ignore; its next run has the new value)",
            ),
            (
                OnSecretChange::RestartAll,
                Usage::ImagePull,
                "does not restart (what it pulls from now on is pulled with this)",
            ),
        ] {
            assert_eq!(sentence(&user(policy, usage), Effect::NewValues), says);
        }
        let says = "does not restart (a key that is taken away restarts nobody)";
        assert_eq!(sentence(&user(OnSecretChange::Restart, env()), Effect::KeysGone), says);
    }
}
