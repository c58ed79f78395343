//! `lockgate registry test`: which login of a pull Secret the kubelet would use for an image, and what the registry says to it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::answer::{Answer, State};
use super::fits::{Fit, fit};
use super::link::Links;
use super::named::{self, Named};
use super::seen::Row;
use super::visit::{Target, visit};
use crate::api::rules;
use crate::cli::connect::{ClusterArgs, NamespaceArg};
use crate::cli::error::Error;
use crate::cli::output::{self, Format, OutputArgs, printable};
use crate::cli::values::{self, Form, PullEntry, PullFile, Secret};
use crate::cli::{block_on, connect};
use crate::model::image::Image;
use crate::model::names::is_dns_subdomain;
use crate::model::registry::{Fault, Gravity, Host, Key, Keyring, of_key};
use crate::model::world::RegistryKind;

const EXAMPLES: &str = "Examples:
  lockgate registry test regcred
  lockgate registry test regcred --image registry.example.com/team/app:1.4 -n team-a
  lockgate registry test clusterregistry/harbor
  lockgate registry test regcred --registry-ca ca.pem -o json";

/// Flags of `lockgate registry test`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TestArgs {
    /// A Registry or, where there is none of that name, a `ClusterRegistry`, else a pull Secret; registry/NAME, clusterregistry/NAME
    /// and secret/NAME say which.
    #[arg(value_name = "NAME", value_parser = named::registry_or_secret)]
    name: Named,

    /// An image, as a Pipeline names it. With a Registry: one of its host.
    #[arg(long, value_name = "IMAGE", value_parser = image)]
    image: Option<Image>,

    /// How long a registry's answer is waited for.
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = connect::duration)]
    timeout: Duration,

    /// Speak to the registries without TLS. Absent: only to this machine's own, and only where those have none.
    #[arg(long)]
    plain_http: bool,

    /// A file with the certificates (PEM) that the registry's has to be signed by. Absent: those that this machine trusts.
    #[arg(long, value_name = "PATH")]
    registry_ca: Option<PathBuf>,

    #[command(flatten)]
    namespace: NamespaceArg,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// One login that was tried, or was not.
struct Tried {
    /// The entry's key; `None`: nobody's login.
    entry: Option<String>,
    /// Who was asked.
    registry: String,
    answer: Answer,
}

/// Reads the Secret, asks the registries, prints.
pub(super) fn run(args: &TestArgs) -> Result<(), Error> {
    let format = args.output.output.map(|format| format.one_of(&[Format::Json, Format::Yaml])).transpose()?;
    let links = Links::new(args.timeout, args.plain_http, args.registry_ca.as_deref())?;
    let (subject, rows) = block_on(async {
        let connection = args.cluster.connect().await?;
        let namespace = connection.namespace(&args.namespace);
        let client = &connection.client;
        let subject = match args.name.find_or_secret(client, &namespace).await? {
            Some(row) => Subject::of(&row, args.image.as_ref())?,
            None => Subject { namespace, secret: args.name.name.clone(), registry: None },
        };
        let secret = values::read(client, &subject.namespace, &subject.secret).await?;
        let mut file = file_of(secret, &subject.secret, &subject.namespace)?;
        if let Some((via, kind, host)) = &subject.registry {
            file.entries.retain(|entry| fit(*kind, &entry.key, host) != Fit::None);
            if file.entries.is_empty() {
                return Err(Error::Findings(format!(
                    "no entry of Secret {} is for {host}, the host of {via}: lockgate secret create {} -n {} --add --docker-server {} --docker-username USER --docker-password-stdin",
                    subject.secret,
                    subject.secret,
                    subject.namespace,
                    host.server()
                )));
            }
        }
        let rows = match (&args.image, &subject.registry) {
            (Some(image), _) => for_image(&links, &file, image).await,
            (None, None) => for_each(&links, &file, str::to_owned).await,
            (None, Some((.., host))) => for_each(&links, &file, |_| host.as_str().to_owned()).await,
        };
        Ok((subject, rows))
    })?;
    print(format, args, &subject, &rows)?;
    let is_good = match args.image {
        Some(_) => rows.iter().any(|row| row.answer.state.is_good()),
        None => rows.iter().all(|row| row.answer.state.is_good()),
    };
    if is_good {
        return Ok(());
    }
    Err(Error::Findings(match args.image {
        Some(_) => format!("the image cannot be pulled with Secret {}", subject.secret),
        None => format!("not every login of Secret {} is good", subject.secret),
    }))
}

/// What is tested.
struct Subject {
    namespace: String,
    /// The pull Secret.
    secret: String,
    /// The Registry that names it: `registry/NAME`, its kind and host.
    registry: Option<(String, RegistryKind, Host)>,
}

impl Subject {
    /// The Secret of a Registry, for images of its host.
    fn of(row: &Row, image: Option<&Image>) -> Result<Self, Error> {
        let via = row.via();
        let host = row.host().ok_or_else(|| Error::Findings(format!("{via}: {}", rules::REGISTRY_HOST)))?;
        if let Some(image) = image.filter(|image| Host::of(image).as_ref() != Some(&host)) {
            return Err(Error::Findings(format!(
                "{} is not on {host}, and {via} is for no other images: lockgate registry list shows which there is for {}",
                image.repository(),
                printable(&image.domain)
            )));
        }
        let registry = Some((via, row.kind, host));
        Ok(Self { namespace: row.secret_namespace.clone(), secret: row.secret.clone(), registry })
    }
}

/// The file of a pull Secret that the kubelet can read.
fn file_of(secret: Option<Secret>, name: &str, namespace: &str) -> Result<PullFile, Error> {
    let missing = || {
        Error::NotFound(format!(
            "there is no Secret {name} in {namespace}: lockgate secret list -n {namespace} shows those that are"
        ))
    };
    let secret = secret.ok_or_else(missing)?;
    let form = Form::of_type(&secret.type_).ok_or_else(|| {
        Error::Findings(format!(
            "Secret {name} is of type {}, which the kubelet does not look at: a pull Secret is of type kubernetes.io/dockerconfigjson",
            printable(&secret.type_)
        ))
    })?;
    let value = secret.data.get(form.key()).filter(|value| !value.expose().is_empty());
    let value = value.ok_or_else(|| Error::Findings(format!("Secret {name} has nothing under {}", form.key())))?;
    let file = PullFile::read(form, value.expose());
    if file.breaks() || file.entries.is_empty() {
        return Err(Error::Findings(format!("Secret {name}: {}", faults_of(&file).join("; "))));
    }
    Ok(file)
}

/// The sentences on a file that the kubelet cannot use.
pub(in crate::cli) fn faults_of(file: &PullFile) -> Vec<String> {
    let place = file.place.map(|(line, column)| format!(" (line {line}, column {column})")).unwrap_or_default();
    let own = file.faults.iter().map(|fault| format!("its file {}{place}: {}", fault.message(), fault.fix()));
    let breaking = |entry: &PullEntry| {
        let faults = entry.faults.iter().filter(|fault| fault.gravity() == Gravity::Breaks);
        faults.map(|fault| format!("entry {} {}: {}", printable(&entry.key), fault.message(), fault.fix())).collect()
    };
    own.chain(file.entries.iter().flat_map(|entry| -> Vec<String> { breaking(entry) })).collect()
}

/// The logins that the kubelet would offer for an image, until one is taken.
async fn for_image(links: &Links, file: &PullFile, image: &Image) -> Vec<Tried> {
    let mut keyring = Keyring::default();
    for entry in &file.entries {
        keyring.add(&entry.key, entry);
    }
    let target = Target::image(image);
    let offered = keyring.lookup(&image.repository());
    if offered.is_empty() {
        let answer = visit(links, &target, None).await;
        return vec![Tried { entry: None, registry: target.host, answer }];
    }
    let mut rows: Vec<Tried> = Vec::new();
    for entry in offered {
        let answer = visit(links, &target, entry.login.as_ref()).await;
        let is_taken = answer.state.is_good();
        rows.push(Tried {
            entry: Some(entry.key.clone()),
            registry: target.host.clone(),
            answer: with_faults(answer, entry),
        });
        if is_taken {
            break;
        }
    }
    rows
}

/// The login of each entry at its registry, which a Registry says, or else the entry's key.
async fn for_each(links: &Links, file: &PullFile, at: impl Fn(&str) -> String) -> Vec<Tried> {
    let mut rows = Vec::new();
    for entry in &file.entries {
        let host = Key::parse(&entry.key).map(|key| at(key.host())).unwrap_or_default();
        let unused = entry.faults.iter().find(|fault| is_unused(**fault));
        let why = match unused {
            Some(fault) => Some(format!("{}: {}", fault.message(), fault.fix())),
            None => {
                host.contains('*').then(|| "is for many registries: give an image of one of them with --image".into())
            }
        };
        let (registry, answer) = if why.is_some() {
            (host, Answer { state: State::NotTried, said: why })
        } else {
            let target = Target::host(&host);
            let answer = with_faults(visit(links, &target, entry.login.as_ref()).await, entry);
            (target.host, answer)
        };
        rows.push(Tried { entry: Some(entry.key.clone()), registry, answer });
    }
    rows
}

/// Whether there is no login to try, or no image that it is for.
fn is_unused(fault: Fault) -> bool {
    let of_no_image = [Fault::KeyUnreadable, Fault::KeyScheme, Fault::HubAlias, Fault::KeyPath];
    of_no_image.contains(&fault) || matches!(fault, Fault::NoLogin | Fault::IdentityToken)
}

/// Where a login was refused, what is wrong with the entry may be why.
fn with_faults(answer: Answer, entry: &PullEntry) -> Answer {
    let of_login = entry.faults.iter().filter(|fault| !of_key(&entry.key).contains(fault));
    let sentences: Vec<String> =
        of_login.map(|fault| format!("the entry {}: {}", fault.message(), fault.fix())).collect();
    if answer.state != State::WrongLogin || sentences.is_empty() {
        return answer;
    }
    let said = answer.said.into_iter().chain(sentences).collect::<Vec<_>>().join("; ");
    Answer { said: Some(said), ..answer }
}

fn print(format: Option<Format>, args: &TestArgs, subject: &Subject, rows: &[Tried]) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    let Some(format) = format else {
        let cells = rows.iter().map(|Tried { entry, registry, answer }| {
            let entry = entry.as_deref().unwrap_or("<none>").to_owned();
            vec![entry, registry.clone(), answer.state.as_str().to_owned(), answer.sentence()]
        });
        let header = ["ENTRY", "REGISTRY", "RESULT", "MESSAGE"];
        return Ok(output::table(&mut out, Some(&header), &cells.collect::<Vec<_>>())?);
    };
    let results: Vec<Value> = rows
        .iter()
        .map(|Tried { entry, registry, answer }| {
            let message = Some(answer.sentence()).filter(|sentence| !sentence.is_empty());
            json!({"entry": entry, "registry": registry, "result": answer.state.as_str(), "message": message})
        })
        .collect();
    let all = json!({
        "apiVersion": "lockgate.dev/v1alpha1",
        "kind": "RegistryTest",
        "namespace": subject.namespace,
        "registry": subject.registry.as_ref().map(|(via, ..)| via),
        "secret": subject.secret,
        "image": args.image.as_ref().map(ToString::to_string),
        "results": results,
    });
    match format {
        Format::Yaml => output::yaml(&mut out, &all),
        _ => output::json(&mut out, &all),
    }
}

/// The name of a Secret, as an argument.
pub(super) fn secret_name(text: &str) -> Result<String, &'static str> {
    if is_dns_subdomain(text) {
        Ok(text.to_owned())
    } else {
        Err("give the name of a Secret: lower-case letters, digits, '-' and '.'")
    }
}

fn image(text: &str) -> Result<Image, &'static str> {
    Image::parse(text)
}

/// For fuzzing and for comparison with the kubelet: the entries that are offered for an image, as the number of the file and the entry's
/// key, in their order; `None`: a file is malformed, and no image is pulled.
///
/// # Errors
/// What is wrong with the image's name.
pub fn offered(files: &[&[u8]], image: &str) -> Result<Option<Vec<(usize, String)>>, &'static str> {
    let repository = Image::parse(image)?.repository();
    let mut keyring = Keyring::default();
    for (number, file) in files.iter().enumerate() {
        let file = PullFile::read(Form::ConfigJson, file);
        if file.breaks() {
            return Ok(None);
        }
        for entry in file.entries {
            keyring.add(&entry.key.clone(), (number, entry.key));
        }
    }
    Ok(Some(keyring.lookup(&repository).into_iter().cloned().collect()))
}
