//! `lockgate secret create`: everything is judged before anything is sent; then it is sent, and each refusal is told.

mod add;
mod args;
mod documents;
pub(super) mod generic;
mod hash;
pub(in crate::cli) mod limits;
pub(super) mod print;
pub(in crate::cli) mod refuse;
pub(in crate::cli) mod registry;
pub(in crate::cli) mod send;
pub(super) mod tls;
mod words;

pub(in crate::cli) use args::CreateArgs;

use documents::Documents;
use words::Kind;

use crate::cli::block_on;
use crate::cli::error::Error;
use crate::cli::output::Format;
use crate::cli::values::{Draft, SecretValue, Write, compact};
use crate::cli::writes::DryRun;
use crate::model::names::{is_label_value, is_qualified_name};
use crate::model::secret::{EXPIRES_ON_LABEL, Expiry};

/// Judges, then creates; with `--add` changes one that is there.
pub(in crate::cli) fn run(args: &CreateArgs) -> Result<(), Error> {
    let format =
        args.common.output.map(|format| format.one_of(&[Format::Json, Format::Yaml, Format::Name])).transpose()?;
    if args.common.save_config {
        return Err(Error::Usage(
            "--save-config would copy the values into the annotation kubectl.kubernetes.io/last-applied-configuration, where more people may read them: leave it away".into(),
        ));
    }
    if args.add {
        return add::run(args, format);
    }
    let limits = args.limits.limits(args.max_count)?;
    let Documents { mut drafts, problems } = drafts(args)?;
    for draft in &mut drafts {
        finish(draft, args)?;
    }
    refuse::refuse(&drafts, problems, &limits, &args.namespace)?;
    if args.common.dry.run == DryRun::Client {
        return print::drafts(&drafts, &args.namespace, format);
    }
    let write = args.write();
    block_on(async {
        let connection = args.cluster.connect().await?;
        let order = send::Order { write, replace: args.common.replace, max_count: limits.max_count, format };
        send::all(&connection, &drafts, &args.namespace, &order).await
    })
}

impl CreateArgs {
    /// How requests are sent.
    fn write(&self) -> Write {
        Write {
            field_manager: self.common.field_manager.clone(),
            validation: self.common.validate,
            dry_run: self.common.dry.run == DryRun::Server,
        }
    }
}

/// For fuzzing: any bytes as an env file, as manifests, and as a certificate and its key; what is good of the first two as the body of
/// a request, which has to read back.
pub(in crate::cli) fn read_made_up(bytes: &[u8]) {
    let half = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (cert, key) = bytes.split_at(half);
    let _ = tls::judge(&SecretValue::new(cert.to_vec()), &SecretValue::new(key.to_vec()));
    let mut from_env = Draft::new("made-up", "");
    // What is wrong with the file is of no interest here.
    let _ = generic::add_env_file(&mut from_env, "the file", &SecretValue::new(bytes.to_vec()));
    for draft in documents::of_bytes(bytes.to_vec()).iter().chain([&from_env]) {
        let body = compact(&draft.object(None));
        let read = body.ok().and_then(|body| serde_json::from_slice::<serde_json::Value>(body.expose()).ok());
        let keys = read.as_ref().and_then(|object| object.get("data")?.as_object()).map_or(0, serde_json::Map::len);
        assert!(read.is_some() && keys == draft.data.len(), "what would be sent is not what was read");
    }
}

/// What is to be created, as far as the flags of its type say.
fn drafts(args: &CreateArgs) -> Result<Documents, Error> {
    if !args.filename.is_empty() {
        words::none(args)?;
        return documents::read(&args.filename, args.common.validate);
    }
    let (kind, name) = words::kind_and_name(args)?;
    let draft = match kind {
        Kind::Generic => generic::draft(args, &name)?,
        Kind::Tls => tls::draft(args, &name)?,
        Kind::DockerRegistry => registry::draft(args, &name)?,
    };
    Ok(Documents { drafts: vec![draft], problems: Vec::new() })
}

/// What goes with every type.
fn finish(draft: &mut Draft, args: &CreateArgs) -> Result<(), Error> {
    for label in &args.common.labels {
        let (key, value) = label
            .split_once('=')
            .filter(|(key, value)| is_qualified_name(key) && is_label_value(value))
            .ok_or_else(|| {
                Error::Usage("--labels: write each as KEY=VALUE, as Kubernetes' labels are, as in team=vision".into())
            })?;
        draft.label(key, value);
    }
    if let Some(day) = &args.common.expires_on {
        draft.label(EXPIRES_ON_LABEL, day);
    }
    if args.common.immutable {
        draft.immutable = Some(true);
    }
    if args.common.append_hash {
        draft.name = format!("{}-{}", draft.name, hash::of(draft)?);
    }
    Ok(())
}

/// Takes a day as the label has it.
pub(in crate::cli) fn day(text: &str) -> Result<String, &'static str> {
    match Expiry::parse(text) {
        Expiry::On(_) => Ok(text.to_owned()),
        Expiry::NoDate => Err("write a day as YYYY-MM-DD, as in 2027-06-30"),
    }
}

/// kubectl's words for how unknown fields are judged, as the API server has them.
pub(in crate::cli) fn validation(text: &str) -> Result<&'static str, &'static str> {
    match text {
        "strict" | "true" => Ok("Strict"),
        "warn" => Ok("Warn"),
        "ignore" | "false" => Ok("Ignore"),
        _ => Err("write strict, warn or ignore"),
    }
}
