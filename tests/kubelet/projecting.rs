//! The projector of the shared cluster. Journeys that need it take turns, since one of them kills it.

use tokio::sync::{Mutex, MutexGuard};

use crate::shared;
use crate::support::Projector;

/// One journey's turn with the projector.
pub struct Projecting(MutexGuard<'static, Option<Projector>>);

/// Waits for a turn. The projector runs then.
pub async fn projecting() -> Projecting {
    static SHARED: Mutex<Option<Projector>> = Mutex::const_new(None);
    let mut turn = Projecting(SHARED.lock().await);
    if turn.0.is_none() {
        turn.start_again().await;
    }
    turn
}

impl Projecting {
    /// SIGKILL.
    pub fn kill(&mut self) {
        self.0.take().expect("it runs").kill();
    }

    pub async fn start_again(&mut self) {
        let start = || Projector::start(&shared().unwrap().cluster);
        *self.0 = Some(tokio::task::spawn_blocking(start).await.unwrap());
    }

    /// What it logged since it was started.
    pub fn log(&self) -> String {
        self.0.as_ref().expect("it runs").log()
    }
}
