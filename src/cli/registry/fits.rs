//! Which entries of a pull Secret are for the host of a Registry. Pure.

use crate::model::registry::{Host, Keyring};
use crate::model::world::RegistryKind;

/// How much of a host an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// Every image.
    All,
    /// Images of a path only.
    Part,
    /// None.
    None,
}

/// What the entry with this key is for, of the images of a Registry. A `ClusterRegistry` takes an entry only where its host is the
/// same, letter by letter: one with a `*` would give the login to others.
pub(super) fn fit(kind: RegistryKind, key: &str, host: &Host) -> Fit {
    let own = Host::of_key(key).as_ref() == Some(host);
    if kind == RegistryKind::ClusterRegistry && !own {
        return Fit::None;
    }
    let mut keyring = Keyring::default();
    keyring.add(key, ());
    // No path that people have begins with these.
    let any = !keyring.lookup(&format!("{host}/0-any/0-image")).is_empty();
    match (any, own) {
        (true, _) => Fit::All,
        (false, true) => Fit::Part,
        (false, false) => Fit::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_fits_as_the_kubelet_compares_it() {
        for (key, host, fits) in [
            ("https://index.docker.io/v1/", "docker.io", Fit::All),
            ("docker.io", "docker.io", Fit::All),
            ("a.example", "a.example", Fit::All),
            ("https://a.example/v2/", "a.example", Fit::All),
            ("a.example/team", "a.example", Fit::Part),
            ("*.example", "a.example", Fit::All),
            ("a.example:5000", "a.example", Fit::None),
            ("b.example", "a.example", Fit::None),
            ("https://index.docker.io/v1/", "a.example", Fit::None),
            ("", "a.example", Fit::None),
        ] {
            let host = Host::parse(host).unwrap();
            assert_eq!(fit(RegistryKind::Registry, key, &host), fits, "{key} {host}");
        }
        let host = Host::parse("a.example").unwrap();
        assert_eq!(fit(RegistryKind::ClusterRegistry, "*.example", &host), Fit::None);
        assert_eq!(fit(RegistryKind::ClusterRegistry, "a.example/team", &host), Fit::Part);
    }
}
