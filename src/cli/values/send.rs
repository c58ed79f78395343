//! Requests that carry values, and answers that do.

use http::{Method, Request};
use kube::Client;
use kube::client::Body;

use super::{Tree, compact};
use crate::cli::ask;
use crate::cli::error::Error;
use crate::cli::output::printable;
use crate::cli::writes::DryRun;

/// How a write is asked for.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Write {
    /// Who owns the fields.
    pub field_manager: String,
    /// `Strict`, `Warn` or `Ignore`.
    pub validation: &'static str,
    /// Whether the server only says what it would do.
    pub dry_run: bool,
}

impl Write {
    /// What kubectl puts behind a line.
    pub(in crate::cli) fn suffix(&self) -> &'static str {
        if self.dry_run { DryRun::Server.suffix() } else { "" }
    }

    /// The end of the request's path.
    fn query(&self) -> String {
        let manager: String = form_urlencoded::byte_serialize(self.field_manager.as_bytes()).collect();
        let dry_run = if self.dry_run { "&dryRun=All" } else { "" };
        format!("?fieldManager={manager}&fieldValidation={}{dry_run}", self.validation)
    }
}

/// Makes it; the object as the server has it now.
pub(in crate::cli) async fn create(
    client: &Client,
    namespace: &str,
    object: &Tree,
    write: &Write,
) -> Result<Tree, Error> {
    let path = format!("/api/v1/namespaces/{namespace}/secrets{}", write.query());
    send(client, Method::POST, &path, "application/json", object).await
}

/// Changes it by a merge patch; the object as the server has it now.
pub(in crate::cli) async fn patch(
    client: &Client,
    namespace: &str,
    name: &str,
    change: &Tree,
    write: &Write,
) -> Result<Tree, Error> {
    let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}{}", write.query());
    send(client, Method::PATCH, &path, "application/merge-patch+json", change).await
}

/// What the server warns of goes to stderr, as kubectl shows it.
async fn send(client: &Client, method: Method, path: &str, kind: &str, body: &Tree) -> Result<Tree, Error> {
    let body = compact(body)?;
    let request = Request::builder().method(method).uri(path).header(http::header::CONTENT_TYPE, kind);
    let request = request
        .body(Body::from(body.expose().to_vec()))
        .map_err(|_| Error::Usage("this is no name of a Secret or a namespace".into()))?;
    let answer = ask::exchange(client, request).await?;
    for warning in answer.headers().get_all(http::header::WARNING) {
        eprintln!("Warning: {}", printable(&warning_text(&String::from_utf8_lossy(warning.as_bytes()))));
    }
    serde_json::from_slice(ask::good(answer)?.body())
        .map_err(|_| Error::Findings("the API server's answer is no JSON".into()))
}

/// The text of `299 - "TEXT"`, in which a `"` and a backslash have one before them.
fn warning_text(header: &str) -> String {
    let quoted = header.splitn(3, ' ').nth(2).unwrap_or_default();
    let mut rest = quoted.strip_prefix('"').unwrap_or(quoted).chars();
    let mut text = String::new();
    loop {
        match rest.next() {
            None | Some('"') => return text,
            Some('\\') => text.extend(rest.next()),
            Some(other) => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_read_to_its_end() {
        for (header, text) in [
            (r#"299 - "unknown field \"metadata.foo\"""#, r#"unknown field "metadata.foo""#),
            (r#"299 - "a \\ b" "Mon, 01 Jan 2026 00:00:00 GMT""#, r"a \ b"),
            ("299 - plain", "plain"),
            ("299", ""),
        ] {
            assert_eq!(warning_text(header), text);
        }
    }
}
