//! What is printed of what was made: a line for each object, or the objects, with the login only where nothing was written.

use std::io::{Write, stdout};

use serde::Serialize;
use serde_json::Value;

use super::{Order, Target};
use crate::cli::error::Error;
use crate::cli::output::{Format, printable};
use crate::cli::registry::seen::kind_name;
use crate::cli::values::{self, Tree};
use crate::cli::writes::DryRun;
use crate::model::world::RegistryKind;

/// Lines as they come, and objects until the end.
pub(super) struct Printer {
    format: Option<Format>,
    objects: Vec<Tree>,
    /// Whether the login is shown.
    with_values: bool,
    /// What stands behind each line.
    suffix: &'static str,
}

impl Printer {
    /// In this format; `suffix`: what is said of a dry run.
    pub(super) fn new(format: Option<Format>, suffix: &'static str) -> Self {
        Self { format, objects: Vec::new(), with_values: !suffix.is_empty(), suffix }
    }

    /// A Secret that was made or changed; `place`: its namespace, where that is not plain.
    pub(super) fn secret(
        &mut self,
        name: &str,
        verb: &str,
        place: Option<&str>,
        mut object: Tree,
    ) -> Result<(), Error> {
        if !self.with_values {
            object.take("data");
        }
        self.add("secret", name, verb, place, object)
    }

    /// A Registry of either kind.
    pub(super) fn registry(
        &mut self,
        kind: RegistryKind,
        name: &str,
        verb: &str,
        place: Option<&str>,
        object: &impl Serialize,
    ) -> Result<(), Error> {
        let mut object: Value = serde_json::to_value(object)?;
        if let Some(fields) = object.as_object_mut() {
            fields.remove("status");
        }
        self.add(kind_name(kind), name, verb, place, Tree::from(object))
    }

    fn add(&mut self, kind: &str, name: &str, verb: &str, place: Option<&str>, mut object: Tree) -> Result<(), Error> {
        let name = printable(name);
        match self.format {
            None => {
                let place = place.map(|place| format!(" in {}", printable(place))).unwrap_or_default();
                Ok(writeln!(stdout(), "{kind}/{name} {verb}{place}{}", self.suffix)?)
            }
            Some(Format::Json | Format::Yaml) => {
                if let Some(metadata) = object.map_mut("metadata") {
                    metadata.take("managedFields");
                }
                self.objects.push(object);
                Ok(())
            }
            Some(_) => Ok(writeln!(stdout(), "{kind}/{name}")?),
        }
    }

    /// Whether people read it, of what was done.
    pub(super) fn is_for_people(&self) -> bool {
        self.format.is_none() && !self.with_values
    }

    /// The objects: a List as JSON, documents as YAML; both can be applied.
    pub(super) fn end(self) -> Result<(), Error> {
        let mut out = stdout().lock();
        match self.format {
            Some(Format::Json) => {
                let list = vec![
                    ("apiVersion".to_owned(), Tree::text("v1")),
                    ("kind".to_owned(), Tree::text("List")),
                    ("items".to_owned(), Tree::List(self.objects)),
                ];
                values::json(&mut out, &Tree::Map(list))?;
            }
            Some(Format::Yaml) => {
                for (number, object) in self.objects.into_iter().enumerate() {
                    if number > 0 {
                        writeln!(out, "---")?;
                    }
                    values::yaml(&mut out, object)?;
                }
            }
            _ => {}
        }
        Ok(out.flush()?)
    }
}

/// What `--dry-run=client` prints.
pub(super) fn dry(order: &Order, format: Option<Format>) -> Result<(), Error> {
    let mut printer = Printer::new(format, DryRun::Client.suffix());
    match &order.target {
        Target::Namespaces(namespaces) => {
            // As kubectl does it: the namespace stands in the object where it was named.
            let named: Vec<Option<&str>> = namespaces.iter().map(|namespace| Some(&**namespace)).collect();
            for namespace in if named.is_empty() { &[None] } else { named.as_slice() } {
                let place = namespace.filter(|_| namespaces.len() > 1);
                if let Some(draft) = &order.draft {
                    printer.secret(&draft.name, "created", place, draft.object(*namespace))?;
                }
                let registry = order.registry(*namespace);
                printer.registry(RegistryKind::Registry, &order.name, "created", place, &registry)?;
            }
        }
        Target::Cluster(spec) => {
            let namespace = spec.secret.namespace.as_str();
            if let Some(draft) = &order.draft {
                printer.secret(&draft.name, "created", Some(namespace), draft.object(Some(namespace)))?;
            }
            let registry = order.cluster_registry(spec);
            printer.registry(RegistryKind::ClusterRegistry, &order.name, "created", None, &registry)?;
        }
    }
    printer.end()
}
