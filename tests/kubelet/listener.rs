//! A small HTTP server of a test's own, at the node's address, so that Pods reach it. It keeps the heads of what it was sent.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use lockgate_cluster::Node;

/// Listens until the tests end. Whoever asks waits for the answer until it is let go.
pub struct Listener {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    held: Option<Sender<()>>,
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method, path and version.
    pub line: String,
    /// As `Name: value`.
    pub headers: Vec<String>,
}

impl Listener {
    pub fn start(node: &Node) -> Self {
        let listener = TcpListener::bind((node.address(), 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        let (held, until) = channel::<()>();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever hangs up in the middle has sent nothing. It is kept before it is answered, so that whoever has the
                // answer finds it.
                if let Ok(request) = read(&stream) {
                    kept.lock().unwrap().push(request);
                    // Nothing is ever sent: it ends when the other side is gone.
                    let _ = until.recv();
                    let _ = (&stream).write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n");
                }
            }
        });
        Self { address, requests, held: Some(held) }
    }

    /// Where it listens, `ADDRESS:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Answers, those who wait and all that come.
    pub fn answer(&mut self) {
        self.held = None;
    }

    /// What it was sent so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let line = if head.is_empty() { String::new() } else { head.remove(0) };
    Ok(Request { line, headers: head })
}
