//! Reads Secrets as Tables, one read per Secret however many wait for it, and never a value.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use tracing::Instrument;

use super::context::Context;
use super::facts::{Kept, ReadOutcome, Ticket};
use super::key::ObjectKey;
use super::table;
use crate::ops::metrics::ReadResult;
use crate::ops::spans::{self, Call};

/// One read takes no longer.
const READ_DEADLINE: Duration = Duration::from_secs(10);
/// A read that is out of date each time it comes is given up after so many tries: the Secret changes faster than it
/// can be read, and the next ring starts over.
const MOST_TRIES: u32 = 20;

/// Sees to it that the book knows all of these Secrets, and waits until it does.
pub(super) async fn ensure_known(context: &Arc<Context>, keys: &[ObjectKey]) {
    loop {
        let news = context.read_done.notified();
        tokio::pin!(news);
        // Registered before the look, so that a read that ends in between is not missed.
        news.as_mut().enable();
        let now = Timestamp::now();
        let (unknown, tickets) = context.with_state(|state| {
            let unknown: Vec<_> = keys.iter().filter(|key| state.book.look_up(key, now).is_none()).collect();
            let tickets: Vec<(ObjectKey, Ticket)> =
                unknown.iter().filter_map(|key| Some(((*key).clone(), state.book.begin(key, now)?))).collect();
            (unknown.len(), tickets)
        });
        if unknown == 0 {
            return;
        }
        for (key, ticket) in tickets {
            // A task of its own: the read must end though the reconcile that asked for it is given up.
            tokio::spawn(read_to_the_end(Arc::clone(context), key, ticket).in_current_span());
        }
        news.await;
    }
}

async fn read_to_the_end(context: Arc<Context>, key: ObjectKey, ticket: Ticket) {
    // Never closed, so that there is always a permit to come.
    let _permit = context.reads.acquire().await;
    for attempt in 1..=MOST_TRIES {
        let span = Call::GetSecret(&key.name).span(&key.namespace);
        let answer = tokio::time::timeout(READ_DEADLINE, read(&context.client, &key)).instrument(span.clone()).await;
        let outcome = match answer {
            Ok(outcome) if attempt < MOST_TRIES => outcome,
            Ok(_) => ReadOutcome::Failed("it changes faster than it can be read".into()),
            Err(_) => ReadOutcome::Failed("the API server did not answer in time".into()),
        };
        let result = match &outcome {
            ReadOutcome::Found(_) => ReadResult::Found,
            ReadOutcome::NotFound => ReadResult::NotFound,
            ReadOutcome::Forbidden => ReadResult::Forbidden,
            ReadOutcome::Failed(_) => ReadResult::Failed,
        };
        context.metrics.secret_read(result);
        spans::ended(&span, result.as_str(), result == ReadResult::Failed);
        let kept = context.with_state(|state| state.book.finish(&key, ticket, outcome, Timestamp::now()));
        if kept == Kept::Yes {
            break;
        }
    }
    context.read_done.notify_waiters();
}

/// One Table GET. `Client::send` and a decoder of our own, since `Client::request` logs what it cannot decode.
pub(crate) async fn read(client: &Client, key: &ObjectKey) -> ReadOutcome {
    // A name here is a DNS subdomain, checked when the spec was parsed, so it needs no escaping.
    let request = Request::get(format!("/api/v1/namespaces/{}/secrets/{}", key.namespace, key.name))
        .header(header::ACCEPT, "application/json;as=Table;g=meta.k8s.io;v=v1")
        .body(Body::empty());
    let Ok(request) = request else {
        return ReadOutcome::Failed("its name cannot be part of a URL".into());
    };
    let Ok(response) = client.send(request).await else {
        return ReadOutcome::Failed("the API server could not be reached".into());
    };
    let status = response.status();
    let body = match response.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return ReadOutcome::Failed("the API server's answer broke off".into()),
    };
    match status {
        StatusCode::OK => match table::secret_facts(&body) {
            Ok(facts) => ReadOutcome::Found(facts),
            Err(why) => ReadOutcome::Failed(why),
        },
        StatusCode::NOT_FOUND => ReadOutcome::NotFound,
        StatusCode::FORBIDDEN => ReadOutcome::Forbidden,
        other => ReadOutcome::Failed(format!(
            "the API server answered {}{}",
            other.as_u16(),
            table::status_reason(&body).map(|reason| format!(" ({reason})")).unwrap_or_default()
        )),
    }
}
