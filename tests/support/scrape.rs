//! What the operator's ports answer.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::DEADLINE;
use super::server::Server;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub content_type: String,
    pub body: String,
}

/// GET.
pub fn get(address: &str, path: &str, accept: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let code = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    let content_type = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default();
    Answer { code, content_type: content_type.to_owned(), body: body.to_owned() }
}

impl Server {
    /// Where it serves these pages: it says so in its log.
    pub fn serves(&self, pages: &str) -> String {
        let begun = Instant::now();
        loop {
            let log = self.log();
            let line = log.lines().find(|line| line.contains(&format!("serving {pages}")));
            if let Some(address) = line.and_then(|line| line.split("address=").nth(1)) {
                return address.trim().to_owned();
            }
            assert!(begun.elapsed() < DEADLINE, "it never served {pages}: {log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A scrape as text.
    pub fn scrape(&self) -> Scrape {
        let answer = get(&self.serves("/metrics"), "/metrics", "text/plain");
        assert_eq!(answer.code, 200, "{answer:?}");
        Scrape(answer.body)
    }

    /// The first scrape that says so.
    pub async fn scrape_until(&self, what: &str, is_so: impl Fn(&Scrape) -> bool) -> Scrape {
        let begun = Instant::now();
        loop {
            let scrape = self.scrape();
            if is_so(&scrape) {
                return scrape;
            }
            assert!(begun.elapsed() < DEADLINE, "no scrape says: {what}\n{}", scrape.0);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What a page about health answers.
    pub fn health(&self, path: &str) -> Answer {
        get(&self.serves("/livez and /readyz"), path, "")
    }

    /// Waits until a page about health answers with this code.
    pub async fn until_health(&self, path: &str, code: u16) -> Answer {
        let begun = Instant::now();
        loop {
            let answer = self.health(path);
            if answer.code == code {
                return answer;
            }
            assert!(begun.elapsed() < DEADLINE, "{path} never answered {code}: {answer:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A scrape.
#[derive(Debug)]
pub struct Scrape(pub String);

impl Scrape {
    /// Every series, with its labels, and its value.
    pub fn series(&self) -> BTreeMap<&str, f64> {
        let samples = self.0.lines().filter(|line| !line.starts_with('#'));
        samples.map(|line| line.rsplit_once(' ').unwrap()).map(|(name, value)| (name, value.parse().unwrap())).collect()
    }

    /// The value of this series, labels and all.
    pub fn value(&self, series: &str) -> f64 {
        let all = self.series();
        *all.get(series).unwrap_or_else(|| panic!("{series} is not in {}", self.0))
    }

    /// Name and type of each family.
    pub fn families(&self) -> BTreeMap<&str, &str> {
        self.0.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect()
    }
}
