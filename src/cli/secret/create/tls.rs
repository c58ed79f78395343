//! `tls`: a certificate and its key, which have to belong together.

use std::path::Path;

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::AnyRef;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::args::CreateArgs;
use super::refuse::MAX_SIZE;
use crate::cli::error::Error;
use crate::cli::values::{Draft, SecretValue, read_file};

/// The Secret of this pair.
pub(super) fn draft(args: &CreateArgs, name: &str) -> Result<Draft, Error> {
    let (Some(cert_path), Some(key_path)) = (&args.cert, &args.key) else {
        return Err(Error::Usage("give both files, with --cert and --key".into()));
    };
    let (cert, key) = (read_file(cert_path, MAX_SIZE)?, read_file(key_path, MAX_SIZE)?);
    let shown = |path: &Path| path.display().to_string();
    match judge(&cert, &key) {
        Pair::Good => {}
        Pair::NotCompared => eprintln!(
            "Warning: whether --key {} belongs to --cert {} is not known: keys of this kind cannot be compared here",
            shown(key_path),
            shown(cert_path)
        ),
        Pair::BadCertificate(why) => return Err(Error::Findings(format!("--cert {}: {why}", shown(cert_path)))),
        Pair::BadKey(why) => return Err(Error::Findings(format!("--key {}: {why}", shown(key_path)))),
        Pair::Apart => {
            return Err(Error::Findings(format!(
                "--key {} does not belong to the first certificate of --cert {}: give the key with which that was made; a chain begins with the certificate itself",
                shown(key_path),
                shown(cert_path)
            )));
        }
    }
    let mut draft = Draft::new(name, "kubernetes.io/tls");
    draft.data.insert("tls.crt".into(), cert);
    draft.data.insert("tls.key".into(), key);
    Ok(draft)
}

/// What a certificate and a key are to each other.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Pair {
    /// The key is the certificate's.
    Good,
    /// They are a certificate and a key, of a kind of which the public half cannot be told from the private one here.
    NotCompared,
    /// The certificate cannot be read.
    BadCertificate(&'static str),
    /// The key cannot be read.
    BadKey(&'static str),
    /// The key is another's.
    Apart,
}

/// Compares them as kubectl does (`crypto/tls.X509KeyPair`): the first certificate, and the first key, of the files.
pub(in crate::cli) fn judge(cert: &SecretValue, key: &SecretValue) -> Pair {
    let Ok(cert) = CertificateDer::from_pem_slice(cert.expose()) else {
        return Pair::BadCertificate("there is no certificate in PEM in it (-----BEGIN CERTIFICATE-----)");
    };
    let Ok(cert) = Certificate::from_der(&cert) else {
        return Pair::BadCertificate("its first certificate cannot be read");
    };
    let of_cert = cert.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes();
    let Ok(key) = PrivateKeyDer::from_pem_slice(key.expose()) else {
        return Pair::BadKey(
            "there is no private key in PEM in it (-----BEGIN PRIVATE KEY-----), or it has a passphrase: take that off",
        );
    };
    if AnyRef::from_der(key.secret_der()).is_err() {
        return Pair::BadKey("its private key cannot be read");
    }
    let public = any_supported_type(&key).ok().and_then(|key| Some(key.public_key()?.into_owned()));
    match public.as_ref().and_then(|public| SubjectPublicKeyInfoRef::try_from(public.as_ref()).ok()) {
        Some(of_key) if of_key.subject_public_key.raw_bytes() == of_cert => Pair::Good,
        Some(_) => Pair::Apart,
        None => Pair::NotCompared,
    }
}
