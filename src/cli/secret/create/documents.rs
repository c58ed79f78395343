//! `-f`: manifests of Secrets, as `kubectl create secret … --dry-run=client -o json|yaml` prints them and as people write them.

use std::path::{Path, PathBuf};

use super::refuse::of_names;
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::values::{Draft, SecretValue, Tree, manifests, read_file, read_stdin};

/// The most that a file may hold.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// kubectl's copy of what was applied, with the values.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The fields of a Secret.
const FIELDS: [&str; 7] = ["apiVersion", "kind", "metadata", "type", "immutable", "data", "stringData"];

/// What the files hold.
pub(super) struct Documents {
    /// The Secrets that can be read.
    pub drafts: Vec<Draft>,
    /// Every mistake of the others.
    pub problems: Vec<String>,
}

/// Reads all files. `validation` says what happens with unknown fields.
pub(super) fn read(files: &[PathBuf], validation: &str) -> Result<Documents, Error> {
    if files.iter().filter(|path| *path == Path::new("-")).count() > 1 {
        return Err(Error::Usage("-f -: standard input can be read once: give it once".into()));
    }
    let mut reader = Reader { drafts: Vec::new(), problems: Vec::new(), validation };
    for path in files {
        let is_stdin = path == Path::new("-");
        let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
        let text = if is_stdin { read_stdin(MAX_FILE)? } else { read_file(path, MAX_FILE)? };
        reader.file(&name, &text)?;
    }
    if reader.drafts.is_empty() && reader.problems.is_empty() {
        return Err(Error::Findings("no Secret is in these files: give the file that holds it with -f".into()));
    }
    Ok(Documents { drafts: reader.drafts, problems: reader.problems })
}

/// The Secrets of one file that can be read, whatever the bytes are.
pub(super) fn of_bytes(bytes: Vec<u8>) -> Vec<Draft> {
    let mut reader = Reader { drafts: Vec::new(), problems: Vec::new(), validation: "strict" };
    // What is wrong with the file is of no interest here.
    let _ = reader.file("the file", &SecretValue::new(bytes));
    reader.drafts
}

struct Reader<'a> {
    drafts: Vec<Draft>,
    problems: Vec<String>,
    validation: &'a str,
}

impl Reader<'_> {
    /// Takes a file's documents, one by one.
    fn file(&mut self, name: &str, text: &SecretValue) -> Result<(), Error> {
        let documents = manifests(text).map_err(|why| Error::Manifest(name.to_owned(), why))?;
        let count = documents.len();
        for (at, document) in documents.into_iter().enumerate() {
            let place = if count == 1 { name.to_owned() } else { format!("{name}, document {}", at.saturating_add(1)) };
            self.document(&printable(&place), document);
        }
        Ok(())
    }

    /// Takes a document apart.
    fn document(&mut self, place: &str, mut document: Tree) {
        let kind = document.get("kind").and_then(Tree::as_text).unwrap_or_default().to_owned();
        let version = document.get("apiVersion").and_then(Tree::as_text).unwrap_or_default().to_owned();
        match (&*version, &*kind) {
            (_, _) if document.is_null() => {}
            ("v1", "Secret") => self.secret(place, document),
            ("v1", "List" | "SecretList") => {
                let Some(Tree::List(items)) = document.take("items") else {
                    self.problems.push(format!("{place}: items has to be a list"));
                    return;
                };
                for (at, mut item) in items.into_iter().enumerate() {
                    if kind == "SecretList" {
                        item.set("kind", Tree::text("Secret"));
                        item.set("apiVersion", Tree::text("v1"));
                    }
                    self.document(&format!("{place}, items[{at}]"), item);
                }
            }
            _ => {
                let name = document.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Tree::as_text);
                let is = match (&*kind, name) {
                    ("", _) => "has no kind and apiVersion".to_owned(),
                    (kind, Some(name)) => format!("is {kind}/{name} of {version}"),
                    (kind, None) => format!("is a {kind} of {version}"),
                };
                self.problems.push(format!(
                    "{place} {}: only Secrets (apiVersion: v1, kind: Secret) are created here; apply others with kubectl",
                    printable(&is)
                ));
            }
        }
    }

    fn secret(&mut self, place: &str, mut document: Tree) {
        let before = self.problems.len();
        let mut metadata = document.take("metadata").unwrap_or(Tree::Null);
        let name = self.text(place, "metadata.name", metadata.take("name")).unwrap_or_default();
        let is_name_told = self.problems.len() > before;
        let place = if name.is_empty() { place.to_owned() } else { format!("{place} (Secret {})", printable(&name)) };
        let namespace = self.text(&place, "metadata.namespace", metadata.take("namespace"));
        let type_ = self.text(&place, "type", document.take("type")).unwrap_or_default();
        let namespace = namespace.filter(|namespace| !namespace.is_empty());
        let mut draft = Draft { namespace, ..Draft::new(&name, &type_) };
        draft.immutable = match document.take("immutable") {
            None | Some(Tree::Null) => None,
            Some(Tree::Bool(is)) => Some(is),
            Some(other) => {
                self.problems.push(format!("{place}: immutable is {}, and has to be true or false", other.kind()));
                None
            }
        };
        self.data(&place, &mut document, &mut draft);
        self.metadata(&place, metadata, &mut draft);
        self.unknown(&place, &document);
        if self.problems.len() == before {
            self.drafts.push(draft);
        } else {
            let of_names = of_names(&draft).into_iter().filter(|_| !is_name_told);
            self.problems.extend(of_names.map(|problem| format!("{place}: {problem}")));
        }
    }

    /// A field that has to be text.
    fn text(&mut self, place: &str, path: &str, value: Option<Tree>) -> Option<String> {
        match value? {
            Tree::Null => None,
            Tree::Text(text) => text.expose_text().map(ToOwned::to_owned),
            other => {
                self.problems.push(format!("{place}: {path} is {}, and has to be text: quote it", other.kind()));
                None
            }
        }
    }

    /// `data`, and over it `stringData`, as the API server does it.
    fn data(&mut self, place: &str, document: &mut Tree, draft: &mut Draft) {
        for field in ["data", "stringData"] {
            let entries = match document.take(field) {
                None | Some(Tree::Null) => continue,
                Some(Tree::Map(entries)) => entries,
                Some(other) => {
                    self.problems.push(format!("{place}: {field} is {}, and has to be an object", other.kind()));
                    continue;
                }
            };
            for (key, value) in entries {
                let shown = printable(&key);
                let value = match value {
                    Tree::Null => Some(SecretValue::new(Vec::new())),
                    Tree::Text(text) if field == "stringData" => Some(text),
                    Tree::Text(text) => {
                        let decoded = text.decoded();
                        if decoded.is_none() {
                            self.problems.push(format!(
                                "{place}: data.{shown} is no base64: encode it (base64 -w0), or put the value as it is into stringData"
                            ));
                        }
                        decoded
                    }
                    other => {
                        self.problems.push(format!(
                            "{place}: {field}.{shown} is {}, and has to be text: quote it",
                            other.kind()
                        ));
                        None
                    }
                };
                if let Some(value) = value {
                    draft.data.insert(key, value);
                }
            }
        }
    }

    /// Everything but the name and the namespace goes as it is, without kubectl's copy of the values. The server knows the fields.
    fn metadata(&mut self, place: &str, mut metadata: Tree, draft: &mut Draft) {
        if !matches!(metadata, Tree::Map(_) | Tree::Null) {
            self.problems.push(format!("{place}: metadata is {}, and has to be an object", metadata.kind()));
            return;
        }
        if metadata.get("annotations").is_some_and(|annotations| annotations.get(LAST_APPLIED).is_some()) {
            if let Some(annotations) = metadata.map_mut("annotations") {
                annotations.take(LAST_APPLIED);
                if matches!(annotations, Tree::Map(rest) if rest.is_empty()) {
                    metadata.take("annotations");
                }
            }
            eprintln!("Warning: {place}: the annotation {LAST_APPLIED} holds a copy of the values, and is left out");
        }
        // The server refuses it (500, and no word of what to do).
        if metadata.get("resourceVersion").and_then(Tree::as_text).is_some_and(|text| !text.is_empty()) {
            self.problems.push(format!(
                "{place}: metadata.resourceVersion is that of the Secret which this was read from: take it out, and what stands in it is created anew (or, with --replace, written over what is there)"
            ));
        }
        if metadata.get("creationTimestamp").is_some_and(Tree::is_null) {
            metadata.take("creationTimestamp");
        }
        if matches!(metadata, Tree::Map(_)) {
            draft.metadata = metadata;
        }
    }

    fn unknown(&mut self, place: &str, document: &Tree) {
        let Tree::Map(entries) = document else { return };
        for (key, _) in entries.iter().filter(|(key, _)| !FIELDS.contains(&&**key)) {
            let says = format!("{place}: a Secret has no field {}", printable(key));
            match self.validation {
                "Strict" => self.problems.push(format!("{says}: take it out, or give --validate=ignore")),
                "Warn" => eprintln!("Warning: {says}"),
                _ => {}
            }
        }
    }
}
