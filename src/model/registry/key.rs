//! A key of a pull Secret, and which images it is for.

use super::address::Address;

/// A key, made normal: `https://registry.example.com/v2/team` is `registry.example.com/team`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// Reads a key as it stands in a pull Secret; `None`: the kubelet passes over the entry (and says so in its log only).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let schemeless = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
        let Address { host, path } = Address::parse(schemeless)?;
        let is_versioned = path.starts_with("/v1/") || path.starts_with("/v2/");
        let path = if is_versioned { path.get(3..).unwrap_or_default() } else { path.as_str() };
        Some(Self(if path == "/" { host } else { format!("{host}{path}") }))
    }

    /// The key as it is compared.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host with port; it may have `*` in it.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host_and_path().0
    }

    /// Host with port, and path (with its `/`, or empty).
    pub(super) fn host_and_path(&self) -> (&str, &str) {
        self.0.split_at(self.0.find('/').unwrap_or(self.0.len()))
    }

    /// Whether it is for this repository, as in `registry.example.com/team/app` (`model::image::Image::repository`): equal ports, as
    /// many labels in the host, each equal or fitting a `*`, and a path that the repository's *text* begins with, so that
    /// `…/team` is for `…/team2/app`, too.
    #[must_use]
    pub fn matches(&self, repository: &str) -> bool {
        let (Some(key), Some(target)) = (Address::parse(&self.0), Address::parse(repository)) else {
            return false;
        };
        let ((globs, glob_port), (labels, port)) = (key.labels_and_port(), target.labels_and_port());
        glob_port == port
            && globs.len() == labels.len()
            && target.path.starts_with(&key.path)
            && globs.iter().zip(labels).all(|(glob, label)| fits(glob, label))
    }
}

/// `filepath.Match`. Of its signs only `*` can be in a host (and `[`, with which a whole IPv6 address begins: as a class of signs
/// that is no host's).
fn fits(glob: &str, label: &str) -> bool {
    if glob.starts_with('[') {
        return false;
    }
    let Some((before, rest)) = glob.split_once('*') else {
        return glob == label;
    };
    let Some(mut label) = label.strip_prefix(before) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match label.split_once(piece) {
            Some((_, after)) => label = after,
            None => return false,
        }
    }
    label.ends_with(last)
}

/// Whether people mean Docker Hub by this host, and the kubelet's comparison does not find it: images of the Hub are on
/// `docker.io` there.
pub(super) fn is_hub_alias(host: &str) -> bool {
    const ALIASES: [&str; 8] = [
        "index.docker.io",
        "registry-1.docker.io",
        "registry.docker.io",
        "auth.docker.io",
        "hub.docker.com",
        "registry.hub.docker.com",
        "docker.com",
        "www.docker.com",
    ];
    ALIASES.contains(&host) || host == "*.docker.io"
}
