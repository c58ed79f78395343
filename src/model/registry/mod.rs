//! Which login of which pull Secret the kubelet offers for an image, and what is wrong with a login: Kubernetes 1.36.3,
//! `pkg/credentialprovider`.
//!
//! A pull Secret holds entries: a key (a host, perhaps with port and path) and a login. [`Keyring`] has them all and is asked for
//! an image's repository. [`Fault`] is the closed set of what can be wrong with a file, an entry or its key; [`of_key`] finds those
//! that the key alone shows, [`of_user`] what a registry has to say of the user's name. No login is in here: who reads files puts whatever stands for one into the keyring.

mod address;
mod fault;
mod host;
mod key;
mod keyring;

pub use fault::{Fault, Gravity, of_user};
pub use host::Host;
pub use key::Key;
pub use keyring::Keyring;

use key::is_hub_alias;

/// What `index.docker.io/v1/`, which Docker writes for the Hub, comes to.
const HUB_KEY: &str = "index.docker.io";

/// What an entry's key alone shows: it matches nothing, or not what it seems to.
#[must_use]
pub fn of_key(text: &str) -> Vec<Fault> {
    let Some(key) = Key::parse(text) else {
        return vec![Fault::KeyUnreadable];
    };
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    if scheme.is_some_and(|scheme| !matches!(scheme, "http" | "https")) {
        return vec![Fault::KeyScheme];
    }
    let (host, path) = key.host_and_path();
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let is_of_image = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '/');
    let is_alias = is_hub_alias(name) && key.as_str() != HUB_KEY;
    let found = [
        (is_alias, Fault::HubAlias),
        (!is_alias && matches!(path, "/v1" | "/v2"), Fault::KeyVersion),
        (path.contains("//") || !path.chars().all(is_of_image), Fault::KeyPath),
        (name.chars().any(|c| c.is_ascii_uppercase()), Fault::KeyCase),
        (!is_alias && matches!(port, "443" | "80"), Fault::KeyPort),
    ];
    found.into_iter().filter_map(|(is_so, fault)| is_so.then_some(fault)).collect()
}

#[cfg(test)]
mod kubelet_tests;
#[cfg(test)]
mod tests;
