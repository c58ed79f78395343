//! The API server's audit log: which requests were made, by whom, and how they were answered.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client};
use lockgate_cluster::Cluster;
use serde::Deserialize;

use super::DEADLINE;
use super::rights::Right;

/// The operator's account, as the API server calls it.
pub const OPERATOR: &str = "system:serviceaccount:lockgate-system:lockgate";

/// One request. A watch has two entries: one when it begins, one when it has ended.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub stage: String,
    pub verb: String,
    #[serde(rename = "requestURI")]
    pub uri: String,
    #[serde(default)]
    pub user_agent: String,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: ResponseStatus,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    user: User,
    request_received_timestamp: String,
    stage_timestamp: String,
}

/// Who asked. Whom somebody impersonates, as `kubectl --as` does, stands elsewhere.
#[derive(Clone, Debug, Default, Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectRef {
    #[serde(default)]
    api_group: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct ResponseStatus {
    #[serde(default)]
    code: u16,
}

impl Entry {
    /// Verb and resource, as in `patch pipelines/status`.
    pub fn kind(&self) -> String {
        match (self.object_ref.resource.as_str(), self.object_ref.subresource.as_str()) {
            (resource, "") => format!("{} {resource}", self.verb),
            (resource, sub) => format!("{} {resource}/{sub}", self.verb),
        }
    }

    /// The right that it takes.
    pub fn right(&self) -> Right {
        let ObjectRef { api_group, resource, subresource, .. } = &self.object_ref;
        let resource = if subresource.is_empty() { resource.clone() } else { format!("{resource}/{subresource}") };
        Right { verb: self.verb.clone(), group: api_group.clone(), resource }
    }

    /// Whether a right was lacking. A quota and an admission rule answer 403, too.
    pub fn is_unauthorised(&self) -> bool {
        self.annotations.get("authorization.k8s.io/decision").is_some_and(|decision| decision == "forbid")
    }

    pub fn namespace(&self) -> &str {
        &self.object_ref.namespace
    }

    /// The object's name; of a Pod that is created too.
    pub fn name(&self) -> &str {
        &self.object_ref.name
    }

    pub fn code(&self) -> u16 {
        self.response_status.code
    }

    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }

    pub fn received(&self) -> Timestamp {
        self.request_received_timestamp.parse().unwrap()
    }

    pub fn answered(&self) -> Timestamp {
        self.stage_timestamp.parse().unwrap()
    }
}

/// The requests of an operator, as far as they were read.
pub struct Audit {
    path: PathBuf,
    /// What the line of a request of its account contains.
    account: String,
    offset: u64,
    entries: Vec<Entry>,
    barriers: Vec<String>,
}

impl Audit {
    pub fn of(cluster: &Cluster) -> Self {
        Self::of_account(cluster, OPERATOR)
    }

    /// Those of another account.
    pub fn of_account(cluster: &Cluster, account: &str) -> Self {
        Self::in_log(cluster.audit_log(), account)
    }

    /// Those of an account in this log.
    pub fn in_log(path: PathBuf, account: &str) -> Self {
        Self { path, account: format!("\"{account}\""), offset: 0, entries: Vec::new(), barriers: Vec::new() }
    }

    /// All of the operator's requests that are in the log now: each once, watches when they begin.
    pub fn read(&mut self) -> &[Entry] {
        let mut file = std::fs::File::open(&self.path).unwrap();
        file.seek(SeekFrom::Start(self.offset)).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { return &self.entries };
        self.offset += end as u64 + 1;
        for line in String::from_utf8(bytes[..end].to_vec()).unwrap().lines() {
            if line.contains("/configmaps/barrier-") {
                self.barriers.push(line.to_owned());
            }
            if !line.contains(&self.account) {
                continue;
            }
            // Watches are told of when they begin and again when they have ended.
            let entry: Entry = serde_json::from_str(line).unwrap();
            let is_told = (entry.verb == "watch") == (entry.stage == "ResponseStarted");
            if is_told && entry.user.username == self.account.trim_matches('"') {
                self.entries.push(entry);
            }
        }
        &self.entries
    }

    /// Those requests that were received since then.
    pub fn since(&mut self, then: Timestamp) -> Vec<Entry> {
        self.read().iter().filter(|entry| entry.received() >= then).cloned().collect()
    }

    /// Waits until the log says so. It is written beside the answers, not before them.
    pub async fn until(&mut self, what: &str, is_so: impl Fn(&[Entry]) -> bool) {
        let begun = Instant::now();
        while !is_so(self.read()) {
            assert!(begun.elapsed() < DEADLINE, "the audit log never said: {what}\n{:#?}", tally(&self.entries));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until every request that was answered before now is in the log.
    pub async fn settle(&mut self, client: &Client) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("barrier-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let nothing = Api::<ConfigMap>::namespaced(client.clone(), "default").get_opt(&name).await.unwrap();
        assert!(nothing.is_none());
        let begun = Instant::now();
        let path = format!("/configmaps/{name}\"");
        while !self.barriers.iter().any(|line| line.contains(&path)) {
            assert!(begun.elapsed() < DEADLINE, "the audit log stands still");
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.read();
        }
    }
}

/// How many of each kind and code.
pub fn tally(entries: &[Entry]) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for entry in entries {
        *all.entry(format!("{} {}", entry.kind(), entry.code())).or_insert(0) += 1;
    }
    all
}

/// How many per object name.
pub fn per_name<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for entry in entries {
        *all.entry(entry.name().to_owned()).or_insert(0) += 1;
    }
    all
}
