//! Private registries: plain HTTP on the loopback address, one user each, nothing for anybody else.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use super::containerd;
use super::image::{Config, Images};
use crate::error::{Action as _, Error, checked, run};
use crate::poll::{self, Look};
use crate::process::Process;
use crate::run_dir::{RunDir, write_private};
use crate::{encode, ports, random};

const USERNAME: &str = "puller";

/// A running registry.
pub struct Registry {
    _process: Process,
    host: String,
    password: String,
    /// Read anew by the registry whenever it was written.
    users: PathBuf,
    password_file: PathBuf,
    /// The credentials as a file, since arguments are everybody's to read.
    auth_file: PathBuf,
    images: Images,
}

impl Registry {
    pub(crate) fn start(dir: &RunDir, images: Images) -> Result<Self, Error> {
        let port = ports::free()?;
        let host = format!("127.0.0.1:{port}");
        let own = format!("registries/{port}");
        let password = format!("canary-{}", random::hex(12)?);
        let storage = dir.folder(&format!("{own}/images"))?;
        let users = dir.write(&format!("{own}/users"), users_file(&password)?)?;
        let config = json!({
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": storage}},
            "http": {"addr": host, "secret": random::hex(16)?},
            "auth": {"htpasswd": {"realm": "lockgate", "path": users}},
        });
        let mut serve = Command::new("docker-registry");
        serve.arg("serve").arg(dir.write(&format!("{own}/config.json"), config.to_string())?);
        let mut process = Process::start("docker-registry", &serve, dir)?;
        poll::until("a connection to docker-registry", Duration::from_mins(1), Duration::from_millis(20), || {
            process.check()?;
            Ok(if ports::accepts(port) { Look::There(()) } else { Look::NotYet(process.log_tail()) })
        })?;
        containerd::ask_in_plain(dir, &host)?;
        let auth_file = dir.write(&format!("{own}/auth.json"), docker_config(&host, &password))?;
        let password_file = dir.write(&format!("{own}/password"), &password)?;
        Ok(Self { _process: process, host, password, users, password_file, auth_file, images })
    }

    /// One more registry, with an address, a password and images of its own.
    pub(crate) fn start_another(&self, dir: &RunDir) -> Result<Self, Error> {
        Self::start(dir, self.images.clone())
    }

    /// Gives the user another password. The registry knows only this one from the next request on.
    pub fn change_password(&mut self, password: &str) -> Result<(), Error> {
        write_private(&self.users, users_file(password)?.as_bytes())?;
        write_private(&self.auth_file, docker_config(&self.host, password).as_bytes())?;
        write_private(&self.password_file, password.as_bytes())?;
        password.clone_into(&mut self.password);
        Ok(())
    }

    /// Its address, `127.0.0.1:PORT`, as images name it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The one user.
    #[must_use]
    pub fn username(&self) -> &'static str {
        USERNAME
    }

    /// The user's password: another one for each cluster, always with the word `canary`, so that a
    /// test can look for it where it should not be.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// A file with the password, readable by its owner only.
    #[must_use]
    pub fn password_file(&self) -> &Path {
        &self.password_file
    }

    /// The credentials as a file that `skopeo --authfile` takes, readable by its owner only.
    #[must_use]
    pub fn auth_file(&self) -> &Path {
        &self.auth_file
    }

    /// The content of a Secret of type `kubernetes.io/dockerconfigjson` with which images can be pulled.
    #[must_use]
    pub fn docker_config_json(&self) -> String {
        docker_config(&self.host, &self.password)
    }

    /// Pushes a busybox as `name` (`team/app:1`) and gives the reference under which Pods pull it.
    pub fn push_busybox(&self, name: &str) -> Result<String, Error> {
        let layout = self.images.layout(&self.reference(name), &Config::shell(&self.reference(name)))?;
        self.push_layout(&layout, name)
    }

    /// Pushes the image of an OCI layout as `name`, as it is, and gives the reference under which Pods pull it.
    pub fn push_layout(&self, layout: &Path, name: &str) -> Result<String, Error> {
        let reference = self.reference(name);
        let mut copy = Command::new("skopeo");
        copy.args(["--insecure-policy", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false"]);
        copy.arg("--dest-authfile").arg(&self.auth_file);
        copy.arg(format!("oci:{}:image", layout.display())).arg(format!("docker://{reference}"));
        run(&mut copy)?;
        Ok(reference)
    }

    fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }
}

fn docker_config(host: &str, password: &str) -> String {
    let auth = encode::base64(format!("{USERNAME}:{password}").as_bytes());
    json!({"auths": {host: {"username": USERNAME, "password": password, "auth": auth}}}).to_string()
}

/// The registry's file of users: bcrypt, as cheap as it gets, since each request pays for it.
fn users_file(password: &str) -> Result<String, Error> {
    let mut htpasswd = Command::new("htpasswd");
    htpasswd.args(["-n", "-i", "-B", "-C", "4", USERNAME]);
    htpasswd.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = htpasswd.spawn().action(|| "run htpasswd".into())?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(password.as_bytes()).action(|| "write to htpasswd".into())?;
    }
    let output = child.wait_with_output().action(|| "wait for htpasswd".into())?;
    checked(&htpasswd, &output)
}
