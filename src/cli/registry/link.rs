//! HTTP to registries and to those who give tokens for them: a client for each origin, redirects that carry no login elsewhere,
//! answers of bounded size.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};

use crate::cli::error::Error;
use crate::ops::causes::with_causes;

/// More redirects than this are a circle.
const MOST_REDIRECTS: usize = 5;
/// An answer that is longer holds no token.
const MOST_BYTES: usize = 1 << 20;

/// How registries are spoken to.
pub(super) struct Links {
    /// For one request with its redirects.
    pub(super) patience: Duration,
    /// Whether registries are spoken to without TLS.
    pub(super) plain_http: bool,
    /// The only certificates that are trusted; `None`: those of this machine.
    certificates: Option<Vec<Vec<u8>>>,
}

/// An answer.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// Nobody is there, or nobody answers in time.
    Unreachable(String),
    /// The certificate, or what else TLS asks for.
    Tls(String),
    /// What answers speaks no TLS.
    NoTls(String),
    /// An answer that cannot be followed.
    Strange(String),
}

impl Links {
    /// `patience`: none waits for ever; `certificates`: a file of PEM.
    pub(super) fn new(patience: Duration, plain_http: bool, certificates: Option<&Path>) -> Result<Self, Error> {
        let certificates = certificates.map(certificates_of).transpose()?;
        let patience = if patience.is_zero() { Duration::from_secs(u64::from(u32::MAX)) } else { patience };
        Ok(Self { patience, plain_http, certificates })
    }

    /// Sends a request and follows where it is sent to; the login goes only to the origin that was asked first.
    pub(super) async fn send(
        &self,
        method: &Method,
        uri: &Uri,
        login: Option<&HeaderValue>,
        accept: &'static str,
    ) -> Result<Reply, Broken> {
        let work = self.follow(method, uri, login, accept);
        let slow = || Broken::Unreachable(format!("nothing came within {:?}", self.patience));
        tokio::time::timeout(self.patience, work).await.unwrap_or_else(|_| Err(slow()))
    }

    async fn follow(
        &self,
        method: &Method,
        first: &Uri,
        login: Option<&HeaderValue>,
        accept: &'static str,
    ) -> Result<Reply, Broken> {
        let mut uri = first.clone();
        for _ in 0..=MOST_REDIRECTS {
            let login = login.filter(|_| origin(&uri) == origin(first));
            let reply = self.once(method, &uri, login, accept).await?;
            let is_elsewhere = reply.status.is_redirection() && reply.status != StatusCode::NOT_MODIFIED;
            let Some(location) = reply.headers.get(LOCATION).filter(|_| is_elsewhere) else {
                return Ok(reply);
            };
            let next = location.to_str().ok().and_then(|text| redirected(&uri, text));
            let next = next.ok_or_else(|| Broken::Strange("it redirects to what is no address".into()))?;
            if uri.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
                return Err(Broken::Strange("it redirects from https to http".into()));
            }
            uri = next;
        }
        Err(Broken::Strange(format!("it redirects more than {MOST_REDIRECTS} times")))
    }

    async fn once(
        &self,
        method: &Method,
        uri: &Uri,
        login: Option<&HeaderValue>,
        accept: &'static str,
    ) -> Result<Reply, Broken> {
        let agent = concat!("lockgate/", env!("CARGO_PKG_VERSION"));
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let mut request = Request::builder().method(method).uri(path).header(ACCEPT, accept).header(USER_AGENT, agent);
        if let Some(login) = login {
            request = request.header(AUTHORIZATION, login);
        }
        let request = request.body(Body::empty()).map_err(|_| Broken::Strange("its address cannot be asked".into()))?;
        let response = self.client(uri)?.send(request).await.map_err(|error| broken(&error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MOST_BYTES).collect().await;
        let body = body.map_err(|_| Broken::Strange("its answer breaks off, or has no end".into()))?;
        Ok(Reply { status: parts.status, headers: parts.headers, body: body.to_bytes().to_vec() })
    }

    /// A client of kube's, for its TLS and its timeouts: it knows no login and follows nothing.
    fn client(&self, uri: &Uri) -> Result<Client, Broken> {
        let origin = origin(uri).parse().map_err(|_| Broken::Strange("its address cannot be asked".into()))?;
        let mut config = Config::new(origin);
        config.default_retry = false;
        config.root_cert.clone_from(&self.certificates);
        config.connect_timeout = Some(self.patience);
        config.read_timeout = Some(self.patience);
        let builder = ClientBuilder::try_from(config).map_err(|error| Broken::Tls(with_causes(&error)))?;
        Ok(builder.build())
    }
}

/// Scheme, host and port, as in `https://registry.example.com:5000`.
fn origin(uri: &Uri) -> String {
    let host = uri.authority().map_or("", |authority| authority.as_str());
    // A user's name in an address is not for us.
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{}://{}", uri.scheme_str().unwrap_or("https"), host.to_ascii_lowercase())
}

/// Where a `Location` leads to from here.
fn redirected(from: &Uri, location: &str) -> Option<Uri> {
    let whole = if location.starts_with("//") {
        format!("{}:{location}", from.scheme_str()?)
    } else if location.starts_with('/') {
        format!("{}{location}", origin(from))
    } else {
        location.to_owned()
    };
    let uri: Uri = whole.parse().ok()?;
    (matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()).then_some(uri)
}

/// The certificates of a file, in DER.
fn certificates_of(path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    let name = path.display().to_string();
    let text = std::fs::read(path).map_err(|why| Error::File(name.clone(), why))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = read.map_err(|_| Error::Usage(format!("{name} is no PEM: give a file of certificates")))?;
    if certificates.is_empty() {
        return Err(Error::Usage(format!("{name} has no certificate: give a file of certificates in PEM")));
    }
    Ok(certificates.into_iter().map(|certificate| certificate.to_vec()).collect())
}

fn broken(error: &kube::Error) -> Broken {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref::<rustls::Error>() {
            Some(rustls::Error::InvalidMessage(_)) => return Broken::NoTls("it speaks no TLS".into()),
            Some(error) => return Broken::Tls(error.to_string()),
            None => {}
        }
        // `source` of an I/O error passes over what it holds.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = match held {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    Broken::Unreachable(match error {
        kube::Error::Service(inner) => with_causes(inner.as_ref()),
        error => with_causes(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_relative_to_where_they_come_from() {
        let from: Uri = "https://registry.test:5000/v2/a?b".parse().unwrap();
        for (location, to) in [
            ("/x?y", Some("https://registry.test:5000/x?y")),
            ("//other.test/x", Some("https://other.test/x")),
            ("https://other.test/x", Some("https://other.test/x")),
            ("http://other.test/x", Some("http://other.test/x")),
            ("ftp://other.test/x", None),
            ("x", None),
            ("", None),
        ] {
            let to = to.map(|to| to.parse::<Uri>().unwrap());
            assert_eq!(redirected(&from, location), to, "{location}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (uri, is) in [
            ("https://Registry.test/x", "https://registry.test"),
            ("https://user@registry.test:5000/x", "https://registry.test:5000"),
            ("http://registry.test", "http://registry.test"),
        ] {
            assert_eq!(origin(&uri.parse().unwrap()), is);
        }
    }
}
