//! The commands: files in, objects to stdout or to the cluster, the report to stderr.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::apply::{ApplyArgs, Verb, apply};
use super::args::SourceArgs;
use super::draft::Draft;
use super::finding::Severity;
use super::read::File;
use super::secrets::Sealed;
use super::{Imported, import, yaml};
use crate::cli::error::Error;
use crate::cli::output::{Format, OutputArgs, json as write_json, printable};

/// Flags of `lockgate import`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  # Pachyderm's pipeline specs as Pipelines, with a comment where something differs; the report is on stderr.
  lockgate import -f edges.json > pipelines.yaml

  # Pipelines that read each other's results, as the steps of one; nothing may get lost.
  lockgate import -f edges.json -f montage.json --as-steps --name edges --strict

  # A Deployment, straight into the cluster, with what stands beside it in the file.
  lockgate import -f deployment.yaml --apply

Findings are `note` (mapped, and behaves otherwise), `lost` (has no counterpart, and is not in what comes out) and `error` (has to be
mended before it can be applied: exit code 1).")]
pub(in crate::cli) struct ImportArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// Apply the objects in place of printing them.
    #[arg(long, conflicts_with_all = ["split", "output"])]
    apply: bool,

    /// Write each object into a file of its own in this folder, which is made where it is not there. No file is overwritten.
    #[arg(long, value_name = "DIR")]
    split: Option<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    send: ApplyArgs,
}

/// Flags of `create pipeline` and `update pipeline`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  # Pachyderm's own file, by pachctl's own words.
  lockgate create pipeline -f edges.json

  # Try it first.
  lockgate update pipeline -f edges.json --dry-run=server")]
pub(in crate::cli) struct PipelineArgs {
    #[command(flatten)]
    source: SourceArgs,

    #[command(flatten)]
    send: ApplyArgs,
}

/// Maps the files and prints or applies what came of them. Findings go to stderr; errors among them, and with `--strict` what was
/// lost, are exit code 1.
pub(in crate::cli) fn run(args: &ImportArgs) -> Result<(), Error> {
    if args.apply {
        return send(&args.source, &args.send, Verb::Apply);
    }
    args.send.is_given()?;
    if !args.source.extract.is_empty() && args.source.secret_file.is_none() {
        return Err(Error::Usage(
            "--extract-env needs --apply or --secret-file: the value has to be somewhere, and is printed nowhere"
                .into(),
        ));
    }
    let format = args.output.output.unwrap_or(Format::Yaml).one_of(&[Format::Yaml, Format::Json])?;
    let imported = read(&args.source)?;
    match &args.split {
        Some(folder) => split(folder, &imported.drafts, format)?,
        None => print(&imported.drafts, format)?,
    }
    report(&imported, args.source.strict)
}

/// `create pipeline`: none of its Pipelines may be there.
pub(in crate::cli) fn create(args: &PipelineArgs) -> Result<(), Error> {
    send(&args.source, &args.send, Verb::Create)
}

/// `update pipeline`: all of its Pipelines have to be there.
pub(in crate::cli) fn update(args: &PipelineArgs) -> Result<(), Error> {
    send(&args.source, &args.send, Verb::Update)
}

fn send(source: &SourceArgs, args: &ApplyArgs, verb: Verb) -> Result<(), Error> {
    let imported = read(source)?;
    report(&imported, source.strict)?;
    let made: Vec<&Sealed> = imported.secrets.iter().filter(|sealed| sealed.is_extracted()).collect();
    let secrets = if source.secret_file.is_some() { Vec::new() } else { made };
    crate::cli::block_on(apply(&imported.drafts, &secrets, &source.namespace, args, verb))
}

fn read(args: &SourceArgs) -> Result<Imported, Error> {
    let files = args.filename.iter().map(|name| file(name)).collect::<Result<Vec<_>, _>>()?;
    let imported = import(&files, &args.options());
    if let Some(path) = &args.secret_file {
        write_secrets(path, &imported.secrets)?;
    }
    let pipelines = imported.drafts.iter().filter(|draft| draft.is_pipeline()).count();
    if args.name.is_some() && pipelines > 1 {
        return Err(Error::Usage(format!(
            "--name is for one Pipeline, and these files have {pipelines}: import them one by one, or as one with --as-steps"
        )));
    }
    Ok(imported)
}

/// One file of all Secrets, for its owner alone.
fn write_secrets(path: &Path, secrets: &[Sealed]) -> Result<(), Error> {
    let wrong = |why| unwritable(path, &why);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(wrong)?;
    for sealed in secrets {
        file.write_all(b"---\n").map_err(wrong)?;
        file.write_all(sealed.manifest().expose()).map_err(wrong)?;
        file.write_all(b"\n").map_err(wrong)?;
    }
    let path = path.display();
    let count = secrets.len();
    eprintln!(
        "{}",
        printable(&format!(
            "note: {path}: holds {count} of the Secrets: lockgate secret create -f {path} makes them; then remove it"
        ))
    );
    Ok(())
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
    std::fs::create_dir_all(folder).map_err(|why| unwritable(folder, &why))?;
    let ending = if format == Format::Json { "json" } else { "yaml" };
    for draft in drafts {
        let kind = draft.text("/kind").to_lowercase();
        let name = format!("{kind}-{}.{ending}", draft.name()).replace(['/', '\\'], "-");
        let path = folder.join(name);
        let wrong = |why| unwritable(&path, &why);
        let mut file = std::fs::File::create_new(&path).map_err(wrong)?;
        if format == Format::Json {
            write_json(&mut file, &draft.object)?;
        } else {
            file.write_all(yaml::write(draft).as_bytes()).map_err(wrong)?;
        }
        let path = path.display().to_string();
        writeln!(std::io::stdout(), "{}", printable(&path))?;
    }
    Ok(())
}

/// Why a file cannot be written, and what to do.
fn unwritable(path: &Path, why: &std::io::Error) -> Error {
    let path = path.display();
    if why.kind() == std::io::ErrorKind::AlreadyExists {
        return Error::Conflict(format!(
            "{path} is there already, and no file is overwritten: remove it, or name another"
        ));
    }
    Error::Findings(format!("{path} cannot be written: {why}"))
}

/// Writes every finding to stderr; the error that they come to.
fn report(imported: &Imported, strict: bool) -> Result<(), Error> {
    for finding in &imported.findings {
        eprintln!("{}", printable(&finding.to_string()));
    }
    let count = |severity| imported.findings.iter().filter(|finding| finding.severity == severity).count();
    match (count(Severity::Error), count(Severity::Lost)) {
        (0, lost) if lost > 0 && strict => Err(Error::Findings(format!(
            "{lost} {} lost, and --strict is given",
            if lost == 1 { "thing is" } else { "things are" }
        ))),
        (0, _) if imported.drafts.is_empty() && imported.findings.is_empty() => Err(Error::Findings(
            "nothing is in these files: give specs of Pachyderm, DataOS or Direktiv, or manifests of Kubernetes"
                .to_owned(),
        )),
        (0, _) => Ok(()),
        (errors, _) => Err(Error::Findings(format!("{errors} to be mended before this can be applied"))),
    }
}
