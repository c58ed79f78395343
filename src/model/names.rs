//! Names that were checked once: a value of these types is valid by Kubernetes' own rules.

use std::fmt;

use crate::api::rules;

/// Declares a checked name: a private `String`, `parse`, `as_str` and `Display`.
macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks the text.
            ///
            /// # Errors
            /// What is wrong with it, as the end of a sentence that begins with the field's name.
            pub fn parse(text: &str) -> Result<Self, String> {
                $check(text).map(|()| Self(text.to_owned()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked_name! {
    /// The name of a Secret: a DNS subdomain (RFC 1123), at most 253 characters.
    SecretName, dns_subdomain
}
checked_name! {
    /// The name of a ConfigMap or a PersistentVolumeClaim: a DNS subdomain (RFC 1123), at most 253 characters.
    ObjectName, dns_subdomain
}
checked_name! {
    /// A key of a Secret's data: letters, digits, `-`, `_`, `.`; at most 253 characters, not `.`, not starting with `..`.
    SecretKey, secret_key
}
checked_name! {
    /// The name of an environment variable: printable ASCII but `=` (KEP-4369, on since 1.34).
    EnvVarName, env_var_name
}
checked_name! {
    /// An absolute path, normal form: no `.`, `..`, `//`, `:`, no trailing `/`; neither `/` itself nor the
    /// token's of a `ServiceAccount` nor ours.
    MountPath, mount_path
}

impl MountPath {
    /// Checks the path of an input's file, which may also lie below [`OUR_PATH`].
    ///
    /// # Errors
    /// What is wrong with it, as [`MountPath::parse`] says it.
    pub fn of_input(text: &str) -> Result<Self, String> {
        free_path(text)?;
        let stdin = text.strip_prefix(OUR_PATH).and_then(|rest| rest.strip_prefix("/stdin"));
        if text == OUR_PATH || stdin.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            return Err(rules::INPUT_PATH.into());
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether `other` lies below this path.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.0.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Where files of ours are mounted. Always reserved, so that no spec breaks when it begins to use one of them.
pub const OUR_PATH: &str = "/lockgate";

/// Where the kubelet mounts a `ServiceAccount`'s token.
pub const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// RFC 1123 subdomain, as `apimachinery/pkg/util/validation` checks it.
///
/// # Errors
/// What is wrong.
pub fn dns_subdomain(text: &str) -> Result<(), String> {
    if is_dns_subdomain(text) { Ok(()) } else { Err(rules::SECRET_NAME.into()) }
}

/// Whether the text is an RFC 1123 subdomain. As in Kubernetes its labels may be longer than 63.
#[must_use]
pub fn is_dns_subdomain(text: &str) -> bool {
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let label =
        |label: &str| label.starts_with(lower) && label.ends_with(lower) && label.chars().all(|c| lower(c) || c == '-');
    text.len() <= 253 && text.split('.').all(label)
}

/// Whether the text is a label's value: at most 63 characters, empty or with a letter or digit at both ends.
#[must_use]
pub fn is_label_value(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    text.is_empty()
        || text.len() <= 63
            && text.starts_with(edge)
            && text.ends_with(edge)
            && text.chars().all(|c| edge(c) || matches!(c, '-' | '_' | '.'))
}

/// Whether the text is a qualified name, as the key of a label is: an optional DNS subdomain and `/`, then a name.
#[must_use]
pub fn is_qualified_name(text: &str) -> bool {
    let (domain, name) = text.split_once('/').map_or((None, text), |(domain, name)| (Some(domain), name));
    domain.is_none_or(is_dns_subdomain) && !name.is_empty() && is_label_value(name)
}

/// Whether a container can ask for a resource of this name (`validateContainerResourceName` in Kubernetes'
/// `pkg/apis/core/validation`).
#[must_use]
pub fn is_resource_name(text: &str) -> bool {
    is_qualified_name(text)
        && (text.contains('/')
            || matches!(text, "cpu" | "memory" | "ephemeral-storage")
            || text.starts_with("hugepages-"))
}

fn secret_key(text: &str) -> Result<(), String> {
    let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > 253 || !text.chars().all(ok) || text == "." || text.starts_with("..") {
        return Err(rules::SECRET_KEY.into());
    }
    Ok(())
}

fn env_var_name(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > 253 || !is_env_text(text) {
        return Err(rules::ENV_NAME.into());
    }
    if is_reserved_env(text) {
        return Err(rules::ENV_RESERVED.into());
    }
    Ok(())
}

/// What stands before the names of keys; may be empty.
///
/// # Errors
/// What is wrong.
pub fn env_prefix(text: &str) -> Result<(), String> {
    if text.len() > 253 || !is_env_text(text) {
        return Err(rules::ENV_PREFIX.into());
    }
    if is_reserved_env(text) {
        return Err(rules::ENV_RESERVED.into());
    }
    Ok(())
}

fn is_env_text(text: &str) -> bool {
    text.chars().all(|c| (' '..='~').contains(&c) && c != '=')
}

fn is_reserved_env(text: &str) -> bool {
    text.starts_with("LOCKGATE_")
}

fn mount_path(text: &str) -> Result<(), String> {
    free_path(text)?;
    if is_ours(text) {
        return Err(rules::MOUNT_PATH_OURS.into());
    }
    Ok(())
}

/// A mount path, whoever mounts there.
fn free_path(text: &str) -> Result<(), String> {
    let parts_ok = text.strip_prefix('/').is_some_and(are_path_parts);
    if !parts_ok || text.chars().count() > 256 {
        return Err(rules::MOUNT_PATH.into());
    }
    if text.strip_prefix(TOKEN_PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        return Err(rules::MOUNT_PATH_TOKEN.into());
    }
    Ok(())
}

/// Whether the path lies at or below [`OUR_PATH`].
fn is_ours(text: &str) -> bool {
    text.strip_prefix(OUR_PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The path of a file below a mount. Kubernetes refuses one that starts with `..`, as `..data` does
/// (`validateLocalNonReservedPath`).
///
/// # Errors
/// What is wrong.
pub fn item_path(text: &str) -> Result<(), String> {
    if !are_path_parts(text) || text.starts_with("..") || text.chars().count() > 255 {
        return Err(rules::ITEM_PATH.into());
    }
    Ok(())
}

fn are_path_parts(text: &str) -> bool {
    let forbidden = |c: char| c == ':' || c.is_ascii_control();
    text.split('/').all(|part| !matches!(part, "" | "." | "..")) && !text.contains(forbidden)
}
