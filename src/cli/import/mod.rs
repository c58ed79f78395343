//! `lockgate import`: objects of other systems as Pipelines, and a report of what has no counterpart.
//!
//! [`import`] is pure: files in; objects, comments and findings out. Each system takes fields from a [`source::Source`] until nothing
//! is left that it knows; what is left is reported.

mod apply;
mod args;
mod command;
mod dataos;
mod direktiv;
pub mod draft;
pub mod finding;
#[cfg(test)]
mod golden_tests;
mod graph;
mod kubernetes;
mod line;
mod names;
mod pachyderm;
#[cfg(test)]
mod page_tests;
pub mod read;
pub mod secrets;
mod settings;
pub mod source;
pub mod system;
#[cfg(test)]
mod tests;
pub mod yaml;

pub(super) use command::{ImportArgs, PipelineArgs, create, run, update};
use draft::Draft;
use finding::{Finding, Severity};
use read::File;
use secrets::{Extract, Sealed};
use system::System;

use crate::api::pipeline::{OnMissingSecret, Security};
use crate::model::parse::Violation;
use crate::model::validate::validate;

/// What is asked for besides the files.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whose objects they are; `None`: told by their shape.
    pub from: Option<System>,
    /// The Pipeline's name.
    pub name: Option<String>,
    /// The namespace of every object that says none.
    pub namespace: Option<String>,
    /// `security` of every Pipeline.
    pub security: Option<Security>,
    /// `on_missing_secret` of every Pipeline.
    pub on_missing_secret: Option<OnMissingSecret>,
    /// Pipelines that read each other's results become steps of one.
    pub as_steps: bool,
    /// Variables to be moved into Secrets.
    pub extract: Vec<Extract>,
    /// Where Secrets of DataOS appear as files.
    pub dataos_secret_dir: Option<String>,
}

impl Options {
    /// What a Pipeline is called that becomes no step of another.
    fn name(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| !self.as_steps)
    }
}

/// What came of the files.
#[derive(Default)]
pub struct Imported {
    /// The objects, in the order of the files.
    pub drafts: Vec<Draft>,
    /// What is to be known of them.
    pub findings: Vec<Finding>,
    /// Secrets of the files, and those that were made of literals.
    pub secrets: Vec<Sealed>,
}

/// Reads the files and maps every object. Never panics, whatever the bytes; a Pipeline that comes out is valid, or there is an error
/// among the findings.
#[must_use]
pub fn import(files: &[File], options: &Options) -> Imported {
    let mut imported = Imported::default();
    let mut sources = Vec::new();
    for file in files {
        match read::documents(file) {
            Ok(read) => sources.extend(read),
            Err(finding) => imported.findings.push(finding),
        }
    }
    let known = dataos::Known::of(sources.iter().filter_map(|source| source.peek("")));
    for source in sources {
        map(source, options, &known, &mut imported);
    }
    graph::join(&mut imported, options);
    settings::apply(&mut imported, options);
    secrets::extract(&mut imported, options);
    secrets::left_out(&mut imported);
    for draft in imported.drafts.iter_mut().filter(|draft| draft.is_pipeline()) {
        for Violation { field, message } in validate(&draft.object) {
            let text = format!("the Pipeline's {field}: {message}");
            draft.comment("", format!("To be mended: {field}: {message}"));
            imported.findings.push(draft.finding(Severity::Error, "", text));
        }
    }
    imported
}

fn map(mut source: source::Source, options: &Options, known: &dataos::Known, imported: &mut Imported) {
    if !source.peek("").is_some_and(serde_json::Value::is_object) {
        source.error("", "is no object: fields and their values are expected here");
        source.take("");
        imported.findings.extend(source.finish());
        return;
    }
    let Some(system) = options.from.or_else(|| source.peek("").and_then(System::of)) else {
        source.error("", "is an object of no system that is known here: say whose it is with --from");
        source.take("");
        imported.findings.extend(source.finish());
        return;
    };
    let mut drafts = system.map(&mut source, options, known);
    for draft in &mut drafts {
        draft.origin = source.origin();
        draft.line = source.line("");
    }
    imported.drafts.extend(drafts);
    imported.secrets.append(&mut source.secrets);
    imported.findings.extend(source.finish());
}
