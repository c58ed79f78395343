//! The fence: a layer of the client that lets writes through only while the Lease is surely ours.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use http::{Method, Request};
use thiserror::Error;
use tower::{Layer, Service};

/// Open for so long after each renewal of the Lease. All clones are one fence.
#[derive(Clone, Debug)]
pub struct Fence {
    renewed: Arc<Mutex<Option<Moment>>>,
    open_for: Duration,
}

/// A moment, by two clocks. The monotonic one goes on while a process is stopped, but stands still while its machine
/// sleeps; the wall clock is set right afterwards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    monotonic: Instant,
    wall: SystemTime,
}

impl Moment {
    pub fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }

    /// How long ago, by whichever clock says more: a leader errs towards giving up.
    pub fn elapsed(&self) -> Duration {
        // A wall clock that was set back says nothing.
        self.monotonic.elapsed().max(self.wall.elapsed().unwrap_or_default())
    }
}

impl Fence {
    /// A fence that is closed.
    #[must_use]
    pub fn new(open_for: Duration) -> Self {
        Self { renewed: Arc::default(), open_for }
    }

    fn last(&self) -> Option<Moment> {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Lease was renewed by a request that was sent then.
    pub(super) fn renewed(&self, sent: Moment) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent);
    }

    /// Closes it for good.
    pub(super) fn close(&self) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How long ago the last renewal was sent; `None`: this process does not lead.
    pub(super) fn since_renewal(&self) -> Option<Duration> {
        self.last().map(|moment| moment.elapsed())
    }

    /// Whether a write may go out now. Asked of the clock each time, so that no task has to run to close it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.since_renewal().is_some_and(|ago| ago < self.open_for)
    }
}

/// A write was held back.
#[derive(Debug, Error)]
#[error("this operator does not hold the Lease, so it writes nothing")]
pub struct FenceClosed;

impl<S> Layer<S> for Fence {
    type Service = Fenced<S>;

    fn layer(&self, inner: S) -> Fenced<S> {
        Fenced { inner, fence: self.clone() }
    }
}

/// A client's stack behind the fence.
#[derive(Clone, Debug)]
pub struct Fenced<S> {
    inner: S,
    fence: Fence,
}

impl<S, B> Service<Request<B>> for Fenced<S>
where
    S: Service<Request<B>>,
    S::Response: 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        let mut answer = Box::pin(self.inner.call(request));
        if reads {
            return Box::pin(async move { answer.await.map_err(Into::into) });
        }
        let fence = self.fence.clone();
        // Asked before each poll, not once: a request may wait for its connection while the Lease runs out.
        Box::pin(poll_fn(move |cx| {
            if fence.is_open() {
                answer.as_mut().poll(cx).map_err(Into::into)
            } else {
                Poll::Ready(Err(FenceClosed.into()))
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// A stack that counts what goes out, once its connection is made.
    #[derive(Clone, Default)]
    struct Wire {
        sent: Arc<AtomicUsize>,
        connected: Arc<Notify>,
    }

    impl Service<Request<()>> for Wire {
        type Response = ();
        type Error = std::io::Error;
        type Future = Pin<Box<dyn Future<Output = Result<(), std::io::Error>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            let wire = self.clone();
            Box::pin(async move {
                wire.connected.notified().await;
                wire.sent.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
        }
    }

    async fn send(fence: &Fence, wire: &Wire, method: Method) -> bool {
        wire.connected.notify_one();
        let request = Request::builder().method(method).body(()).unwrap();
        fence.layer(wire.clone()).call(request).await.is_ok()
    }

    fn ago(seconds: u64) -> Moment {
        let back = Duration::from_secs(seconds);
        Moment { monotonic: Instant::now().checked_sub(back).unwrap(), wall: SystemTime::now() - back }
    }

    #[tokio::test]
    async fn only_the_holder_writes_and_everybody_reads() {
        let (fence, wire) = (Fence::new(Duration::from_secs(10)), Wire::default());
        for (what, renewed, open) in [
            ("a follower", None, false),
            ("a leader", Some(ago(0)), true),
            ("a leader that is about to lose", Some(ago(9)), true),
            ("a leader whose time is up", Some(ago(10)), false),
            ("a process that was stopped for an hour", Some(ago(3600)), false),
            ("a machine that slept for an hour", Some(Moment { monotonic: Instant::now(), ..ago(3600) }), false),
        ] {
            match renewed {
                Some(moment) => fence.renewed(moment),
                None => fence.close(),
            }
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                assert_eq!(send(&fence, &wire, method.clone()).await, open, "{what}: {method}");
            }
            assert!(send(&fence, &wire, Method::GET).await, "{what} reads");
        }
        assert_eq!(wire.sent.load(Ordering::SeqCst), 2 * 4 + 6);
    }

    #[tokio::test]
    async fn a_write_that_waits_for_its_connection_while_the_lease_runs_out_is_never_sent() {
        let (fence, wire) = (Fence::new(Duration::from_secs(10)), Wire::default());
        fence.renewed(ago(0));
        let request = Request::post("/").body(()).unwrap();
        let mut answer = fence.layer(wire.clone()).call(request);
        assert!(futures::poll!(&mut answer).is_pending());
        fence.renewed(ago(11));
        wire.connected.notify_one();
        assert!(answer.await.unwrap_err().is::<FenceClosed>());
        assert_eq!(wire.sent.load(Ordering::SeqCst), 0);
    }
}
