//! A registry's address as people type it, `https://index.docker.io` or `Harbor.example.com/`, and the host that images have. Pure.

use crate::cli::output::printable;
use crate::model::registry::{Fault, Host, of_key};

/// More than this the API server refuses.
const LONGEST: usize = 320;

/// What an address comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// The host that images name.
    pub host: Host,
    /// What is worth knowing about it, a sentence each.
    pub notes: Vec<String>,
}

/// Reads the value of `--url`. An error shows nothing that may be a login.
pub(super) fn read(text: &str) -> Result<Read, String> {
    let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
    if rest.contains('@') {
        return Err("a registry's address has no user, password or digest in it: leave away what stands before or after '@', and give the login by --data".into());
    }
    let shown = printable(text);
    let scheme = scheme.map(str::to_ascii_lowercase);
    if !matches!(scheme.as_deref(), None | Some("https" | "http")) {
        return Err(format!("{shown}: write https://HOST or HOST alone"));
    }
    let (typed, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // What Docker writes behind the Hub's host, and others took over from there.
    if !matches!(path, "" | "/" | "/v1" | "/v1/" | "/v2" | "/v2/") {
        return Err(format!(
            "{shown}: a Registry is for a whole host: leave {} away. (A login for a part of a host is a pull Secret that Pipelines name: lockgate secret create docker-registry NAME --docker-server HOST/PATH …)",
            printable(path)
        ));
    }
    let lower = typed.to_ascii_lowercase();
    if of_key(&lower).contains(&Fault::HubAlias) && Host::parse(&lower).is_ok_and(|host| host.as_str() == lower) {
        return Err(format!("{shown}: images of Docker Hub are on docker.io: write https://index.docker.io"));
    }
    let host = host(&lower).map_err(|why| format!("{shown}: {why}"))?;
    // An image's name may have any digits there, and nobody would ever pull it.
    if let Some(port) = host.as_str().rsplit_once(':').map(|(_, port)| port)
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().ok().is_none_or(|port| port == 0)
    {
        return Err(format!("{shown}: {port} is no port: those are 1 to 65535"));
    }
    Ok(Read { notes: notes(scheme.as_deref(), typed, &lower, &host), host })
}

fn host(lower: &str) -> Result<Host, String> {
    if !lower.is_ascii() {
        return Err("a host in other letters is written as images have it, in ASCII: xn--…".into());
    }
    if lower.len() > LONGEST {
        return Err(format!("a host has at most {LONGEST} characters"));
    }
    let is_bare = !lower.is_empty() && lower != "localhost" && !lower.contains(['.', ':']);
    Host::parse(lower).map_err(|why| {
        if is_bare && Host::parse(&format!("{lower}:5000")).is_ok() {
            format!("{lower}/app is an image of Docker Hub to the kubelet: a registry's host has a dot or a port, as in {lower}:5000")
        } else {
            why
        }
    })
}

fn notes(scheme: Option<&str>, typed: &str, lower: &str, host: &Host) -> Vec<String> {
    let mut notes = Vec::new();
    if typed != lower {
        notes.push(format!("{} is taken as {lower}: name it so in images, too", printable(typed)));
    }
    if scheme == Some("http") {
        notes.push(format!(
            "whether {host} is spoken to without TLS is the nodes' to know: set their container runtime up for it"
        ));
    }
    if let Some((name, port @ ("443" | "80"))) = host.as_str().rsplit_once(':') {
        notes.push(format!(
            "this is for images of {host}/…, and not for those of {name}/…: leave :{port} away where images do"
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_of(text: &str) -> Result<String, String> {
        read(text).map(|read| read.host.to_string())
    }

    #[test]
    fn an_address_is_the_host_that_images_have() {
        for (text, host) in [
            ("https://index.docker.io", "docker.io"),
            ("https://index.docker.io/v1/", "docker.io"),
            ("index.docker.io/v1", "docker.io"),
            ("docker.io", "docker.io"),
            ("https://registry-1.docker.io/", "docker.io"),
            ("https://harbor.example.com", "harbor.example.com"),
            ("HTTPS://Harbor.Example.com/", "harbor.example.com"),
            ("harbor.example.com:5000/v2/", "harbor.example.com:5000"),
            ("http://localhost:5000", "localhost:5000"),
            ("localhost", "localhost"),
            ("registry:5000", "registry:5000"),
            ("https://[::1]:5000", "[::1]:5000"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(host_of(text).as_deref(), Ok(host), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused_with_the_mend() {
        for (text, says) in [
            ("", "must be the host as it stands in images"),
            ("https://", "must be the host as it stands in images"),
            ("registry", "as in registry:5000"),
            ("oci://a.example", "write https://HOST"),
            ("https://a.example/team", "leave /team away"),
            ("a.example/team/app:1", "leave /team/app:1 away"),
            ("a.example?x=y", "leave ?x=y away"),
            ("a.example#x", "leave #x away"),
            ("a.example/v1/team", "leave /v1/team away"),
            ("a.example@sha256:00", "has no user, password or digest"),
            ("bücher.example", "xn--"),
            ("*.example", "must be the host"),
            ("a b.example", "must be the host"),
            ("a.example:port", "must be the host"),
            ("a.example:99999", "99999 is no port"),
            ("https://[::1]:0", "0 is no port"),
            ("a.example.", "must be the host"),
            ("hub.docker.com", "write https://index.docker.io"),
            ("https://registry.hub.docker.com", "write https://index.docker.io"),
            ("a.example\u{1b}[2J", "a.example\\u{1b}[2J: must be"),
        ] {
            let said = host_of(text).expect_err(text);
            assert!(said.contains(says), "{text}: {said}");
        }
    }

    #[test]
    fn a_login_in_an_address_is_not_shown() {
        for text in
            ["https://user:canary-7c1f@a.example", "user:canary-7c1f@a.example/v2/", "ftp://canary-7c1f@a.example"]
        {
            assert!(!host_of(text).expect_err(text).contains("canary"));
        }
    }

    #[test]
    fn what_was_taken_otherwise_than_typed_is_said() {
        let notes = |text: &str| read(text).map(|read| read.notes.join("; ")).unwrap_or_default();
        assert_eq!(notes("https://a.example"), "");
        assert_eq!(notes("https://index.docker.io"), "");
        assert!(notes("A.example").contains("taken as a.example"));
        assert!(notes("http://a.example:5000").contains("container runtime"));
        assert!(notes("a.example:443").contains("leave :443 away"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_host_or_a_sentence(text in "\\PC{0,40}") {
            if let Ok(Read { host, .. }) = read(&text) {
                assert_eq!(Host::parse(host.as_str()).ok(), Some(host));
            }
        }
    }
}
