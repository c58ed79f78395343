//! `lockgate check`: says what is wrong with Pipelines before they are applied, without a cluster.

use std::io::{Read, Write};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::error::Error;
use super::manifest;
use crate::api::pipeline::PipelineSpec;
use crate::model::literals::literals;
use crate::model::validate::validate;

/// Flags of `lockgate check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// A file of manifests, YAML or JSON, or `-` for standard input. May be given several times.
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    filename: Vec<String>,

    /// Warnings count as errors.
    #[arg(long)]
    strict: bool,

    /// How the findings are printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: OutputFormat,
}

/// How the findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// One line for each.
    Text,
    /// One object with `pipelines` (how many were checked) and `findings`.
    Json,
}

/// Something to be mended in a Pipeline.
#[derive(Debug)]
struct Finding {
    file: String,
    pipeline: String,
    is_error: bool,
    field: String,
    message: String,
}

/// What a literal's finding ends with.
const USE_A_SECRET: &str = "whoever may read the Pipeline or its Pods may read it: put it into a Secret and name that in secrets, with env_var or mount_path";

/// Checks the files. Errors are found: exit code 1.
pub(super) fn run(args: &CheckArgs) -> Result<(), Error> {
    let mut findings = Vec::new();
    let mut pipelines = 0_usize;
    for file in &args.filename {
        let documents =
            manifest::read(&text_of(file)?).map_err(|why| Error::Manifest(file.clone(), why.to_string()))?;
        for document in documents.iter().flat_map(items).filter(|document| is_pipeline(document)) {
            pipelines = pipelines.saturating_add(1);
            findings.extend(check(file, document));
        }
    }
    let mut out = std::io::stdout().lock();
    match args.output {
        OutputFormat::Text => {
            for Finding { file, pipeline, is_error, field, message } in &findings {
                let severity = if *is_error { "error" } else { "warning" };
                let field = if field.is_empty() { String::new() } else { format!("{field}: ") };
                writeln!(out, "{file}: Pipeline {pipeline}: {severity}: {field}{message}")?;
            }
            if findings.is_empty() {
                let noun = if pipelines == 1 { "Pipeline" } else { "Pipelines" };
                writeln!(out, "{pipelines} {noun} checked, nothing found")?;
            }
        }
        OutputFormat::Json => {
            let rows: Vec<Value> = findings.iter().map(row).collect();
            writeln!(out, "{}", json!({"pipelines": pipelines, "findings": rows}))?;
        }
    }
    let errors = findings.iter().filter(|finding| finding.is_error || args.strict).count();
    match (pipelines, errors) {
        (0, _) => Err(Error::NothingToCheck),
        (_, 0) => Ok(()),
        (_, errors) => Err(Error::Found(errors)),
    }
}

fn row(finding: &Finding) -> Value {
    json!({
        "file": finding.file,
        "pipeline": finding.pipeline,
        "severity": if finding.is_error { "error" } else { "warning" },
        "field": finding.field,
        "message": finding.message,
    })
}

fn text_of(file: &str) -> Result<String, Error> {
    if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(|why| Error::File(file.to_owned(), why))
}

/// The objects of a `List`, or the object itself.
pub(super) fn items(document: &Value) -> Vec<&Value> {
    match document.get("items").and_then(Value::as_array) {
        Some(items) if document.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List")) => {
            items.iter().collect()
        }
        _ => vec![document],
    }
}

/// Whether it is ours, and not another project's.
pub(super) fn is_pipeline(document: &Value) -> bool {
    let group = document.get("apiVersion").and_then(Value::as_str).and_then(|version| version.split('/').next());
    // `kind: Pipeline` is other projects' word, too.
    group == Some(crate::api::GROUP) && document.get("kind").and_then(Value::as_str) == Some("Pipeline")
}

fn check(file: &str, document: &Value) -> Vec<Finding> {
    let name = document.pointer("/metadata/name").or_else(|| document.pointer("/metadata/generateName"));
    let finding = |is_error: bool, field: String, message: String| Finding {
        file: file.to_owned(),
        pipeline: name.and_then(Value::as_str).unwrap_or("without a name").to_owned(),
        is_error,
        field,
        message,
    };
    let broken = validate(document).into_iter().map(|broken| finding(true, broken.field, broken.message));
    let spec = document.get("spec").and_then(|spec| serde_json::from_value::<PipelineSpec>(spec.clone()).ok());
    let open = spec.iter().flat_map(literals).map(|literal| {
        finding(false, literal.field, format!("holds what looks like {}: {USE_A_SECRET}", literal.looks_like))
    });
    broken.chain(open).collect()
}
