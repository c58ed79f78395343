//! The host of a Registry: which images it is for. One form for each registry, so that equal means equal, and nothing is near.

use std::fmt;

use super::HUB_KEY;
use super::key::Key;
use crate::api::rules;
use crate::model::image::{HUB, HUB_SERVER, Image, is_domain};

/// A registry's host with its port, as images name it: `registry.example.com:5000`; `docker.io` is the Hub.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

impl Host {
    /// Reads the `host` of a Registry. Docker Hub has many names, which all mean `docker.io`; any other host has one.
    ///
    /// # Errors
    /// It is not the one form in which images name it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if is_hub(text) {
            return Ok(Self(HUB.to_owned()));
        }
        let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        // What has neither dot nor port is no host to the kubelet: `team/app` is on the Hub.
        let named_in_images = text == "localhost" || text.contains(['.', ':']);
        if lower && named_in_images && is_domain(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(rules::REGISTRY_HOST.into())
        }
    }

    /// Where an image is pulled from; `None`: from nowhere, or from a host that no Registry can name.
    #[must_use]
    pub fn of(image: &Image) -> Option<Self> {
        if image.domain == HUB { Some(Self(HUB.to_owned())) } else { Self::plain(&image.domain) }
    }

    /// The host of an entry of a pull Secret, where it is for that host alone: its key has no `*` in the host, and the kubelet
    /// compares it with images of that host.
    #[must_use]
    pub fn of_key(text: &str) -> Option<Self> {
        let key = Key::parse(text)?;
        if matches!(key.host(), HUB | HUB_KEY) { Some(Self(HUB.to_owned())) } else { Self::plain(key.host()) }
    }

    /// A host that is not the Hub's, by whichever of its names.
    fn plain(text: &str) -> Option<Self> {
        Self::parse(text).ok().filter(|host| host.0 != HUB)
    }

    /// As pull Secrets name it, whoever reads them: the Hub by the address that Docker writes, any other by its host.
    #[must_use]
    pub fn server(&self) -> &str {
        if self.0 == HUB { HUB_SERVER } else { &self.0 }
    }

    /// The text: of the Hub `docker.io`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether it is an address of Docker Hub, bare or as a URL that Docker writes.
fn is_hub(text: &str) -> bool {
    matches!(text.strip_prefix("https://").unwrap_or(text), HUB | HUB_KEY | "registry-1.docker.io")
        || text == HUB_SERVER
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Option<String> {
        Host::parse(text).ok().map(|host| host.to_string())
    }

    #[test]
    fn the_hub_has_many_names_and_others_have_one() {
        for hub in [
            "docker.io",
            "index.docker.io",
            "registry-1.docker.io",
            "https://index.docker.io/v1/",
            "https://index.docker.io",
        ] {
            assert_eq!(host(hub).as_deref(), Some("docker.io"), "{hub}");
        }
        for same in [
            "a.example",
            "a.example:5000",
            "localhost",
            "localhost:5000",
            "registry:5000",
            "10.0.0.1:5000",
            "[::1]:5000",
        ] {
            assert_eq!(host(same).as_deref(), Some(same));
        }
        for none in [
            "",
            "registry",
            "A.example",
            "https://a.example",
            "a.example/",
            "a.example/team",
            "u@a.example",
            "*.example",
            "a.example:",
            "bücher.example",
            "a.example@sha256:00",
            "a b.example",
            "a.example.",
        ] {
            assert_eq!(host(none), None, "{none}");
        }
    }

    #[test]
    fn an_image_s_host_is_the_registry_s_only_where_it_is_the_same() {
        let of = |image: &str| Image::parse(image).ok().and_then(|image| Host::of(&image)).map(|host| host.to_string());
        assert_eq!(of("busybox").as_deref(), Some("docker.io"));
        assert_eq!(of("index.docker.io/team/app").as_deref(), Some("docker.io"));
        assert_eq!(of("a.example:443/app").as_deref(), Some("a.example:443"));
        assert_eq!(of("A.example/app"), None);
        assert_eq!(of("registry-1.docker.io/team/app"), None, "the kubelet does not know it as the Hub");
    }
}
