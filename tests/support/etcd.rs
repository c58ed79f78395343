//! What lies in etcd, and what lay there in between: asked through its JSON gateway.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use k8s_openapi::ByteString;
use lockgate_cluster::Cluster;
use serde_json::{Value, json};

/// Asks once.
pub fn ask(cluster: &Cluster, path: &str, body: &Value) -> Value {
    let mut answer = String::new();
    send(cluster, path, body).read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or_else(|_| panic!("{path}: {answer}"))
}

/// Bytes as etcd's JSON has them.
pub fn encoded(text: &str) -> Value {
    serde_json::to_value(ByteString(text.as_bytes().to_vec())).unwrap()
}

/// The number of its last write.
pub fn revision(cluster: &Cluster) -> i64 {
    let answer = ask(cluster, "/v3/kv/range", &json!({"key": encoded("/"), "limit": "1"}));
    number(&answer["header"]["revision"])
}

/// The keys under which this text was written after that revision, also where it stands no longer.
pub fn keys_with(cluster: &Cluster, text: &str, since: i64) -> Vec<String> {
    let last = revision(cluster);
    let all =
        json!({"create_request": {"key": encoded("\0"), "range_end": encoded("\0"), "start_revision": since + 1}});
    let mut lines = BufReader::new(send(cluster, "/v3/watch", &all)).lines().map(Result::unwrap);
    assert!(lines.by_ref().any(|line| line.is_empty()), "etcd hung up");
    let (mut seen, mut found) = (since, Vec::new());
    // A watch tells of all that was written, one after the other, and then waits.
    while seen < last {
        let line: Value = serde_json::from_str(&lines.next().expect("etcd goes on")).unwrap();
        assert!(line["result"]["canceled"].is_null(), "etcd has forgotten what was written since: {line}");
        for event in line["result"]["events"].as_array().into_iter().flatten() {
            let bytes = |field: &str| match &event["kv"][field] {
                Value::Null => Vec::new(),
                value => serde_json::from_value::<ByteString>(value.clone()).unwrap().0,
            };
            if String::from_utf8_lossy(&bytes("value")).contains(text) {
                found.push(String::from_utf8(bytes("key")).unwrap());
            }
            seen = number(&event["kv"]["mod_revision"]);
        }
    }
    found.sort();
    found.dedup();
    found
}

fn send(cluster: &Cluster, path: &str, body: &Value) -> TcpStream {
    let address = cluster.etcd_url().strip_prefix("http://").unwrap();
    let body = body.to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "POST {path} HTTP/1.0\r\nHost: etcd\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream
}

fn number(value: &Value) -> i64 {
    value.as_str().unwrap().parse().unwrap()
}
