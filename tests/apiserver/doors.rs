//! What the operator answers to: two ports, four pages, and nothing that holds a name.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use lockgate::api::reason::Phase;
use serde_json::json;

use crate::support::{CANARY, DEADLINE, Operator};
use crate::{shared, space};

/// The ports on which a process listens (`proc(5)`: state 0A of its own sockets).
fn listens(pid: u32) -> BTreeSet<u16> {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let sockets: BTreeSet<String> = links
        .filter_map(|link| fs::read_link(link.ok()?.path()).ok())
        .filter_map(|target| Some(target.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect();
    let tables =
        ["tcp", "tcp6"].map(|table| fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default());
    let mut ports = BTreeSet::new();
    for line in tables.iter().flat_map(|table| table.lines().skip(1)) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[3] == "0A" && sockets.contains(words[9]) {
            ports.insert(u16::from_str_radix(words[1].rsplit(':').next().unwrap(), 16).unwrap());
        }
    }
    ports
}

fn port(address: &str) -> u16 {
    address.rsplit(':').next().unwrap().parse().unwrap()
}

/// Sends a request as it is, and returns the code and all that was answered.
fn ask(address: &str, method: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer.split_whitespace().nth(1).unwrap().parse().unwrap(), answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_listens_at_two_ports_and_answers_four_pages_without_a_name() {
    const PAGES: [(&str, &[&str]); 2] =
        [("/metrics", &["/metrics"]), ("/livez and /readyz", &["/livez", "/readyz", "/healthz"])];
    const OTHERS: [&str; 14] = [
        "/",
        "//metrics",
        "/metrics/",
        "/metrics/..",
        "/livez/../metrics",
        "/debug/pprof/",
        "/api",
        "/apis",
        "/version",
        "/pipelines",
        "/secrets",
        "/config",
        "/log",
        "/quitquitquit",
    ];
    let space = space("no-such-name-on-a-page").await;
    space.secret("secret-of-no-page", &["password"]).await;
    let uses = json!([{"name": "secret-of-no-page", "env_var": "X", "key": "password"}]);
    space.pipeline("pipeline-of-no-page", json!({"transform": {"image": "a", "secrets": uses}})).await;
    space.phase("pipeline-of-no-page", Phase::Starting).await;

    let operator: &Operator = &tokio::task::block_in_place(shared).operator;
    let addresses = PAGES.map(|(pages, _)| operator.serves(pages));
    assert_eq!(listens(operator.pid()), addresses.iter().map(|address| port(address)).collect::<BTreeSet<u16>>());
    for ((_, own), address) in PAGES.iter().zip(&addresses) {
        let all = PAGES.iter().flat_map(|(_, pages)| *pages).copied().chain(OTHERS);
        for path in all {
            let (code, answer) = ask(address, "GET", path);
            assert_eq!(code, if own.contains(&path) { 200 } else { 404 }, "{path}: {answer}");
            for word in ["of-no-page", "no-such-name", CANARY, "lockgate-system"] {
                assert!(!answer.contains(word), "{path} says {word}: {answer}");
            }
            for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                assert_eq!(ask(address, method, path).0, 405, "{method} {path}");
            }
        }
    }
}
