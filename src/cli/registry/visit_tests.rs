//! Visits to a registry of the test's own, for what a real one does not do on demand.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;
use crate::cli::values::SecretValue;

/// A server that answers by a function of path (with query) and `Authorization`; what it was asked stays.
struct Server {
    host: String,
    /// Path and `Authorization` of each request.
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

/// Status, headers, body.
type Said = (u16, Vec<(&'static str, String)>, String);

impl Server {
    async fn start(script: impl Fn(&str, &str) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let (script, noted) = (Arc::new(script), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, noted) = (Arc::clone(&script), Arc::clone(&noted));
                let answer = service_fn(move |request: Request<Incoming>| {
                    let path = request.uri().path_and_query().unwrap().to_string();
                    let login =
                        request.headers().get(AUTHORIZATION).map_or("", |value| value.to_str().unwrap()).to_owned();
                    let (status, headers, body) = script(&path, &login);
                    noted.lock().unwrap().push((path, login));
                    let mut response = Response::builder().status(status);
                    for (name, value) in headers {
                        response = response.header(name, value);
                    }
                    let response = response.body(Full::new(Bytes::from(body))).unwrap();
                    async move { Ok::<_, Infallible>(response) }
                });
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { host, asked }
    }

    fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().unwrap().clone()
    }
}

const PASSWORD: &str = "canary-7c1f";

fn login(user: &str, password: &str) -> Login {
    Login { user: SecretValue::new(user.into()), password: SecretValue::new(password.into()) }
}

/// `Basic` of `puller` and the password.
fn good() -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("puller:{PASSWORD}")))
}

fn links() -> Links {
    Links::new(Duration::from_secs(10), false, None).unwrap()
}

async fn ask_for(host: &str, image: Option<&str>, login: Option<&Login>) -> Answer {
    let target = match image {
        Some(name) => Target::image(&Image::parse(&format!("{host}/{name}")).unwrap()),
        None => Target::host(host),
    };
    visit(&links(), &target, login).await
}

fn unauthorized(challenge: String) -> Said {
    (401, vec![("WWW-Authenticate", challenge)], String::new())
}

/// A registry that knows `puller`, one image, and one that puller may not pull.
async fn by_basic() -> Server {
    Server::start(|path, login| match (path, login == good()) {
        (_, false) => unauthorized("Basic realm=\"test\"".into()),
        ("/v2/" | "/v2/team/app/manifests/1", true) => (200, vec![], String::new()),
        ("/v2/other/app/manifests/1", true) => (403, vec![], String::new()),
        (_, true) => (404, vec![], String::new()),
    })
    .await
}

#[tokio::test]
async fn a_login_is_sent_as_it_is_where_the_registry_asks_for_that() {
    let server = by_basic().await;
    let (right, wrong) = (login("puller", PASSWORD), login("puller", "canary-7c1f-wrong"));
    let nobody = login("", "");
    for (image, login, state) in [
        (None, Some(&right), State::Ok),
        (Some("team/app:1"), Some(&right), State::Ok),
        (Some("team/app:2"), Some(&right), State::NoSuchImage),
        (Some("other/app:1"), Some(&right), State::NoPermission),
        (None, Some(&wrong), State::WrongLogin),
        (Some("team/app:1"), Some(&wrong), State::WrongLogin),
        (Some("team/app:1"), Some(&nobody), State::LoginNeeded),
        (Some("team/app:1"), None, State::LoginNeeded),
    ] {
        assert_eq!(ask_for(&server.host, image, login).await.state, state, "{image:?}");
    }
    // The first question of each is nobody's.
    assert_eq!(server.asked()[0], ("/v2/".to_owned(), String::new()));
}

/// Gives tokens to `puller` for what it may pull, and where it is asked for nothing; the registry takes the token `T`.
async fn by_token() -> Server {
    Server::start(|path, login| match (path, login) {
        (path, login) if path.starts_with("/token?") => {
            let is_refused = path.contains("scope=repository:other/");
            match (login == good(), is_refused) {
                (true, false) => (200, vec![], r#"{"token": "T"}"#.to_owned()),
                (true, true) => (403, vec![], r#"{"errors": [{"code": "DENIED", "message": "no right"}]}"#.to_owned()),
                (false, _) => (401, vec![], r#"{"details": "incorrect username or password"}"#.to_owned()),
            }
        }
        ("/v2/" | "/v2/team/app/manifests/1", "Bearer T") => (200, vec![], String::new()),
        ("/v2/third/app/manifests/1", "Bearer T") => (401, vec![], String::new()),
        (_, "Bearer T") => (404, vec![], String::new()),
        _ => (401, vec![], String::new()),
    })
    .await
}

/// A registry whose tokens another server gives.
async fn registry_with(tokens: &Server) -> Server {
    let (realm, registry) = (format!("http://{}/token", tokens.host), tokens.host.clone());
    Server::start(move |path, login| {
        if login == "Bearer T" {
            // As a registry behind another name: the answer is there.
            return (307, vec![("Location", format!("http://{registry}{path}"))], String::new());
        }
        unauthorized(format!(r#"Bearer realm="{realm}",service="registry.test",scope="repository:x:pull""#))
    })
    .await
}

#[tokio::test]
async fn a_token_is_fetched_where_the_registry_says() {
    let tokens = by_token().await;
    let host = tokens.host.clone();
    let server = Server::start(move |path, login| match (path, login) {
        ("/v2/" | "/v2/team/app/manifests/1", "Bearer T") => (200, vec![], String::new()),
        ("/v2/third/app/manifests/1", "Bearer T") => (401, vec![], String::new()),
        (_, "Bearer T") => (404, vec![], String::new()),
        (path, _) => {
            let name = path.strip_prefix("/v2/").and_then(|rest| rest.split("/manifests").next()).unwrap_or_default();
            unauthorized(format!(
                r#"Bearer realm="http://{host}/token",service="registry.test",scope="repository:{name}:pull""#
            ))
        }
    })
    .await;
    let (right, wrong) = (login("puller", PASSWORD), login("puller", "canary-7c1f-wrong"));
    for (image, login, state) in [
        (None, Some(&right), State::Ok),
        (Some("team/app:1"), Some(&right), State::Ok),
        (Some("team/app:2"), Some(&right), State::NoSuchImage),
        // A token, and no right with it.
        (Some("third/app:1"), Some(&right), State::NoPermission),
        // No token for it, and one for nothing: the login is good.
        (Some("other/app:1"), Some(&right), State::NoPermission),
        (None, Some(&wrong), State::WrongLogin),
        (Some("other/app:1"), Some(&wrong), State::WrongLogin),
        (Some("team/app:1"), None, State::LoginNeeded),
    ] {
        assert_eq!(ask_for(&server.host, image, login).await.state, state, "{image:?}");
    }
    let said = ask_for(&server.host, Some("team/app:1"), Some(&wrong)).await.said;
    assert_eq!(said.as_deref(), Some("it answers 401: incorrect username or password"));
    // The login itself goes to who gives tokens, and never to the registry.
    assert!(server.asked().iter().all(|(_, login)| login.is_empty() || login == "Bearer T"), "{:?}", server.asked());
    let scoped = "/token?service=registry.test&scope=repository:team/app:pull";
    assert!(tokens.asked().contains(&(scoped.to_owned(), good())), "{:?}", tokens.asked());
}

#[tokio::test]
async fn a_redirect_takes_no_login_elsewhere() {
    let tokens = by_token().await;
    let server = registry_with(&tokens).await;
    let answer = ask_for(&server.host, None, Some(&login("puller", PASSWORD))).await;
    // The second server got the question without the token, and says 401.
    assert_eq!(answer.state, State::NoPermission);
    let last = tokens.asked().pop().unwrap();
    assert_eq!(last, ("/v2/".to_owned(), String::new()));

    let circle = Server::start(|_, _| (302, vec![("Location", "/v2/".into())], String::new())).await;
    let answer = ask_for(&circle.host, None, None).await;
    assert_eq!((answer.state, answer.said.as_deref()), (State::NotARegistry, Some("it redirects more than 5 times")));
    assert_eq!(circle.asked().len(), 6);
}

#[tokio::test]
async fn other_answers_have_their_words() {
    for (said, state) in [
        ((200, vec![], String::new()), State::Open),
        ((404, vec![], "<html>".to_owned()), State::NotARegistry),
        ((429, vec![], String::new()), State::Busy),
        ((503, vec![], String::new()), State::Busy),
        ((401, vec![], String::new()), State::NotARegistry),
        (unauthorized("Negotiate".into()), State::NotARegistry),
        (unauthorized(r#"Bearer realm="token""#.into()), State::NotARegistry),
        (unauthorized(r#"Bearer realm="ftp://auth.test/token""#.into()), State::NotARegistry),
        (unauthorized(r#"Bearer realm="http://127.0.0.1:1/token""#.into()), State::Unreachable),
    ] {
        let shown = format!("{said:?}");
        let server = Server::start(move |_, _| said.clone()).await;
        assert_eq!(ask_for(&server.host, None, Some(&login("puller", PASSWORD))).await.state, state, "{shown}");
    }
    assert_eq!(ask_for("127.0.0.1:1", None, None).await.state, State::Unreachable);
    assert_eq!(ask_for("registry.invalid", None, None).await.state, State::Unreachable);
}

#[tokio::test]
async fn words_with_the_login_in_them_are_not_told() {
    let echo = Server::start(|_, login| {
        let plain = login.strip_prefix("Basic ").map(|text| BASE64_STANDARD.decode(text).unwrap()).unwrap_or_default();
        let words =
            format!(r#"{{"errors": [{{"code": "DENIED", "message": "{}"}}]}}"#, String::from_utf8(plain).unwrap());
        (401, vec![("WWW-Authenticate", "Basic realm=\"test\"".into())], words)
    })
    .await;
    let answer = ask_for(&echo.host, None, Some(&login("puller", PASSWORD))).await;
    assert_eq!(answer.said.as_deref(), Some("it answers 401"));
    assert!(answer.sentence().contains("give those that it knows"));
    for (user, password, is_told) in [("ci", "canary-7c1f", true), ("a", "x", false), ("", "", true)] {
        assert_eq!(!repeats("DENIED incident of a token", &login(user, password)), is_told, "{user}");
    }
}

#[tokio::test]
async fn tls_is_told_apart_and_only_this_machine_is_asked_without() {
    let server = by_basic().await;
    // No TLS there.
    let uri = format!("https://{}/v2/", server.host).parse().unwrap();
    assert!(matches!(links().send(&Method::GET, &uri, None, ANYTHING).await, Err(Broken::NoTls(_))));
    for (host, is_local) in [
        ("localhost", true),
        ("localhost:5000", true),
        ("127.0.0.1:5000", true),
        ("127.9.9.9", true),
        ("[::1]:5000", true),
        ("10.0.0.1:5000", false),
        ("localhost.example.com", false),
    ] {
        assert_eq!(Target::host(host).is_local(), is_local, "{host}");
    }
    // Where the registry was asked with TLS, the login goes nowhere without.
    let challenge = challenges(&format!("Bearer realm=\"http://{}/token\"", server.host)).remove(0);
    let before = server.asked().len();
    let registry = "https://registry.test/v2/".parse().unwrap();
    let refused = token(&links(), &registry, &challenge, None, Some(&login("puller", PASSWORD))).await;
    assert!(refused.err().unwrap().sentence().contains("nothing was sent"));
    assert_eq!(server.asked().len(), before);
}

#[test]
fn docker_hub_answers_under_one_name() {
    for (image, host) in [("busybox", "registry-1.docker.io"), ("registry.test:5000/a", "registry.test:5000")] {
        assert_eq!(Target::image(&Image::parse(image).unwrap()).host, host);
    }
    assert_eq!(Target::host("index.docker.io").host, "registry-1.docker.io");
}
