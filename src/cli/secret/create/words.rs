//! Which type is asked for, and whether its flags are those that were given.

use super::args::CreateArgs;
use crate::cli::error::Error;

/// A type as the command line has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Values and files.
    Generic,
    /// A key pair.
    Tls,
    /// Credentials of registries.
    DockerRegistry,
}

impl Kind {
    const ALL: [(Self, &str); 3] =
        [(Self::Generic, "generic"), (Self::Tls, "tls"), (Self::DockerRegistry, "docker-registry")];

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == word).map(|(kind, _)| *kind)
    }

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

/// The type and the name. Words are not shown in an error: one too many may be a part of a value.
pub(super) fn kind_and_name(args: &CreateArgs) -> Result<(Kind, String), Error> {
    let words: Vec<&str> = args.words.iter().map(|word| word.to_str().unwrap_or_default()).collect();
    let (kind, name) = match *words.as_slice() {
        [] => return Err(Error::Usage("give the type and the NAME of the Secret, or manifests with -f FILE".into())),
        [word] if Kind::parse(word).is_some() => {
            return Err(Error::Usage(format!("give the NAME of the Secret behind {word}")));
        }
        [name] => (implied(args), name),
        [word, name] => match Kind::parse(word) {
            Some(kind) => (kind, name),
            None => {
                return Err(Error::Usage(
                    "the first of two words is the type: generic, tls or docker-registry; the NAME comes behind it"
                        .into(),
                ));
            }
        },
        _ => {
            let count = words.len();
            return Err(Error::Usage(format!(
                "{count} words are too many: give a type and a NAME; quote values with blanks"
            )));
        }
    };
    match given(args).iter().find(|(_, kinds)| !kinds.contains(&kind)) {
        Some((flag, _)) => Err(Error::Usage(format!("{flag} does not go with {}", kind.name()))),
        None => Ok((kind, name.to_owned())),
    }
}

/// With `-f` the manifests say it all.
pub(super) fn none(args: &CreateArgs) -> Result<(), Error> {
    if !args.words.is_empty() {
        return Err(Error::Usage("with -f the names stand in the manifests: leave the words away".into()));
    }
    if args.common.append_hash {
        return Err(Error::Usage("--append-hash does not go with -f: the names stand in the manifests".into()));
    }
    match given(args).first() {
        Some((flag, _)) => Err(Error::Usage(format!("{flag} does not go with -f: the manifests have the values"))),
        None => Ok(()),
    }
}

/// The type that the flags speak of.
fn implied(args: &CreateArgs) -> Kind {
    let given = given(args);
    let only = |kind: Kind| args.add && kind == Kind::DockerRegistry || given.iter().any(|(_, kinds)| *kinds == [kind]);
    if only(Kind::DockerRegistry) {
        Kind::DockerRegistry
    } else if only(Kind::Tls) {
        Kind::Tls
    } else {
        Kind::Generic
    }
}

/// The flags of types that were given, with the types that have them.
fn given(args: &CreateArgs) -> Vec<(&'static str, &'static [Kind])> {
    const GENERIC: &[Kind] = &[Kind::Generic];
    const TLS: &[Kind] = &[Kind::Tls];
    const REGISTRY: &[Kind] = &[Kind::DockerRegistry];
    let all: [(&'static str, bool, &'static [Kind]); 13] = [
        ("--from-literal", !args.from_literal.is_empty(), GENERIC),
        ("--from-file", !args.from_file.is_empty(), &[Kind::Generic, Kind::DockerRegistry]),
        ("--from-env-file", !args.from_env_file.is_empty(), GENERIC),
        ("--type", args.type_.is_some(), GENERIC),
        ("--cert", args.cert.is_some(), TLS),
        ("--key", args.key.is_some(), TLS),
        ("--docker-server", !args.docker_server.is_empty(), REGISTRY),
        ("--docker-username", !args.docker_username.is_empty(), REGISTRY),
        ("--docker-password", !args.docker_password.is_empty(), REGISTRY),
        ("--docker-password-stdin", args.docker_password_stdin, REGISTRY),
        ("--docker-email", !args.docker_email.is_empty(), REGISTRY),
        ("--auth-only", args.auth_only, REGISTRY),
        ("--add", args.add, REGISTRY),
    ];
    all.into_iter().filter(|(_, is_given, _)| *is_given).map(|(flag, _, kinds)| (flag, kinds)).collect()
}
