//! What goes over the wire: a relay in plain text between a command and `kubectl proxy`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::shell::Shell;

/// What was sent and what was answered.
#[derive(Default)]
struct Record {
    sent: Vec<u8>,
    answered: Vec<u8>,
}

/// Called before a request whose first line begins so is passed on.
type Hook = (&'static str, Box<dyn Fn() + Send + Sync>);

/// The relay; it ends with the test.
pub struct Wire {
    /// For `--server`.
    pub url: String,
    record: Arc<Mutex<Record>>,
    proxy: Child,
}

impl Wire {
    pub fn new(shell: &Shell) -> Self {
        Self::with_hook(shell, ("\n", Box::new(|| ())))
    }

    /// One that does something in between.
    pub fn with_hook(shell: &Shell, hook: Hook) -> Self {
        let mut proxy = shell.command("kubectl").args(["proxy", "--port=0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(proxy.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let target: SocketAddr = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let record = Arc::new(Mutex::new(Record::default()));
        let (kept, hook) = (Arc::clone(&record), Arc::new(hook));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(target).unwrap();
                let (up, down) = ((client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client));
                let (record, hook) = (Arc::clone(&kept), Arc::clone(&hook));
                thread::spawn(move || {
                    relay(up, |bytes| {
                        if bytes.starts_with(hook.0.as_bytes()) {
                            hook.1();
                        }
                        record.lock().unwrap().sent.extend_from_slice(bytes);
                    });
                });
                let record = Arc::clone(&kept);
                thread::spawn(move || relay(down, |bytes| record.lock().unwrap().answered.extend_from_slice(bytes)));
            }
        });
        Self { url, record, proxy }
    }

    /// The first lines of the requests since the last call, each with its `accept` header; and what was answered, as text.
    pub fn take(&self) -> (Vec<(String, String)>, String) {
        let Record { sent, answered } = std::mem::take(&mut *self.record.lock().unwrap());
        let sent = String::from_utf8_lossy(&sent).into_owned();
        let mut requests: Vec<(String, String)> = Vec::new();
        for line in sent.lines() {
            if line.ends_with(" HTTP/1.1") {
                requests.push((line.trim_end_matches(" HTTP/1.1").to_owned(), String::new()));
            } else if let Some((_, accept)) =
                line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("accept"))
            {
                requests.last_mut().unwrap().1.push_str(accept);
            }
        }
        (requests, String::from_utf8_lossy(&answered).into_owned())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

fn relay((mut from, mut to): (TcpStream, TcpStream), see: impl Fn(&[u8])) {
    let mut buffer = [0; 8192];
    while let Ok(count) = from.read(&mut buffer) {
        see(&buffer[..count]);
        if count == 0 || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
