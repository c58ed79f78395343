//! The service `kubernetes` as Pods reach it: what kube-proxy would do, for this one service.
//!
//! Connections to its address are handed on to the API server, which listens on the loopback address.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::error::{Action as _, Error};

/// The port that every `kubernetes` service has.
const PORT: u16 = 443;

/// Hands connections on for as long as it lives.
pub(crate) struct Front {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Front {
    /// Listens on the service's address for the API server's port.
    pub(crate) fn start(service: Ipv4Addr, api_server: u16) -> Result<Self, Error> {
        let address = SocketAddr::from((service, PORT));
        let listener = TcpListener::bind(address).action(|| format!("listen on {address}"))?;
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let accept = move || {
            for client in listener.incoming() {
                if told.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(client) = client {
                    thread::spawn(move || hand_on(&client, api_server));
                }
            }
        };
        Ok(Self { address, ends, thread: Some(thread::spawn(accept)) })
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // It listens until somebody comes.
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

/// Copies both ways until one side ends, which the API server's side does at the latest when the cluster ends.
fn hand_on(client: &TcpStream, api_server: u16) {
    // Where nobody listens the client is hung up on, and tries again.
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, api_server)) else { return };
    let copy = |mut from: &TcpStream, mut to: &TcpStream| {
        // However it ends, it has ended.
        let _ = io::copy(&mut from, &mut to);
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    };
    thread::scope(|scope| {
        scope.spawn(|| copy(client, &server));
        copy(&server, client);
    });
}
