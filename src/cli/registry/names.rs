//! What a Registry is called where nobody says it. Pure.

use sha2::{Digest, Sha256};

use crate::model::registry::Host;

/// The most that is taken of the host.
const LONGEST: usize = 40;

/// A name for the Registry of a host: the host as far as a name can hold it, and a hash of all of it, so that `a.b-c` and `a-b.c` stay
/// two.
pub(super) fn of(host: &Host) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let text: String = host.as_str().chars().map(plain).take(LONGEST).collect();
    let hash = Sha256::digest(host.as_str().as_bytes());
    let hash = hash.iter().take(4).fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
    match text.trim_matches('-') {
        "" => format!("registry-{hash:08x}"),
        text => format!("{text}-{hash:08x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::is_dns_subdomain;

    #[test]
    fn each_host_has_a_name_of_its_own() {
        let name = |text: &str| of(&Host::parse(text).expect(text));
        let long = format!("{}.example:5000", "a".repeat(300));
        let hosts =
            ["docker.io", "a.b-c.example", "a-b.c.example", "a.example:5000", "a.example.5000", "[::1]:5000", &long];
        let names: std::collections::BTreeSet<String> = hosts.iter().map(|host| name(host)).collect();
        assert_eq!(names.len(), hosts.len());
        assert!(names.iter().all(|name| name.len() <= 63 && is_dns_subdomain(name)), "{names:?}");
        assert!(name("docker.io").starts_with("docker-io-"));
        assert_eq!(name("https://index.docker.io/v1/"), name("docker.io"));
    }
}
