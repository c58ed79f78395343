//! `lockgate check`: says what is wrong with Pipelines and Registries before they are applied: without a cluster, and with `--live` what one says.

pub(super) mod files;
mod finding;
mod images;
mod inputs;
mod live;
mod mounts;
pub(super) mod object;
mod offline;
mod place;
mod print;
mod registries;
mod rules;
mod secrets;

use clap::{Args, ValueEnum};

pub(super) use self::inputs::judge_made_up;

use self::files::File;
use self::finding::{Finding, Severity};
use self::live::LiveArgs;
use self::object::Object;
use self::rules::Rule;
use super::error::Error;
use crate::api::GROUP;
use crate::model::world::RegistryKind;

/// Flags of `lockgate check`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct CheckArgs {
    /// A file of manifests, YAML or JSON, a folder of such files, or `-` for standard input. May be given several times.
    #[arg(short, long = "filename", value_name = "FILE|DIR", required_unless_present = "files", value_delimiter = ',')]
    filename: Vec<String>,

    /// The same without a flag, as pre-commit gives them.
    #[arg(value_name = "FILE|DIR")]
    files: Vec<String>,

    /// Also the folders below the folders that -f names.
    #[arg(short = 'R', long)]
    recursive: bool,

    /// Warnings count as errors, and so do files without any Pipeline or Registry.
    #[arg(long)]
    strict: bool,

    /// How the findings are printed.
    #[arg(short, long, value_enum, default_value = "text", value_name = "FORMAT")]
    output: OutputFormat,

    #[command(flatten)]
    live: LiveArgs,
}

const EXAMPLES: &str = "\
Examples:
  # All manifests of a folder and of those below it.
  lockgate check -R -f deploy/

  # What a chart renders, with findings as annotations of the pull request.
  helm template . | lockgate check -o github -f -

  # Whether it would run in the cluster as that is now, and which login each image would be pulled with.
  lockgate check -f edges.yaml --live -n team-a

Ends with 0 where nothing is to be mended, with 1 where something is (with --strict: or is warned of), and with 2 where a file
cannot be opened; with --live with 3 where the cluster does not answer. docs/check.md explains each finding.";

/// How the findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// For people, with the line that is meant.
    Text,
    /// One object with `pipelines`, `registries` (how many were checked) and `findings`.
    Json,
    /// SARIF 2.1.0, as code scanners read it.
    Sarif,
    /// Commands of GitHub Actions, which become annotations of the lines.
    Github,
}

/// Checks the files. What is found and is no warning ends with 1.
pub(super) fn run(args: &CheckArgs) -> Result<(), Error> {
    let named: Vec<String> = args.filename.iter().chain(&args.files).cloned().collect();
    let files = files::read(&named, args.recursive)?;
    let objects: Vec<Object<'_>> = files.iter().flat_map(object::all).collect();
    let pipelines: Vec<&Object<'_>> = objects.iter().filter(|object| object.is_pipeline()).collect();
    let mut findings: Vec<Finding> = files.iter().filter_map(unreadable).collect();
    findings.extend(pipelines.iter().flat_map(|pipeline| offline::findings(pipeline)));
    let registries: Vec<(RegistryKind, &Object<'_>)> =
        objects.iter().filter_map(|object| Some((object.registry()?, object))).collect();
    findings.extend(registries.iter().flat_map(|(kind, registry)| registries::findings(*kind, registry)));
    findings.extend(objects.iter().filter_map(stranger));
    findings.extend(secrets::findings(&objects));
    findings.extend(live::findings(&args.live, &objects)?);
    finding::sort(&mut findings);

    let checked = Checked { pipelines: pipelines.len(), registries: registries.len() };
    let mut out = std::io::stdout().lock();
    match args.output {
        OutputFormat::Text => print::text(&mut out, &findings, checked)?,
        OutputFormat::Json => print::json(&mut out, &findings, checked)?,
        OutputFormat::Sarif => print::sarif(&mut out, &findings)?,
        OutputFormat::Github => print::github(&mut out, &findings)?,
    }
    let counts = |finding: &&Finding| match finding.severity {
        Severity::Error => true,
        Severity::Warning => args.strict,
        Severity::Note => false,
    };
    match findings.iter().filter(counts).count() {
        0 if checked.is_nothing() && args.strict => Err(Error::NothingToCheck),
        0 => {
            if checked.is_nothing() {
                eprintln!("lockgate: {}", Error::NothingToCheck);
            }
            Ok(())
        }
        errors => Err(Error::Found(errors)),
    }
}

/// How many objects of ours there were.
#[derive(Clone, Copy)]
struct Checked {
    pipelines: usize,
    registries: usize,
}

impl Checked {
    fn is_nothing(self) -> bool {
        self.pipelines == 0 && self.registries == 0
    }
}

/// A kind of our group that there is not, as a misspelt one.
fn stranger(object: &Object<'_>) -> Option<Finding> {
    let kind = object.stranger()?;
    let message = format!("{GROUP} has no kind {kind}: it has Pipeline, Registry and ClusterRegistry");
    Some(object.finding(Rule::InvalidField, Severity::Error, "kind", message))
}

/// A file that cannot be read at all.
fn unreadable(file: &File) -> Option<Finding> {
    let error = file.documents.as_ref().err()?;
    Some(Finding {
        rule: Rule::NotReadable,
        severity: Severity::Error,
        place: Some(finding::Location {
            file: file.name.clone(),
            line: error.place.line,
            column: error.place.column,
            end_column: error.place.column + 1,
            // It may hold a Secret's values.
            shown: None,
        }),
        object: String::new(),
        field: String::new(),
        message: error.why.clone(),
    })
}
