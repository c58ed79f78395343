//! What `lockgate run` was given -> the Pipeline. Pure.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::secret::{self, SecretArg};
use crate::cli::error::Error;
use crate::model::literals::literals;
use crate::model::validate::validate;

/// The flags that say what runs.
#[derive(Args, Debug)]
#[command(next_help_heading = "What runs")]
pub(super) struct SpecArgs {
    /// The image.
    #[arg(long, value_name = "IMAGE")]
    image: String,

    /// Secrets with the registry's credentials, with commas between them. May be given several times.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    image_pull_secrets: Vec<String>,

    /// A Secret and what it is used for: `db:password=DB_PASSWORD` (a key as an environment variable), `tls:/etc/tls` (every key as a
    /// file), `app:conf=/etc/app.conf` (a key as this file), `app:*=APP_` (every key as a variable). May be given several times.
    #[arg(long = "secret", value_name = "NAME:USE", value_parser = secret::parse)]
    secrets: Vec<SecretArg>,

    /// An environment variable. Whoever may read the Pipeline may read it: give a password with --secret. May be given several
    /// times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,

    /// The numeric user that the command runs as. Absent: the image's. (--user is kubectl's, a user of the kubeconfig.)
    #[arg(long, value_name = "UID")]
    run_as_user: Option<u32>,

    /// What the Pod reserves, as in cpu=100m,memory=64Mi.
    #[arg(long, value_name = "AMOUNTS", value_delimiter = ',', value_parser = pair)]
    requests: Vec<(String, String)>,

    /// What the Pod may use, as in memory=128Mi.
    #[arg(long, value_name = "AMOUNTS", value_delimiter = ',', value_parser = pair)]
    limits: Vec<(String, String)>,

    /// The Pod's ServiceAccount. Absent: `default`, without its token.
    #[arg(long, value_name = "NAME", alias = "serviceaccount")]
    service_account: Option<String>,

    /// When the kubelet asks the registry. Absent: Always for the tag `latest`, else `IfNotPresent`.
    #[arg(long, value_name = "POLICY")]
    image_pull_policy: Option<PullPolicy>,

    /// Baseline runs ordinary images, Restricted sets all that Pod Security `restricted` asks for.
    #[arg(long, value_name = "LEVEL", default_value = "Baseline")]
    security: Level,

    /// How long the run may take once its Pod exists, as in 10m. Absent: as long as it takes.
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,

    /// How often a failed Pod is followed by a fresh one.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    retries: i32,

    /// What happens while a Secret is missing: Wait until it is there, or Fail at once.
    #[arg(long, value_name = "WHAT", default_value = "Wait")]
    on_missing_secret: Missing,

    /// How long a missing Secret is waited for, as in 15m. Absent: until it is there.
    #[arg(long, value_name = "DURATION")]
    missing_secret_timeout: Option<String>,

    /// Never is what a run is. For `OnFailure` give --retries, for Always apply a Pipeline of `mode: Service`.
    #[arg(long, value_name = "POLICY", default_value = "Never")]
    restart: Restart,

    /// The words after -- are arguments of the image's own command, as kubectl run takes them.
    #[arg(long, conflicts_with = "command", requires = "cmd")]
    args: bool,

    /// The words after -- are the command. It is so without this flag, which Pi's and kubectl's run have.
    #[arg(long, hide = true)]
    command: bool,

    /// The command and its arguments. Absent: the image's own.
    #[arg(last = true, value_name = "CMD")]
    cmd: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Level {
    Baseline,
    Restricted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Missing {
    Wait,
    Fail,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Restart {
    Never,
    OnFailure,
    Always,
}

/// `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// How a choice is written.
fn word(choice: &impl ValueEnum) -> String {
    choice.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// A Pipeline as it would be applied, and what its author should hear of it.
pub(super) struct Made {
    /// The manifest. What was not given is not in it.
    pub manifest: Value,
    /// Literals that look like credentials, in words.
    pub warnings: Vec<String>,
}

impl SpecArgs {
    /// Makes the Pipeline, and refuses what the API server would refuse.
    pub(super) fn pipeline(&self, name: &str, namespace: Option<&str>) -> Result<Made, Error> {
        self.is_one_shot()?;
        let mut metadata = json!({"name": name});
        set(&mut metadata, "namespace", namespace.map(Value::from));
        let manifest = json!({
            "apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline", "metadata": metadata, "spec": self.spec()?,
        });
        let broken = validate(&manifest);
        if !broken.is_empty() {
            let told = broken.iter().map(|broken| match broken.field.as_str() {
                "" => broken.message.clone(),
                field => format!("{field}: {}", broken.message),
            });
            return Err(Error::Usage(told.collect::<Vec<_>>().join("; ")));
        }
        let spec = manifest.get("spec").cloned().unwrap_or_default();
        let open = serde_json::from_value(spec).map(|spec| literals(&spec)).unwrap_or_default();
        let warnings = open.into_iter().map(|literal| {
            format!(
                "{} holds what looks like {}, and whoever may read the Pipeline or its Pod may read it: put it into a Secret \
                 and give --secret",
                literal.field, literal.looks_like
            )
        });
        Ok(Made { manifest, warnings: warnings.collect() })
    }

    fn is_one_shot(&self) -> Result<(), Error> {
        let mend = match self.restart {
            Restart::Never => return Ok(()),
            Restart::OnFailure => {
                "--restart OnFailure: give --retries COUNT, which makes a fresh Pod after a failed one"
            }
            Restart::Always => {
                "--restart Always: a run ends; for what is kept running apply a Pipeline of mode Service (docs/services.md)"
            }
        };
        Err(Error::Usage(mend.to_owned()))
    }

    fn spec(&self) -> Result<Value, Error> {
        let mut transform = json!({"image": self.image});
        let words = (!self.cmd.is_empty()).then(|| json!(self.cmd));
        set(&mut transform, if self.args { "args" } else { "cmd" }, words);
        set(&mut transform, "env", map("--env", &self.env)?);
        set(&mut transform, "secrets", list(self.secrets.iter().map(SecretArg::entry).collect()));
        set(
            &mut transform,
            "image_pull_secrets",
            list(self.image_pull_secrets.iter().map(|name| json!(name)).collect()),
        );
        set(&mut transform, "user", self.run_as_user.map(|user| json!(user.to_string())));
        let mut spec = json!({"transform": transform});
        set(&mut spec, "resource_requests", map("--requests", &self.requests)?);
        set(&mut spec, "resource_limits", map("--limits", &self.limits)?);
        set(&mut spec, "service_account_name", self.service_account.as_ref().map(|name| json!(name)));
        set(&mut spec, "image_pull_policy", self.image_pull_policy.map(|policy| json!(word(&policy))));
        set(&mut spec, "security", (self.security != Level::Baseline).then(|| json!(word(&self.security))));
        set(&mut spec, "timeout", self.timeout.as_ref().map(|time| json!(time)));
        set(&mut spec, "retries", (self.retries != 0).then(|| json!(self.retries)));
        let missing = self.on_missing_secret;
        set(&mut spec, "on_missing_secret", (missing != Missing::Wait).then(|| json!(word(&missing))));
        set(&mut spec, "missing_secret_timeout", self.missing_secret_timeout.as_ref().map(|time| json!(time)));
        Ok(spec)
    }
}

fn set(object: &mut Value, field: &str, value: Option<Value>) {
    if let (Some(fields), Some(value)) = (object.as_object_mut(), value) {
        fields.insert(field.to_owned(), value);
    }
}

fn list(items: Vec<Value>) -> Option<Value> {
    (!items.is_empty()).then_some(Value::Array(items))
}

/// The pairs as an object. A name that is given twice is a mistake of one of the two.
fn map(flag: &str, pairs: &[(String, String)]) -> Result<Option<Value>, Error> {
    let mut fields = BTreeMap::new();
    for (name, value) in pairs {
        if fields.insert(name.clone(), json!(value)).is_some() {
            return Err(Error::Usage(format!("{flag} has {name} twice: give it once")));
        }
    }
    Ok((!fields.is_empty()).then(|| Value::Object(fields.into_iter().collect::<Map<_, _>>())))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        spec: SpecArgs,
    }

    fn made(words: &[&str]) -> Result<Made, Error> {
        let line = Line::try_parse_from([&["run"], words].concat()).unwrap();
        line.spec.pipeline("edges", Some("team-a"))
    }

    fn spec(words: &[&str]) -> Value {
        made(&[&["--image", "a:1"], words].concat()).map(|made| made.manifest["spec"].clone()).unwrap_or_default()
    }

    #[test]
    fn what_is_not_given_is_not_in_the_manifest() {
        let whole = made(&["--image", "a:1"]).map(|made| made.manifest).unwrap_or_default();
        assert_eq!(
            whole,
            json!({"apiVersion": "lockgate.dev/v1alpha1", "kind": "Pipeline",
                "metadata": {"name": "edges", "namespace": "team-a"}, "spec": {"transform": {"image": "a:1"}}})
        );
    }

    #[test]
    fn each_flag_is_a_field() {
        let transform = |fields: Value| {
            let mut whole = json!({"image": "a:1"});
            whole.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            json!({"transform": whole})
        };
        let beside = |fields: Value| {
            let mut whole = transform(json!({}));
            whole.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            whole
        };
        let table: [(&[&str], Value); 16] = [
            (&["--image-pull-secrets", "a,b"], transform(json!({"image_pull_secrets": ["a", "b"]}))),
            (&["--image-pull-secrets=a"], transform(json!({"image_pull_secrets": ["a"]}))),
            (&["--secret", "db:*"], transform(json!({"secrets": [{"name": "db", "env_prefix": ""}]}))),
            (&["--env", "A=b=c", "--env", "B="], transform(json!({"env": {"A": "b=c", "B": ""}}))),
            (&["--run-as-user", "1000"], transform(json!({"user": "1000"}))),
            (&["--", "sh", "-c", "exit 3"], transform(json!({"cmd": ["sh", "-c", "exit 3"]}))),
            (&["--command", "--", "a"], transform(json!({"cmd": ["a"]}))),
            (&["--args", "--", "a"], transform(json!({"args": ["a"]}))),
            (
                &["--requests", "cpu=100m,memory=1Gi"],
                beside(json!({"resource_requests": {"cpu": "100m", "memory": "1Gi"}})),
            ),
            (&["--limits=memory=1Gi"], beside(json!({"resource_limits": {"memory": "1Gi"}}))),
            (&["--serviceaccount", "robot"], beside(json!({"service_account_name": "robot"}))),
            (&["--security", "Restricted", "--run-as-user", "7"], {
                let mut whole = transform(json!({"user": "7"}));
                whole["security"] = json!("Restricted");
                whole
            }),
            (&["--timeout", "10m", "--retries", "2"], beside(json!({"timeout": "10m", "retries": 2}))),
            (&["--on-missing-secret", "Fail"], beside(json!({"on_missing_secret": "Fail"}))),
            (&["--missing-secret-timeout", "15m"], beside(json!({"missing_secret_timeout": "15m"}))),
            (&["--image-pull-policy", "Always", "--restart=Never"], beside(json!({"image_pull_policy": "Always"}))),
        ];
        for (words, expected) in table {
            assert_eq!(spec(words), expected, "{words:?}");
        }
    }

    #[test]
    fn what_the_server_would_refuse_is_refused_with_its_field() {
        let table: [(&[&str], &str); 6] = [
            (&["--image", ""], "spec.transform.image"),
            (&["--image", "a", "--image-pull-secrets", "Bad"], "spec.transform.image_pull_secrets[0]"),
            (&["--image", "a", "--timeout", "soon"], "spec.timeout"),
            (&["--image", "a", "--env", "A=1", "--env", "A=2"], "--env has A twice"),
            (&["--image", "a", "--restart", "OnFailure"], "--retries"),
            (&["--image", "a", "--restart", "Always"], "mode Service"),
        ];
        for (words, told) in table {
            let Err(error) = made(words) else { panic!("{words:?} was taken") };
            assert!(matches!(&error, Error::Usage(said) if said.contains(told)), "{words:?}: {error}");
        }
    }

    #[test]
    fn a_password_as_text_is_warned_of_and_not_repeated() {
        let made = made(&["--image", "a", "--env", "DB_PASSWORD=canary-7c1f"]);
        let warnings = made.map(|made| made.warnings).unwrap_or_default().join("\n");
        assert!(warnings.contains("spec.transform.env") && warnings.contains("--secret"), "{warnings}");
        assert!(!warnings.contains("canary"));
    }
}
