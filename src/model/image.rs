//! Image references: what a name of an image means, refused exactly where the kubelet would say `InvalidImageName`.
//!
//! The kubelet (`pkg/kubelet/images/image_manager.go`, `pkg/util/parsers/parsers.go`) asks `ParseNormalizedNamed` of
//! `distribution/reference` v0.6.0; what is read here is that grammar, with `go-digest`'s rules for digests. (The crate
//! `oci-spec` has the same grammar without IPv6 hosts, and one error for all faults.)

use std::fmt;

use crate::api::rules;

/// `RepositoryNameTotalLengthMax` in `distribution/reference`.
const MAX_REPOSITORY: usize = 255;

/// Docker Hub, as it stands in normal references.
pub const HUB: &str = "docker.io";
/// The same, as Docker writes it into pull Secrets.
pub const HUB_SERVER: &str = "https://index.docker.io/v1/";

/// A reference, taken apart and made normal: `busybox` is `docker.io/library/busybox:latest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The registry: host and perhaps port, as in `registry.example.com:5000`. Empty where the first part of the name looks
    /// like a host to the kubelet, but is none (`a_b.c/app`): such an image can be pulled from nowhere.
    pub domain: String,
    /// The repository there, as in `team/app`.
    pub path: String,
    /// As it was written.
    pub tag: Option<String>,
    /// As in `sha256:…`.
    pub digest: Option<String>,
}

impl Image {
    /// Reads a reference.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() == 64 && text.bytes().all(is_lower_hex) {
            return Err(rules::IMAGE_ID);
        }
        let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
        // A colon after the last slash stands before a tag; one before it, before a port.
        let after_slash = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest.rfind(':').filter(|colon| *colon >= after_slash) {
            Some(colon) => (rest.get(..colon).unwrap_or_default(), rest.get(colon + 1..)),
            None => (rest, None),
        };
        let well_formed = digest.is_none_or(is_digest) && tag.is_none_or(is_tag);
        let (domain, path) = normal(name).filter(|_| well_formed).ok_or(rules::IMAGE)?;
        if path.len() > MAX_REPOSITORY {
            return Err(rules::IMAGE_LONG);
        }
        Ok(Self { domain, path, tag: tag.map(Into::into), digest: digest.map(Into::into) })
    }

    /// What the kubelet looks up credentials for: registry and repository, without tag and digest.
    #[must_use]
    pub fn repository(&self) -> String {
        if self.domain.is_empty() { self.path.clone() } else { format!("{}/{}", self.domain, self.path) }
    }

    /// Its registry as pull Secrets name it: the Hub by the address that Docker writes, any other by its host.
    #[must_use]
    pub fn server(&self) -> &str {
        if self.domain == HUB { HUB_SERVER } else { &self.domain }
    }

    /// What a registry is asked for: the digest, else the tag, else `latest`.
    #[must_use]
    pub fn version(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joint = if self.digest.is_some() { '@' } else { ':' };
        write!(f, "{}{joint}{}", self.repository(), self.version())
    }
}

/// Domain and path of a name without tag and digest; `None` where it is malformed.
fn normal(name: &str) -> Option<(String, String)> {
    let on_hub = |path: &str| {
        let official = if path.contains('/') { "" } else { "library/" };
        (HUB.to_owned(), format!("{official}{path}"))
    };
    let Some((first, rest)) = name.split_once('/') else {
        return is_path(name).then(|| on_hub(name));
    };
    let names_a_host =
        first == "localhost" || first.contains(|c: char| matches!(c, '.' | ':') || c.is_ascii_uppercase());
    if !names_a_host {
        return is_path(name).then(|| on_hub(name));
    }
    if is_domain(first) && is_path(rest) {
        let hub = matches!(first, HUB | "index.docker.io");
        return Some(if hub { on_hub(rest) } else { (first.to_owned(), rest.to_owned()) });
    }
    // A first part such as `a_b.c` is no host, but a fine repository.
    is_path(name).then(|| (String::new(), name.to_owned()))
}

fn is_path(path: &str) -> bool {
    path.split('/').all(is_path_component)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(text: &str) -> bool {
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut separators = text.split(lower).filter(|between| !between.is_empty());
    text.starts_with(lower)
        && text.ends_with(lower)
        && separators.all(|s| matches!(s, "." | "_" | "__") || s.bytes().all(|byte| byte == b'-'))
}

/// A host name, IPv4 address or bracketed IPv6 address, and perhaps a port.
pub(super) fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            if address.is_empty() || !address.chars().all(|c| c.is_ascii_hexdigit() || c == ':') {
                return false;
            }
            (None, if port.is_empty() { None } else { Some(port.strip_prefix(':').unwrap_or_default()) })
        }
        None => text.split_once(':').map_or((Some(text), None), |(host, port)| (Some(host), Some(port))),
    };
    let label = |label: &str| {
        let edge = |c: char| c.is_ascii_alphanumeric();
        label.starts_with(edge) && label.ends_with(edge) && label.chars().all(|c| edge(c) || c == '-')
    };
    host.is_none_or(|host| host.split('.').all(label))
        && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

fn is_digest(digest: &str) -> bool {
    let length = |algorithm: &str| match algorithm {
        "sha256" => Some(64),
        "sha384" => Some(96),
        "sha512" => Some(128),
        _ => None,
    };
    digest
        .split_once(':')
        .is_some_and(|(algorithm, hex)| length(algorithm) == Some(hex.len()) && hex.bytes().all(is_lower_hex))
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_that_the_kubelet_reads_are_good() {
        let hex = "0123456789abcdef".repeat(4);
        let long = "a".repeat(247);
        let longest = "a".repeat(255);
        for image in [
            "busybox",
            "busybox:1.36",
            "app:5000",
            "team/app",
            "a__b/c--d/e.f:Tag_1.2-3",
            "registry.example.com/team/app:1.4",
            "Registry.Example.com/app",
            "TEAM/app",
            "localhost/app",
            "127.0.0.1:5000/team/app:1",
            "[2001:db8::1]:5000/app",
            "[::1]/app",
            "a_b.c/app",
            &format!("app@sha256:{hex}"),
            &format!("app:1@sha256:{hex}"),
            &format!("app@sha512:{hex}{hex}"),
            &format!("library/{hex}"),
            hex.split_at(63).0,
            &long,
            &format!("example.com/{longest}"),
        ] {
            assert_eq!(Image::parse(image).err(), None, "{image}");
        }
    }

    #[test]
    fn references_that_the_kubelet_cannot_read_are_refused() {
        let hex = "0123456789abcdef".repeat(4);
        for image in [
            "",
            " app",
            "app ",
            "App",
            "team/App",
            "app:",
            "app:#(dockertag)#",
            "app:{{ .tag }}",
            "${IMAGE}",
            "app@",
            "app@sha256:1234",
            "app@md5:0123456789abcdef0123456789abcdef",
            &format!("app@sha256:{}", hex.to_uppercase()),
            &format!("app@sha256:{hex}@sha256:{hex}"),
            &hex,
            "-app",
            "app-",
            "a___b",
            "a..b",
            "a/",
            "/a",
            "a//b",
            "localhost:/app",
            "app:tag/more",
            "https://example.com/app",
            &format!("app:{}", "t".repeat(129)),
            &"a".repeat(248),
            &format!("docker.io/{}", "a".repeat(248)),
            &format!("example.com/{}", "a".repeat(256)),
        ] {
            assert!(Image::parse(image).is_err(), "{image}");
        }
    }

    #[test]
    fn a_reference_is_made_normal() {
        let hex = "0123456789abcdef".repeat(4);
        for (text, repository, version) in [
            ("busybox", "docker.io/library/busybox", "latest"),
            ("docker.io/busybox:1", "docker.io/library/busybox", "1"),
            ("index.docker.io/team/app", "docker.io/team/app", "latest"),
            ("team/app", "docker.io/team/app", "latest"),
            ("localhost/app", "localhost/app", "latest"),
            ("TEAM/app", "TEAM/app", "latest"),
            ("registry.example.com:5000/a/b:v1", "registry.example.com:5000/a/b", "v1"),
            ("[::1]:5000/app", "[::1]:5000/app", "latest"),
            ("a_b.c/app:1", "a_b.c/app", "1"),
            (&format!("app:1@sha256:{hex}"), "docker.io/library/app", &format!("sha256:{hex}")),
        ] {
            let image = Image::parse(text).unwrap();
            assert_eq!((image.repository().as_str(), image.version()), (repository, version), "{text}");
            let joint = if version.starts_with("sha256:") { '@' } else { ':' };
            assert_eq!(image.to_string(), format!("{repository}{joint}{version}"));
        }
    }
}
