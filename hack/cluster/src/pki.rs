//! Keys and certificates of one cluster, made by `openssl` in a few milliseconds: elliptic curves.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, run};
use crate::run_dir::RunDir;

/// Names under which the API server is reached, from this machine and from Pods.
const SERVER_NAMES: &str = "subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local";

/// The folder with the keys.
pub(crate) struct Pki {
    folder: PathBuf,
}

impl Pki {
    /// `service` is the address of the service `kubernetes`.
    pub(crate) fn new(dir: &RunDir, service: Ipv4Addr) -> Result<Self, Error> {
        let pki = Self { folder: dir.folder("pki")? };
        pki.key("ca")?;
        let subject = ["-x509", "-new", "-days", "3650", "-subj", "/CN=lockgate-cluster"];
        // The other extensions of an authority are openssl's default here.
        pki.openssl(["req"].iter().chain(&subject), &[("-key", "ca.key"), ("-out", "ca.crt")])?;
        pki.sign(
            "server",
            "/CN=kube-apiserver",
            &format!("{SERVER_NAMES},IP:{service}\nextendedKeyUsage=serverAuth\n"),
        )?;
        pki.sign(
            "kubelet-client",
            "/O=system:masters/CN=kube-apiserver-kubelet-client",
            "extendedKeyUsage=clientAuth\n",
        )?;
        pki.key("service-account")?;
        Ok(pki)
    }

    /// `ca.crt`, `server.key`, and so on.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn key(&self, name: &str) -> Result<(), Error> {
        let curve = ["ecparam", "-name", "prime256v1", "-genkey", "-noout"];
        self.openssl(&curve, &[("-out", &format!("{name}.key"))])
    }

    fn sign(&self, name: &str, subject: &str, extensions: &str) -> Result<(), Error> {
        let [key, request, certificate, extension_file] =
            ["key", "csr", "crt", "ext"].map(|end| format!("{name}.{end}"));
        self.key(name)?;
        crate::run_dir::write_private(&self.path(&extension_file), extensions.as_bytes())?;
        self.openssl(&["req", "-new", "-subj", subject], &[("-key", &key), ("-out", &request)])?;
        let files = [
            ("-in", &*request),
            ("-CA", "ca.crt"),
            ("-CAkey", "ca.key"),
            ("-extfile", &*extension_file),
            ("-out", &*certificate),
        ];
        self.openssl(&["x509", "-req", "-days", "3650", "-CAcreateserial"], &files)
    }

    fn openssl<'a>(&self, args: impl IntoIterator<Item = &'a &'a str>, files: &[(&str, &str)]) -> Result<(), Error> {
        let mut command = Command::new("openssl");
        command.args(args);
        for (option, file) in files {
            command.arg(option).arg(Path::new(&self.folder).join(file));
        }
        run(&mut command).map(drop)
    }
}
