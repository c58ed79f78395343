//! Sends a batch to the collector.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use tokio::runtime::Handle;
use tracing::{info, warn};

use crate::ops::causes::with_causes;

/// Of a collector that does not answer as it should the log tells no more often.
const TELL_EVERY: Duration = Duration::from_mins(10);
/// An answer is empty or a few words.
const MOST_BYTES: usize = 64 * 1024;

/// An HTTP client that the SDK's thread may use: the request runs in the operator's runtime, and the thread waits.
#[derive(Debug)]
pub(super) struct Post<C> {
    client: Client<C, Full<Bytes>>,
    timeout: Duration,
    runtime: Handle,
    told: Mutex<Told>,
}

/// What the log knows of the collector.
#[derive(Debug, Default)]
struct Told {
    failing: bool,
    at: Option<Instant>,
}

impl<C: Connect + Clone + Send + Sync + 'static> Post<C> {
    /// Has to be called in a runtime.
    pub(super) fn new(connector: C, timeout: Duration) -> Self {
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, timeout, runtime: Handle::current(), told: Mutex::default() }
    }
}

impl<C: std::fmt::Debug> Post<C> {
    /// Neither the answer's text nor a header comes into the log.
    fn tell(&self, problem: Option<String>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match problem {
            Some(why) if told.at.is_none_or(|at| at.elapsed() >= TELL_EVERY) => {
                *told = Told { failing: true, at: Some(Instant::now()) };
                warn!(why, "traces cannot be sent and are dropped; nothing else is held up by it");
            }
            None if told.failing => {
                told.failing = false;
                info!("traces are sent again");
            }
            _ => {}
        }
    }
}

impl<C: Connect + Clone + std::fmt::Debug + Send + Sync + 'static> HttpClient for Post<C> {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> BoxFuture<'b, Result<Response<Bytes>, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        let (client, timeout) = (self.client.clone(), self.timeout);
        let exchange = async move {
            let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, MOST_BYTES).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        };
        let sent = self.runtime.spawn(async move { tokio::time::timeout(timeout, exchange).await });
        Box::pin(async move {
            let answer: Result<_, HttpError> = match sent.await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(format!("the collector did not answer within {timeout:?}").into()),
                Err(_) => Err("the operator ends".into()),
            };
            self.tell(match &answer {
                Ok(response) if response.status().is_success() => None,
                Ok(response) => Some(format!("the collector answered {}", response.status().as_u16())),
                Err(error) => Some(with_causes(error.as_ref())),
            });
            answer
        })
    }
}
