//! A visit to a registry, as containerd makes it for the kubelet (`core/remotes/docker` there): asked without a login first; where
//! that is answered with 401, logged in as the answer says, by a token or by the login itself; then asked once more.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Method, StatusCode, Uri};
use serde::Deserialize;

use super::answer::{Answer, State};
use super::challenge::{Challenge, challenges};
use super::link::{Broken, Links, Reply};
use crate::cli::values::Login;
use crate::model::image::{HUB, Image};

/// The kinds of manifests that runtimes pull.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, */*";
const ANYTHING: &str = "*/*";

/// The longest that is told of a registry's words.
const MOST_SAID: usize = 200;

/// What is asked for.
pub(super) struct Target {
    /// Host and port.
    pub(super) host: String,
    /// Repository and tag or digest; `None`: only whether the login is good.
    image: Option<(String, String)>,
}

impl Target {
    /// An image's manifest.
    pub(super) fn image(image: &Image) -> Self {
        Self { image: Some((image.path.clone(), image.version().to_owned())), ..Self::host(&image.domain) }
    }

    /// A registry. Docker Hub's names all stand for the one host that answers.
    pub(super) fn host(host: &str) -> Self {
        let is_hub = host == HUB || host == "index.docker.io";
        Self { host: if is_hub { "registry-1.docker.io".to_owned() } else { host.to_owned() }, image: None }
    }

    fn question(&self) -> (Method, String, &'static str) {
        match &self.image {
            Some((path, version)) => (Method::HEAD, format!("/v2/{path}/manifests/{version}"), MANIFESTS),
            None => (Method::GET, "/v2/".to_owned(), ANYTHING),
        }
    }

    /// What runtimes do not ask TLS of: only this machine.
    fn is_local(&self) -> bool {
        let host = self.host.rsplit_once(':').map_or(self.host.as_str(), |(host, _)| host);
        host == "localhost" || host == "[::1]" || host.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback())
    }
}

/// What was answered, while it is being asked.
type Asked<T> = Result<T, Answer>;

/// Asks a registry, as somebody or as nobody.
pub(super) async fn visit(links: &Links, target: &Target, login: Option<&Login>) -> Answer {
    let login = login.filter(|login| !login.is_empty());
    ask(links, target, login).await.map_or_else(|answer| answer, Answer::from)
}

async fn ask(links: &Links, target: &Target, login: Option<&Login>) -> Asked<State> {
    let (method, path, accept) = target.question();
    let at = |scheme: &str| -> Asked<Uri> {
        let uri = format!("{scheme}://{}{path}", target.host).parse();
        uri.map_err(|_| answer(State::NotARegistry, "its name cannot be part of an address"))
    };
    let mut uri = at(if links.plain_http { "http" } else { "https" })?;
    let mut first = links.send(&method, &uri, None, accept).await;
    if matches!(first, Err(Broken::NoTls(_))) && target.is_local() {
        uri = at("http")?;
        first = links.send(&method, &uri, None, accept).await;
    }
    let first = first.map_err(no_answer)?;
    if first.status != StatusCode::UNAUTHORIZED {
        return match state_of(&first, target) {
            Some(State::Ok) if target.image.is_none() => Ok(State::Open),
            Some(state) => told(state, &first, login),
            None => told(State::NotARegistry, &first, login),
        };
    }
    let offered: Vec<Challenge> = first
        .headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(challenges)
        .collect();
    let by = |scheme: &str| offered.iter().find(|challenge| challenge.scheme == scheme);
    let header = match (by("bearer"), by("basic"), login) {
        (Some(challenge), ..) => bearer(links, target, &uri, challenge, login).await?,
        (None, Some(_), Some(login)) => basic(login),
        (None, Some(_), None) => return Ok(State::LoginNeeded),
        (None, None, _) => return Err(answer(State::NotARegistry, "it asks for no login that runtimes know")),
    };
    let second = links.send(&method, &uri, Some(&header), accept).await.map_err(no_answer)?;
    let state = match (second.status, by("bearer").is_some(), login) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _, None) => State::LoginNeeded,
        (StatusCode::UNAUTHORIZED, false, Some(_)) => State::WrongLogin,
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _, Some(_)) => State::NoPermission,
        _ => state_of(&second, target).unwrap_or(State::NotARegistry),
    };
    told(state, &second, login)
}

/// What an answer means where it is not about a login.
fn state_of(reply: &Reply, target: &Target) -> Option<State> {
    match reply.status {
        StatusCode::NOT_FOUND if target.image.is_some() => Some(State::NoSuchImage),
        StatusCode::FORBIDDEN => Some(State::NoPermission),
        StatusCode::TOO_MANY_REQUESTS => Some(State::Busy),
        status if status.is_success() => Some(State::Ok),
        status if status.is_server_error() => Some(State::Busy),
        _ => None,
    }
}

/// A state with the registry's words, where it is not a good one.
fn told(state: State, reply: &Reply, login: Option<&Login>) -> Asked<State> {
    if state.is_good() { Ok(state) } else { Err(Answer { state, said: Some(said(reply, login)) }) }
}

fn answer(state: State, said: &str) -> Answer {
    Answer { state, said: Some(said.to_owned()) }
}

fn no_answer(broken: Broken) -> Answer {
    match broken {
        Broken::Unreachable(why) => answer(State::Unreachable, &why),
        Broken::Tls(why) | Broken::NoTls(why) => answer(State::Tls, &why),
        Broken::Strange(why) => answer(State::NotARegistry, &why),
    }
}

fn basic(login: &Login) -> HeaderValue {
    let pair = [login.user.expose(), b":", login.password.expose()].concat();
    sensitive(&format!("Basic {}", BASE64_STANDARD.encode(pair)))
}

/// A header that no log shows.
fn sensitive(text: &str) -> HeaderValue {
    // Base64 and tokens have no sign that a header cannot have; another is sent as none.
    let mut header = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

/// Fetches a token where the registry says, with the login, if there is one.
async fn bearer(
    links: &Links,
    target: &Target,
    registry: &Uri,
    challenge: &Challenge,
    login: Option<&Login>,
) -> Asked<HeaderValue> {
    #[derive(Deserialize)]
    struct Token {
        token: Option<String>,
        access_token: Option<String>,
    }

    let scope = target.image.as_ref().map(|(path, _)| format!("repository:{path}:pull"));
    let scope = scope.map(|own| challenge.params.get("scope").cloned().unwrap_or(own));
    let reply = token(links, registry, challenge, scope.as_deref(), login).await?;
    match reply.status {
        status if status.is_success() => {}
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            // Some give no token to who may not pull: whether the login is good is seen where nothing is asked for.
            let is_good = scope.is_some()
                && login.is_some()
                && token(links, registry, challenge, None, login).await?.status.is_success();
            return Err(Answer { state: refusal(login, is_good), said: Some(said(&reply, login)) });
        }
        StatusCode::TOO_MANY_REQUESTS => return Err(Answer { state: State::Busy, said: Some(said(&reply, login)) }),
        status if status.is_server_error() => {
            return Err(Answer { state: State::Busy, said: Some(said(&reply, login)) });
        }
        _ => return Err(Answer { state: State::NotARegistry, said: Some(said(&reply, login)) }),
    }
    let token = serde_json::from_slice::<Token>(&reply.body).ok().and_then(|found| found.token.or(found.access_token));
    let token = token.ok_or_else(|| answer(State::NotARegistry, "it gives no token"))?;
    Ok(sensitive(&format!("Bearer {token}")))
}

fn refusal(login: Option<&Login>, is_good: bool) -> State {
    match login {
        Some(_) if is_good => State::NoPermission,
        Some(_) => State::WrongLogin,
        None => State::LoginNeeded,
    }
}

/// Asks for a token. The login goes where the registry says, as with containerd, but never from https to http.
async fn token(
    links: &Links,
    registry: &Uri,
    challenge: &Challenge,
    scope: Option<&str>,
    login: Option<&Login>,
) -> Asked<Reply> {
    let service = challenge.params.get("service").map(String::as_str);
    let query = [("service", service), ("scope", scope)];
    let query = query.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped(value?))));
    let query = query.collect::<Vec<_>>().join("&");
    let realm = challenge.params.get("realm").map_or("", String::as_str);
    let joint = if realm.contains('?') { "&" } else { "?" };
    let uri: Option<Uri> = format!("{realm}{joint}{query}").parse().ok();
    let is_address = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    let uri = uri.filter(is_address).ok_or_else(|| answer(State::NotARegistry, "it names no address for tokens"))?;
    if registry.scheme_str() == Some("https") && uri.scheme_str() != Some("https") {
        return Err(answer(State::NotARegistry, "it wants the login to be sent without TLS; nothing was sent"));
    }
    let header = login.map(basic);
    links.send(&Method::GET, &uri, header.as_ref(), ANYTHING).await.map_err(no_answer)
}

/// A value as part of a query.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The registry's own words: the status, and the first of its errors
/// (`distribution-spec`, "Error Codes"; others write `details`).
fn said(reply: &Reply, login: Option<&Login>) -> String {
    #[derive(Default, Deserialize)]
    struct Said {
        #[serde(default)]
        errors: Vec<One>,
        details: Option<String>,
    }
    #[derive(Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }

    let body: Said = serde_json::from_slice(&reply.body).unwrap_or_default();
    let first = body.errors.first().map(|One { code, message }| format!("{code} {message}"));
    let words: String = first.or(body.details).unwrap_or_default().trim().chars().take(MOST_SAID).collect();
    let status = reply.status.as_u16();
    if words.is_empty() || login.is_some_and(|login| repeats(&words, login)) {
        return format!("it answers {status}");
    }
    format!("it answers {status}: {words}")
}

/// Whether these words have user or password in them; a short one as a word by itself.
fn repeats(words: &str, login: &Login) -> bool {
    let has = |value: &[u8]| {
        let value = String::from_utf8_lossy(value);
        let value = value.trim();
        match value.len() {
            0 => false,
            1..4 => words.split(|c: char| !c.is_alphanumeric()).any(|word| word == value),
            _ => words.contains(value),
        }
    };
    has(login.user.expose()) || has(login.password.expose())
}

#[cfg(test)]
#[path = "visit_tests.rs"]
mod tests;
