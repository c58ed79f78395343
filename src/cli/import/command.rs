//! The command: files in, objects to stdout, the report to stderr.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::draft::Draft;
use super::finding::Severity;
use super::read::File;
use super::system::System;
use super::{Imported, Options, import, yaml};
use crate::api::pipeline::{OnMissingSecret, Security};
use crate::cli::connect;
use crate::cli::error::Error;
use crate::cli::output::{Format, OutputArgs, json as write_json, printable};

/// Flags of `lockgate import`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ImportArgs {
    /// A file of another system's objects, YAML or JSON, or `-` for standard input. May be given several times.
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    filename: Vec<String>,

    /// Whose objects they are. Absent: told by their shape.
    #[arg(long, value_enum, value_name = "SYSTEM")]
    from: Option<System>,

    /// The Pipeline's name; there must be one only. Absent: the object's own, made good where it has to be.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// The namespace of objects that name none. Absent: none is written.
    #[arg(short, long, value_name = "NAME", value_parser = connect::namespace)]
    namespace: Option<String>,

    /// Pipelines that read each other's results become the steps of one Pipeline, with needs.
    #[arg(long)]
    as_steps: bool,

    /// The security of every Pipeline. Absent: none is written, which means Baseline.
    #[arg(long, value_enum, value_name = "LEVEL")]
    security: Option<SecurityLevel>,

    /// What a missing Secret means to every Pipeline. Absent: none is written, which means Wait. Pachyderm's way is Fail.
    #[arg(long, value_enum, value_name = "WHAT")]
    on_missing_secret: Option<Missing>,

    /// Where DataOS' Secrets appear as files. Its older pages say /opt/dataos/secret.
    #[arg(long, value_name = "DIR", default_value = "/etc/dataos/secret")]
    dataos_secret_dir: String,

    /// A field without a counterpart is an error: exit code 1.
    #[arg(long)]
    strict: bool,

    /// Write each object into a file of its own in this folder, which is made where it is not there. No file is overwritten.
    #[arg(long, value_name = "DIR")]
    split: Option<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,
}

/// `--security`.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum SecurityLevel {
    /// Seccomp `RuntimeDefault` and nothing else.
    Baseline,
    /// All that the Pod Security level `restricted` asks for.
    Restricted,
}

/// `--on-missing-secret`.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Missing {
    /// Nothing starts until it is there.
    Wait,
    /// The run fails at once.
    Fail,
}

/// Maps the files and prints what came of them. Findings go to stderr; errors among them, and with `--strict` what was lost, are
/// exit code 1.
pub(in crate::cli) fn run(args: &ImportArgs) -> Result<(), Error> {
    let format = args.output.output.unwrap_or(Format::Yaml).one_of(&[Format::Yaml, Format::Json])?;
    let files = args.filename.iter().map(|name| file(name)).collect::<Result<Vec<_>, _>>()?;
    let imported = import(&files, &options(args));
    let pipelines = imported.drafts.iter().filter(|draft| draft.is_pipeline()).count();
    if args.name.is_some() && pipelines > 1 {
        return Err(Error::Usage(format!(
            "--name is for one Pipeline, and these files have {pipelines}: import them one by one, or as one with --as-steps"
        )));
    }
    match &args.split {
        Some(folder) => split(folder, &imported.drafts, format)?,
        None => print(&imported.drafts, format)?,
    }
    report(&imported, args.strict)
}

fn options(args: &ImportArgs) -> Options {
    Options {
        from: args.from,
        name: args.name.clone(),
        namespace: args.namespace.clone(),
        security: args.security.map(|level| match level {
            SecurityLevel::Baseline => Security::Baseline,
            SecurityLevel::Restricted => Security::Restricted,
        }),
        on_missing_secret: args.on_missing_secret.map(|what| match what {
            Missing::Wait => OnMissingSecret::Wait,
            Missing::Fail => OnMissingSecret::Fail,
        }),
        as_steps: args.as_steps,
        dataos_secret_dir: Some(args.dataos_secret_dir.clone()),
    }
}

fn file(name: &str) -> Result<File, Error> {
    let mut bytes = Vec::new();
    let read = if name == "-" {
        std::io::stdin().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(name).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|why| Error::File(name.to_owned(), why))?;
    Ok(File { name: name.to_owned(), bytes })
}

fn print(drafts: &[Draft], format: Format) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match (format, drafts) {
        (Format::Json, [draft]) => write_json(&mut out, &draft.object),
        (Format::Json, drafts) => {
            let items: Vec<&Value> = drafts.iter().map(|draft| &draft.object).collect();
            write_json(&mut out, &json!({"apiVersion": "v1", "kind": "List", "items": items}))
        }
        (_, drafts) => {
            let documents: Vec<String> = drafts.iter().map(yaml::write).collect();
            out.write_all(documents.join("---\n").as_bytes())?;
            Ok(())
        }
    }
}

/// One file for each object, named after it; what is there already stays.
fn split(folder: &Path, drafts: &[Draft], format: Format) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|why| Error::File(folder.display().to_string(), why))?;
    let ending = if format == Format::Json { "json" } else { "yaml" };
    for draft in drafts {
        let kind = draft.text("/kind").to_lowercase();
        let path = folder.join(format!("{kind}-{}.{ending}", draft.name().replace(['/', '\\'], "-")));
        let wrong = |why| Error::File(path.display().to_string(), why);
        let mut file = std::fs::File::create_new(&path).map_err(wrong)?;
        if format == Format::Json {
            write_json(&mut file, &draft.object)?;
        } else {
            file.write_all(yaml::write(draft).as_bytes()).map_err(wrong)?;
        }
        println!("{}", path.display());
    }
    Ok(())
}

/// Writes every finding to stderr; the error that they come to.
fn report(imported: &Imported, strict: bool) -> Result<(), Error> {
    for finding in &imported.findings {
        eprintln!("{}", printable(&finding.to_string()));
    }
    let count = |severity| imported.findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, lost) = (count(Severity::Error), count(Severity::Lost));
    match (errors, lost) {
        (0, lost) if lost > 0 && strict => {
            Err(Error::Findings(format!("{} without a counterpart, and --strict is given", counted(lost))))
        }
        (0, _) if imported.drafts.is_empty() && imported.findings.is_empty() => Err(Error::Findings(
            "nothing in these files can be imported: give Pachyderm's pipeline specs, DataOS' resources or Direktiv's workflows"
                .to_owned(),
        )),
        (0, _) => Ok(()),
        (errors, _) => Err(Error::Findings(format!("{errors} to be mended before this can be applied"))),
    }
}

fn counted(fields: usize) -> String {
    format!("{fields} {}", if fields == 1 { "field is" } else { "fields are" })
}
