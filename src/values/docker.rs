//! The file of a pull Secret, read exactly as the kubelet reads it: `pkg/credentialprovider/config.go` and `secrets/secrets.go` of
//! Kubernetes 1.36.3, and Go's `encoding/json` below them.
//!
//! [`PullFile::read`] never fails: what is wrong is in `faults`, of the file and of each entry, and no sentence of a [`Fault`] holds a
//! value. A fault of [`Gravity::Breaks`] means that the kubelet pulls no image for a Pod that names the Secret
//! ([`PullFile::breaks`]). To judge a file before it is stored, read it and refuse it when `breaks()`; to show one, print each
//! entry's `key` (through `output::printable`) and its faults; to ask what is offered for an image, put the entries into a
//! `model::registry::Keyring`. An entry's login is there to be sent to a registry, and for nothing else.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;

use super::SecretValue;
use super::node::Node;
use crate::model::registry::{Fault, Gravity, of_key, of_user};

/// The two forms that the kubelet reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Entries below `auths`.
    ConfigJson,
    /// The older one: entries only.
    Cfg,
}

impl Form {
    /// The form that belongs to a Secret's type; `None`: the kubelet passes over such a Secret.
    pub(crate) fn of_type(type_: &str) -> Option<Self> {
        match type_ {
            "kubernetes.io/dockerconfigjson" => Some(Self::ConfigJson),
            "kubernetes.io/dockercfg" => Some(Self::Cfg),
            _ => None,
        }
    }

    /// The key of the Secret under which the file stands.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::ConfigJson => ".dockerconfigjson",
            Self::Cfg => ".dockercfg",
        }
    }
}

/// What the kubelet finds in the file of a pull Secret.
pub(crate) struct PullFile {
    /// Each key once, in the order of the file.
    pub entries: Vec<PullEntry>,
    /// What is wrong with the file itself.
    pub faults: Vec<Fault>,
    /// Where it stops being JSON: line and column, from 1.
    pub place: Option<(usize, usize)>,
}

/// One entry.
pub(crate) struct PullEntry {
    /// As it is written: a host, perhaps with scheme, port and path.
    pub key: String,
    /// What is sent; `None` where the entry cannot be read. An empty one is sent as no login at all.
    pub login: Option<Login>,
    /// What is wrong with the entry, the worst first.
    pub faults: Vec<Fault>,
}

/// User and password.
pub(crate) struct Login {
    /// May be empty.
    pub user: SecretValue,
    /// May be empty.
    pub password: SecretValue,
}

impl Login {
    /// Whether there is neither: the image is pulled as nobody.
    pub(crate) fn is_empty(&self) -> bool {
        self.user.expose().is_empty() && self.password.expose().is_empty()
    }
}

impl PullFile {
    /// Reads a file.
    pub(crate) fn read(form: Form, bytes: &[u8]) -> Self {
        // Go puts a sign of its own where bytes are no text.
        let text = String::from_utf8_lossy(bytes);
        let root = match serde_json::from_str(&text) {
            Ok(root) => root,
            Err(error) if is_encoded_json(bytes) => return Self::broken(Fault::EncodedTwice, &error),
            Err(error) => return Self::broken(Fault::NotJson, &error),
        };
        match form {
            Form::ConfigJson => Self::of_config_json(root),
            Form::Cfg => Self::of_cfg(root),
        }
    }

    /// Whether the kubelet pulls no image at all for a Pod that names the Secret.
    pub(crate) fn breaks(&self) -> bool {
        let faults = self.faults.iter().chain(self.entries.iter().flat_map(|entry| &entry.faults));
        faults.into_iter().any(|fault| fault.gravity() == Gravity::Breaks)
    }

    fn broken(fault: Fault, error: &serde_json::Error) -> Self {
        Self { entries: Vec::new(), faults: vec![fault], place: Some((error.line(), error.column())) }
    }

    fn of_config_json(root: Node) -> Self {
        let (fields, mut faults) = match root {
            Node::Object(fields) => (fields, Vec::new()),
            Node::Null => (Vec::new(), Vec::new()),
            _ => (Vec::new(), vec![Fault::NotAnObject]),
        };
        let (mut entries, mut has_auths, mut has_helpers) = (Vec::new(), false, false);
        for (name, node) in fields {
            match (Field::of(&name), node) {
                (Field::Auths, Node::Object(more)) => {
                    has_auths = true;
                    add(&mut entries, more);
                }
                // Go forgets what it had read, and still fails where that was malformed.
                (Field::Auths, Node::Null) => entries.retain(|entry| entry.login.is_none()),
                (Field::Headers, Node::Object(headers)) if headers.iter().all(|(_, node)| node.is_text_or_null()) => {}
                (Field::Headers, Node::Null) => {}
                (Field::Auths | Field::Headers, _) => faults.push(Fault::NotAnObject),
                (Field::Helpers, _) => has_helpers = true,
                _ => {}
            }
        }
        if faults.is_empty() {
            // Docker leaves an empty entry behind where a program of the desktop has the login.
            let has_none = entries.iter().all(PullEntry::is_nobody);
            faults.extend(match (entries.is_empty(), has_auths) {
                _ if has_helpers && has_none => Some(Fault::HelpersOnly),
                (false, _) => None,
                (true, true) => Some(Fault::Empty),
                (true, false) => Some(Fault::NoAuths),
            });
        }
        Self { entries, faults, place: None }
    }

    fn of_cfg(root: Node) -> Self {
        let (fields, fault) = match root {
            Node::Object(fields) => {
                let nested = fields.iter().any(|(key, node)| key == "auths" && matches!(node, Node::Object(_)));
                let fault = if nested { Some(Fault::WrongForm) } else { fields.is_empty().then_some(Fault::Empty) };
                (fields, fault)
            }
            Node::Null => (Vec::new(), Some(Fault::Empty)),
            _ => (Vec::new(), Some(Fault::NotAnObject)),
        };
        let mut entries = Vec::new();
        add(&mut entries, fields);
        Self { entries, faults: fault.into_iter().collect(), place: None }
    }
}

/// Reads entries. Of two equal keys the later one counts; a malformed one stays, since the kubelet fails at it.
fn add(entries: &mut Vec<PullEntry>, more: Vec<(String, Node)>) {
    for (key, node) in more {
        entries.retain(|entry| entry.key != key || entry.login.is_none());
        entries.push(PullEntry::of(key, node));
    }
}

/// The fields that anybody reads.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Field {
    Auths,
    Headers,
    Helpers,
    Username,
    Password,
    Email,
    Auth,
    Token,
    #[default]
    Other,
}

impl Field {
    /// As Go compares names: without regard to case, and with two letters outside of ASCII that fold to `s` and `k`.
    fn of(name: &str) -> Self {
        let folded: String = name
            .chars()
            .map(|c| match c {
                '\u{17f}' => 's',
                '\u{212a}' => 'k',
                c => c.to_ascii_lowercase(),
            })
            .collect();
        match folded.as_str() {
            "auths" => Self::Auths,
            "httpheaders" => Self::Headers,
            "credsstore" | "credhelpers" => Self::Helpers,
            "username" => Self::Username,
            "password" => Self::Password,
            "email" => Self::Email,
            "auth" => Self::Auth,
            "identitytoken" | "registrytoken" => Self::Token,
            _ => Self::Other,
        }
    }
}

impl PullEntry {
    /// Whether it has no login at all.
    fn is_nobody(&self) -> bool {
        self.login.as_ref().is_some_and(Login::is_empty)
    }

    fn of(key: String, node: Node) -> Self {
        let mut faults = of_key(&key);
        let login = login(node, &mut faults);
        if let Some(login) = &login {
            let (user, password) = (login.user.expose(), login.password.expose());
            let alone = match (user, password) {
                ([], []) if faults.contains(&Fault::IdentityToken) => None,
                ([], []) => Some(Fault::NoLogin),
                ([], _) => Some(Fault::NoUser),
                (_, []) => Some(Fault::NoPassword),
                _ => of_user(&key, user),
            };
            faults.extend(alone);
            if password.ends_with(b"\n") {
                faults.push(Fault::TrailingNewline);
            }
            if user.trim_ascii() != user {
                faults.push(Fault::UserBlank);
            }
        }
        faults.sort_by_key(|fault| std::cmp::Reverse(fault.gravity()));
        Self { key, login, faults }
    }
}

/// An entry's login: `auth` wins over `username` and `password`; `None` where the kubelet cannot read it.
fn login(node: Node, faults: &mut Vec<Fault>) -> Option<Login> {
    let fields = match node {
        Node::Object(fields) => fields,
        Node::Null => Vec::new(),
        _ => {
            faults.push(Fault::EntryShape);
            return None;
        }
    };
    let (mut user, mut password, mut auth, mut has_token) = (String::new(), String::new(), String::new(), false);
    for (name, node) in fields {
        let field = Field::of(&name);
        match (field, node) {
            (Field::Username, Node::Text(text)) => user = text,
            (Field::Password, Node::Text(text)) => password = text,
            (Field::Auth, Node::Text(text)) => auth = text,
            (Field::Token, _) => has_token = true,
            (Field::Email, Node::Text(_))
            | (Field::Username | Field::Password | Field::Email | Field::Auth, Node::Null) => {}
            (Field::Username | Field::Password | Field::Email | Field::Auth, _) => {
                faults.push(Fault::EntryShape);
                return None;
            }
            _ => {}
        }
    }
    if auth.is_empty() {
        if has_token && user.is_empty() && password.is_empty() {
            faults.push(Fault::IdentityToken);
        }
        return Some(Login {
            user: SecretValue::new(user.into_bytes()),
            password: SecretValue::new(password.into_bytes()),
        });
    }
    match decoded(&auth) {
        Ok(login) => {
            let differs = |field: &str, value: &SecretValue| !field.is_empty() && field.as_bytes() != value.expose();
            if differs(&user, &login.user) || differs(&password, &login.password) {
                faults.push(Fault::Contradiction);
            }
            Some(login)
        }
        Err(fault) => {
            faults.push(fault);
            None
        }
    }
}

/// Go's `StdEncoding`, and `RawStdEncoding` below: bits that are left over may be anything.
const PADDED: GeneralPurpose = engine(DecodePaddingMode::RequireCanonical);
const UNPADDED: GeneralPurpose = engine(DecodePaddingMode::RequireNone);

const fn engine(padding: DecodePaddingMode) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(padding);
    GeneralPurpose::new(&STANDARD, config)
}

/// The login in an `auth`: with or without `=` at the end, and with line ends anywhere, which Go passes over.
fn decoded(auth: &str) -> Result<Login, Fault> {
    let engine = if auth.trim().ends_with('=') { PADDED } else { UNPADDED };
    let without_lines: Vec<u8> = auth.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let bytes = engine.decode(without_lines).map_err(|_| Fault::AuthNotBase64)?;
    let colon = bytes.iter().position(|byte| *byte == b':');
    let Some((user, password)) = colon.and_then(|colon| Some((bytes.get(..colon)?, bytes.get(colon + 1..)?))) else {
        let again = BASE64_STANDARD.decode(bytes.trim_ascii());
        let is_twice = again.is_ok_and(|again| again.contains(&b':') && std::str::from_utf8(&again).is_ok());
        return Err(if is_twice { Fault::AuthEncodedTwice } else { Fault::AuthNoColon });
    };
    Ok(Login { user: SecretValue::new(user.to_vec()), password: SecretValue::new(password.to_vec()) })
}

/// Whether this is base64 of a JSON object.
fn is_encoded_json(bytes: &[u8]) -> bool {
    let without_blanks: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let decoded = BASE64_STANDARD.decode(without_blanks).unwrap_or_default();
    serde_json::from_slice(&decoded).is_ok_and(|node| matches!(node, Node::Object(_)))
}

#[cfg(test)]
#[path = "docker_tests.rs"]
mod tests;
