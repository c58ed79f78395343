//! The two listeners: `/metrics` on one, `/livez` and `/readyz` on the other. Read-only, without TLS and without accounts:
//! who may reach them is for a NetworkPolicy to say.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::exposition::Form;

/// Connections at once, for each listener.
const MOST_CONNECTIONS: usize = 64;
/// A request's head comes within this time.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// A connection lasts no longer, so that none is held for ever.
const CONNECTION_DEADLINE: Duration = Duration::from_mins(2);

/// One thing that is looked at for a verdict about health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is looked at.
    pub name: &'static str,
    /// What is wrong with it.
    pub problem: Option<String>,
}

/// What the listeners show.
pub trait View: Send + Sync + 'static {
    /// Whether it works at all: if not, only a restart helps.
    fn live(&self) -> Vec<Check>;
    /// Whether it knows enough to work.
    fn ready(&self) -> Vec<Check>;
    /// All metrics, as OpenMetrics text.
    fn metrics(&self) -> String;
}

/// Where to listen: `:8080`, `127.0.0.1:8080`, `[::1]:8080`, or `0` for nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindAddress {
    /// Nowhere.
    Off,
    /// This port of every address.
    Any(u16),
    /// Here only.
    Only(SocketAddr),
}

impl FromStr for BindAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str =
            "give :PORT, ADDRESS:PORT or [IPV6]:PORT, as in :8080 or 127.0.0.1:8080, or 0 to switch it off";
        match text.strip_prefix(':') {
            _ if text == "0" => Ok(Self::Off),
            Some(port) => port.parse().map(Self::Any).map_err(|_| FORM),
            None => text.parse().map(Self::Only).map_err(|_| FORM),
        }
    }
}

impl fmt::Display for BindAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("0"),
            Self::Any(port) => write!(f, ":{port}"),
            Self::Only(address) => address.fmt(f),
        }
    }
}

impl BindAddress {
    /// Opens the port. `None`: it is off.
    ///
    /// # Errors
    /// The port is taken, or may not be opened.
    pub async fn listen(self) -> io::Result<Option<TcpListener>> {
        let listener = match self {
            Self::Off => return Ok(None),
            Self::Only(address) => TcpListener::bind(address).await?,
            // An IPv6 socket hears IPv4, too; where there is no IPv6 at all the other is left.
            Self::Any(port) => match TcpListener::bind((IpAddr::from(Ipv6Addr::UNSPECIFIED), port)).await {
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                    TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), port)).await?
                }
                tried => tried?,
            },
        };
        Ok(Some(listener))
    }
}

/// What a listener answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// `/metrics`.
    Metrics,
    /// `/livez`, `/readyz` and `/healthz`.
    Health,
}

impl Pages {
    /// As a log line names them.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Metrics => "/metrics",
            Self::Health => "/livez and /readyz",
        }
    }
}

/// Answers until it is dropped.
pub async fn serve(listener: TcpListener, pages: Pages, view: Arc<dyn View>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        // Never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // No file left to open: let others close theirs.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let view = Arc::clone(&view);
        tokio::spawn(async move {
            let answer = service_fn(|request: http::Request<Incoming>| {
                let answer = page(pages, &request, &*view);
                async { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_DEADLINE)
                .serve_connection(TokioIo::new(stream), answer);
            // Whatever went wrong with it is the other side's to know.
            let _ = tokio::time::timeout(CONNECTION_DEADLINE, connection).await;
            drop(place);
        });
    }
}

fn page<B>(pages: Pages, request: &http::Request<B>, view: &dyn View) -> Response<Full<Bytes>> {
    const PLAIN: &str = "text/plain; charset=utf-8";
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET is answered here\n".to_owned());
        refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    let verbose = request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("verbose")));
    match (pages, request.uri().path()) {
        (Pages::Metrics, "/metrics") => {
            let accept = request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
            let form = Form::accepted(&accept.collect::<Vec<_>>().join(","));
            text(StatusCode::OK, form.content_type(), form.render(view.metrics()))
        }
        (Pages::Health, "/livez" | "/healthz") => {
            let (status, words) = verdict("livez", &view.live(), verbose);
            text(status, PLAIN, words)
        }
        (Pages::Health, "/readyz") => {
            let (status, words) = verdict("readyz", &view.ready(), verbose);
            text(status, PLAIN, words)
        }
        (Pages::Metrics, _) => text(StatusCode::NOT_FOUND, PLAIN, "there is /metrics here\n".to_owned()),
        (Pages::Health, _) => text(StatusCode::NOT_FOUND, PLAIN, "there are /livez and /readyz here\n".to_owned()),
    }
}

/// As the API server words it: `ok`, or each check with its verdict where that is asked for or one is bad.
fn verdict(name: &str, checks: &[Check], verbose: bool) -> (StatusCode, String) {
    let good = checks.iter().all(|check| check.problem.is_none());
    if good && !verbose {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let lines = checks.iter().map(|check| match &check.problem {
        None => format!("[+]{} ok\n", check.name),
        Some(problem) => format!("[-]{} failed: {problem}\n", check.name),
    });
    let end = format!("{name} check {}\n", if good { "passed" } else { "failed" });
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, lines.chain([end]).collect())
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    struct Hanging;

    impl View for Hanging {
        fn live(&self) -> Vec<Check> {
            vec![Check { name: "looks", problem: Some("one hangs".into()) }, Check { name: "queue", problem: None }]
        }
        fn ready(&self) -> Vec<Check> {
            vec![Check { name: "pods", problem: None }]
        }
        fn metrics(&self) -> String {
            "# HELP pods Pods.\n# TYPE pods counter\npods_total 3\n# EOF\n".to_owned()
        }
    }

    async fn get(pages: Pages, method: &str, path: &str, accept: &str) -> (u16, String, String) {
        let request = http::Request::builder().method(method).uri(path).header("accept", accept).body(()).unwrap();
        let (head, body) = page(pages, &request, &Hanging).into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        (head.status.as_u16(), head.headers["content-type"].to_str().unwrap().to_owned(), body)
    }

    #[tokio::test]
    async fn health_is_told_in_one_word_or_check_by_check() {
        let health = async |path| {
            let (code, _, body) = get(Pages::Health, "GET", path, "").await;
            (code, body)
        };
        let hangs = "[-]looks failed: one hangs\n[+]queue ok\nlivez check failed\n".to_owned();
        assert_eq!(health("/livez").await, (503, hangs.clone()));
        assert_eq!(health("/healthz").await, (503, hangs));
        assert_eq!(health("/readyz").await, (200, "ok\n".into()));
        assert_eq!(health("/readyz?verbose").await, (200, "[+]pods ok\nreadyz check passed\n".into()));
        assert_eq!(health("/metrics").await.0, 404);
    }

    #[tokio::test]
    async fn a_scrape_comes_in_the_form_that_was_asked_for_and_nothing_is_taken_in() {
        let (code, kind, body) = get(Pages::Metrics, "GET", "/metrics", "application/openmetrics-text").await;
        assert_eq!((code, kind.starts_with("application/openmetrics-text; version=1.0.0")), (200, true));
        assert!(body.ends_with("# EOF\n"));
        let (_, kind, body) = get(Pages::Metrics, "GET", "/metrics", "").await;
        assert!(kind.starts_with("text/plain; version=0.0.4") && body.contains("# TYPE pods_total counter\n"));
        assert_eq!(get(Pages::Metrics, "POST", "/metrics", "").await.0, 405);
        assert_eq!(get(Pages::Metrics, "GET", "/livez", "").await.0, 404);
    }

    #[test]
    fn an_address_is_read_as_people_write_it() {
        let read = |text: &str| text.parse::<BindAddress>();
        assert_eq!(read("0"), Ok(BindAddress::Off));
        assert_eq!(read(":8080"), Ok(BindAddress::Any(8080)));
        assert_eq!(read("[::1]:80").map(|address| address.to_string()), Ok("[::1]:80".into()));
        for wrong in ["8080", "localhost:8080", ":", ":99999", "", "off"] {
            assert!(read(wrong).unwrap_err().contains("0 to switch it off"), "{wrong}");
        }
    }
}
