//! Image references, refused exactly where the kubelet would say `InvalidImageName`.
//!
//! The kubelet (`pkg/kubelet/images/image_manager.go`) asks `ParseNormalizedNamed` of `distribution/reference` v0.6.0;
//! what is read here is that grammar, with `go-digest`'s rules for digests.

use crate::api::rules;

/// `RepositoryNameTotalLengthMax` in `distribution/reference`.
const MAX_REPOSITORY: usize = 255;

/// Checks a reference.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.len() == 64 && text.bytes().all(is_lower_hex) {
        return Err(rules::IMAGE_ID.into());
    }
    let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
    // A colon after the last slash stands before a tag; one before it, before a port.
    let after_slash = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest.rfind(':').filter(|colon| *colon >= after_slash) {
        Some(colon) => (rest.get(..colon).unwrap_or_default(), rest.get(colon + 1..)),
        None => (rest, None),
    };
    let well_formed = digest.is_none_or(is_digest) && tag.is_none_or(is_tag) && repository_length(name).is_some();
    if !well_formed {
        return Err(rules::IMAGE.into());
    }
    if repository_length(name).is_some_and(|length| length > MAX_REPOSITORY) {
        return Err(rules::IMAGE_LONG.into());
    }
    Ok(())
}

/// The length of the repository's name without its domain, as it is counted; `None` where the name is malformed.
fn repository_length(name: &str) -> Option<usize> {
    let Some((first, rest)) = name.split_once('/') else {
        return is_path(name).then_some("library/".len() + name.len());
    };
    let names_a_host =
        first == "localhost" || first.contains(|c: char| matches!(c, '.' | ':') || c.is_ascii_uppercase());
    if names_a_host && is_domain(first) && is_path(rest) {
        let on_hub = matches!(first, "docker.io" | "index.docker.io") && !rest.contains('/');
        return Some(rest.len() + if on_hub { "library/".len() } else { 0 });
    }
    // A first part such as `a_b.c` is no host, but a fine repository.
    is_path(name).then_some(name.len())
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
fn is_domain(text: &str) -> bool {
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
            assert_eq!(check(image), Ok(()), "{image}");
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
            assert!(check(image).is_err(), "{image}");
        }
    }
}
