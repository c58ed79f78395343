//! What is printed: `secret/NAME created`, or the object, with its values only where nothing was created.

use std::io::{Write, stdout};

use crate::cli::error::Error;
use crate::cli::output::{Format, printable};
use crate::cli::values::{self, Draft, Tree};

/// What `--dry-run=client` prints.
pub(in crate::cli) fn drafts(drafts: &[Draft], namespaces: &[String], format: Option<Format>) -> Result<(), Error> {
    let mut printer = Printer::new(format);
    for draft in drafts {
        // As kubectl does it: the namespace stands in the object where it was named.
        let own = [draft.namespace.as_deref()];
        let named: Vec<Option<&str>> = namespaces.iter().map(|namespace| Some(&**namespace)).collect();
        for namespace in if named.is_empty() { &own } else { named.as_slice() } {
            let place = namespace.filter(|_| namespaces.len() > 1);
            let line = Line { name: &draft.name, verb: "created", place, note: " (dry run)" };
            printer.object(draft.object(*namespace), &line, true)?;
        }
    }
    Ok(())
}

/// One line for people.
pub(in crate::cli) struct Line<'a> {
    /// The Secret's name.
    pub name: &'a str,
    /// What became of it.
    pub verb: &'a str,
    /// Its namespace, where there are several.
    pub place: Option<&'a str>,
    /// What stands behind it.
    pub note: &'a str,
}

/// Prints one after the other.
pub(in crate::cli) struct Printer {
    format: Option<Format>,
    is_first: bool,
}

impl Printer {
    /// In this format.
    pub(in crate::cli) fn new(format: Option<Format>) -> Self {
        Self { format, is_first: true }
    }

    /// Prints an object; its values only if it was not written anywhere. Without them no annotation is printed either: kubectl and
    /// others keep a copy of the values in one.
    pub(in crate::cli) fn object(&mut self, mut object: Tree, line: &Line<'_>, with_values: bool) -> Result<(), Error> {
        if !with_values {
            object.take("data");
        }
        if let Some(metadata) = object.map_mut("metadata") {
            metadata.take("managedFields");
            if !with_values {
                metadata.take("annotations");
            }
        }
        let is_first = std::mem::replace(&mut self.is_first, false);
        let mut out = stdout().lock();
        match self.format {
            Some(Format::Json) => values::json(&mut out, &object)?,
            Some(Format::Yaml) => {
                if !is_first {
                    writeln!(out, "---")?;
                }
                values::yaml(&mut out, object)?;
            }
            Some(_) => writeln!(out, "secret/{}", printable(line.name))?,
            None => {
                let place = line.place.map(|place| format!(" in {}", printable(place))).unwrap_or_default();
                writeln!(out, "secret/{} {}{place}{}", printable(line.name), line.verb, line.note)?;
            }
        }
        out.flush()?;
        Ok(())
    }
}
