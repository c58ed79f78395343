//! Value-free: no value of any Secret gets into the operator's log, into objects, events, Pods or its memory, however
//! the Secret was made.

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::{Read, Seek, SeekFrom, Write};
use std::process::Stdio;
use std::time::Instant;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate_cluster::Cluster;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::audit::Audit;
use crate::support::heavy::{Heavy, paper_node};
use crate::support::{Operator, Space, admin, output, phase_of};

/// A way in which Secrets are made and changed.
struct Way {
    name: &'static str,
    kubectl: &'static [&'static str],
    /// How it is changed, where that is another command.
    change: &'static [&'static str],
    field: &'static str,
    /// In every value that was ever written this way, and nowhere else.
    canary: String,
}

const APPLY: &[&str] = &["apply", "-f", "-"];
const APPLY_ON_SERVER: &[&str] = &["apply", "--server-side", "-f", "-"];
const CREATE: &[&str] = &["create", "-f", "-"];
const REPLACE: &[&str] = &["replace", "-f", "-"];
/// So many versions of a client-side applied Secret may lie in the buffers of connections, however often it changed.
const MOST_PASSING: usize = 4;
/// Rotations by kubectl, each of every Secret.
const ROTATIONS: usize = 4;

fn ways() -> Vec<Way> {
    let way =
        |name, kubectl, change, field| Way { name, kubectl, change, field, canary: format!("lgc-{name}-{}", random()) };
    vec![
        way("client-data", APPLY, APPLY, "data"),
        way("client-string", APPLY, APPLY, "stringData"),
        way("server-data", APPLY_ON_SERVER, APPLY_ON_SERVER, "data"),
        way("server-string", APPLY_ON_SERVER, APPLY_ON_SERVER, "stringData"),
        way("post-data", CREATE, REPLACE, "data"),
        way("post-string", CREATE, REPLACE, "stringData"),
    ]
}

impl Way {
    /// `last-applied-configuration` holds the values, and comes along wherever metadata is sent.
    fn is_client_side(&self) -> bool {
        self.kubectl == APPLY
    }

    /// The Secrets of this way, in the given version: one for env and files, one to pull by, one that nobody names.
    fn secrets(&self, namespace: &str, version: usize, more_keys: bool) -> Value {
        let value = |key: &str| {
            let text = format!("{}-{key}-{version}", self.canary);
            if self.field == "data" { json!(base64(text.as_bytes())) } else { json!(text) }
        };
        let docker = json!({"auths": {"registry.test": {"username": "u", "password": self.canary, "email": version.to_string()}}});
        let docker = docker.to_string();
        let docker = if self.field == "data" { base64(docker.as_bytes()) } else { docker };
        let secret = |suffix: &str, type_: &str, values: Value| {
            let mut object = json!({
                "apiVersion": "v1", "kind": "Secret", "type": type_,
                "metadata": {"name": format!("{}-{suffix}", self.name), "namespace": namespace},
            });
            object[self.field] = values;
            object
        };
        let mut values = json!({"user": value("user"), "password": value("password")});
        if more_keys {
            values["late"] = value("late");
        }
        json!({"apiVersion": "v1", "kind": "List", "items": [
            secret("used", "Opaque", values),
            secret("pull", "kubernetes.io/dockerconfigjson", json!({".dockerconfigjson": docker})),
            secret("unused", "Opaque", json!({"a": value("a"), "b": value("b")})),
        ]})
    }

    fn write(&self, cluster: &Cluster, args: &[&str], objects: &Value) {
        let mut kubectl = cluster.kubectl();
        let mut child = kubectl.args(args).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(objects.to_string().as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{}: kubectl {args:?} failed", self.name);
    }

    /// What to search for: the canary as it is, and in base64 wherever it may begin.
    fn needles(&self) -> Vec<Vec<u8>> {
        spellings(&self.canary)
    }

    /// What is in every version of the Secret that is used exactly once.
    fn once_per_version(&self) -> Vec<Vec<u8>> {
        spellings(&format!("{}-password", self.canary))
    }

    /// What would tell who guesses a value that the guess is right: the begin of the SHA-256 of a value in any of these versions.
    fn digests(&self, versions: usize) -> Vec<Vec<u8>> {
        let values = (0..=versions)
            .flat_map(|version| ["user", "password", "late"].map(|key| format!("{}-{key}-{version}", self.canary)));
        let mut all = Vec::new();
        for value in values {
            let digest = Sha256::digest(value.as_bytes());
            // Ten digits in hex, in either case, and ten letters in base64.
            let hex = |upper: bool| {
                digest.iter().take(5).flat_map(move |byte| {
                    let digits = if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
                    digits.into_bytes()
                })
            };
            all.extend([hex(false).collect(), hex(true).collect(), base64(&digest).as_bytes()[..10].to_vec()]);
        }
        all
    }
}

/// A text as it is, and in base64 wherever it may begin.
pub(crate) fn spellings(canary: &str) -> Vec<Vec<u8>> {
    let canary = canary.as_bytes();
    let mut all = vec![canary.to_vec()];
    for before in 0..3_usize {
        let encoded = base64(&[&b"\0\0\0"[..before], canary].concat());
        // Characters that hold bits of nothing but the canary.
        let begin = (before * 8).div_ceil(6);
        let end = (before + canary.len()) * 8 / 6;
        all.push(encoded.as_bytes()[begin..end].to_vec());
    }
    all
}

fn random() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

fn base64(bytes: &[u8]) -> String {
    let encoded = serde_json::to_value(ByteString(bytes.to_vec())).unwrap();
    encoded.as_str().unwrap().to_owned()
}

/// How often any of these occurs.
fn occurrences(haystack: &[u8], needles: &[Vec<u8>]) -> usize {
    let mut first = [false; 256];
    for needle in needles {
        first[usize::from(needle[0])] = true;
    }
    let mut count = 0;
    for (i, byte) in haystack.iter().enumerate() {
        if first[usize::from(*byte)] && needles.iter().any(|needle| haystack[i..].starts_with(needle)) {
            count += 1;
        }
    }
    count
}

/// How often each of these sets occurs in the memory of a process that it can write to.
pub(crate) fn in_memory<const N: usize>(pid: u32, sets: [&[Vec<u8>]; N]) -> [usize; N] {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut counts = [0; N];
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        if !rights.starts_with("rw") {
            continue;
        }
        let (begin, end) = range.split_once('-').unwrap();
        let (begin, end) = (u64::from_str_radix(begin, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        if memory.seek(SeekFrom::Start(begin)).is_err() {
            continue;
        }
        let mut bytes = Vec::new();
        // What cannot be read to its end is searched as far as it was.
        let _ = (&mut memory).take(end - begin).read_to_end(&mut bytes);
        // Only pages that hold anything, together with their neighbours.
        for run in bytes.chunks(4096).collect::<Vec<_>>().split(|page| page.iter().all(|byte| *byte == 0)) {
            if let (Some(first), Some(_)) = (run.first(), run.last()) {
                let begin = first.as_ptr().addr() - bytes.as_ptr().addr();
                let end = begin + run.iter().map(|page| page.len()).sum::<usize>();
                for (count, set) in counts.iter_mut().zip(sets) {
                    *count += occurrences(&bytes[begin..end], set);
                }
            }
        }
    }
    counts
}

/// In the operator's memory: how many versions of a Secret of the ways whose values come along with the metadata, and
/// how many values of the others.
fn memory_of(operator: &Operator, ways: &[Way]) -> Vec<(&'static str, usize)> {
    let needles = |way: &Way| if way.is_client_side() { way.once_per_version() } else { way.needles() };
    ways.iter().map(|way| (way.name, in_memory(operator.pid(), [&needles(way)])[0])).collect()
}

fn pipelines(way: &Way) -> Vec<(String, Value)> {
    let used = format!("{}-used", way.name);
    let uses = |secrets: Value, pulls: Value| json!({"transform": {"image": "registry.test/edges:1", "secrets": secrets, "image_pull_secrets": pulls}});
    vec![
        (
            format!("{}-env", way.name),
            uses(json!([{"name": used, "env_var": "PASSWORD", "key": "password"}]), json!([])),
        ),
        (format!("{}-prefix", way.name), uses(json!([{"name": used, "env_prefix": "ALL_"}]), json!([]))),
        (format!("{}-mount", way.name), uses(json!([{"name": used, "mount_path": "/etc/used"}]), json!([]))),
        (format!("{}-pull", way.name), uses(json!([]), json!([format!("{}-pull", way.name)]))),
        (format!("{}-type", way.name), uses(json!([]), json!([used]))),
        (format!("{}-late", way.name), uses(json!([{"name": used, "env_var": "LATE", "key": "late"}]), json!([]))),
        (
            format!("{}-never", way.name),
            uses(json!([{"name": used, "mount_path": "/etc/x", "items": [{"key": "never", "path": "x"}]}]), json!([])),
        ),
    ]
}

/// Two renewals of the operator's watch on Secrets.
async fn two_renewals(audit: &mut Audit) {
    let since = Timestamp::now();
    let renewed = |all: &[crate::support::audit::Entry]| {
        all.iter().filter(|e| e.kind() == "watch secrets" && e.received() >= since).count() >= 2
    };
    audit.until("the watch on Secrets was renewed twice", renewed).await;
}

/// Changes client-side applied Secrets as kubectl would, annotation and all, and waits until the operator read the last.
async fn rotate_by_patch(space: &Space, audit: &mut Audit, ways: &[Way], rounds: usize) {
    static VERSION: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(1000);
    for way in ways.iter().filter(|way| way.is_client_side()) {
        for _ in 0..rounds {
            let version = VERSION.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let object = &way.secrets(&space.name, version, true)["items"][0];
            let patch = json!({
                "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": object.to_string()}},
                way.field: object[way.field],
            });
            let name = format!("{}-used", way.name);
            space.api::<Secret>().patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        }
        // Every change wakes the users, who have it read.
        let before = Timestamp::now();
        let name = format!("{}-used", way.name);
        let patch = json!({"metadata": {"labels": {"touched": before.as_nanosecond().to_string()}}});
        space.api::<Secret>().patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        // A read that was asked for before the change may have been answered after it, and then needs no other.
        audit
            .until("the last change was read", |all| {
                all.iter().any(|e| e.kind() == "get secrets" && e.name() == name && e.answered() >= before)
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_value_gets_anywhere_however_the_secret_was_made() {
    let cluster = Heavy::start().await;
    let client = admin(&cluster).await;
    paper_node(&client).await;
    let operator = Operator::start(&cluster);
    let mut audit = Audit::of(&cluster);
    let space = Space::new(&client, "canary-space").await;
    let ways = ways();

    for way in &ways {
        for (name, spec) in pipelines(way) {
            space.pipeline(&name, spec).await;
        }
    }
    for way in &ways {
        way.write(&cluster, way.kubectl, &way.secrets(&space.name, 0, false));
    }
    // Of each way four have what they need, and three wait: for a type, a late key, a key that never comes.
    let started = |p: &Pipeline| phase_of(p) == Some(Phase::Starting);
    space.until_many::<Pipeline>(4 * ways.len(), "started", Instant::now(), started).await;
    for way in &ways {
        let waits = |p: &Pipeline| crate::support::message(p).contains("it has password, user");
        space.until(&format!("{}-never", way.name), "waits for a key and names those that are there", waits).await;
    }
    for version in 1..=ROTATIONS {
        for way in &ways {
            way.write(&cluster, way.change, &way.secrets(&space.name, version, version >= 2));
        }
    }
    for way in &ways {
        space.phase(&format!("{}-late", way.name), Phase::Starting).await;
        let pod = space.pod_of(&format!("{}-env", way.name)).await.name_any();
        space.pod_status(&pod, json!({"phase": "Running"})).await;
        space.phase(&format!("{}-env", way.name), Phase::Running).await;
        space.pod_succeeds(&pod).await;
        space.phase(&format!("{}-env", way.name), Phase::Succeeded).await;
        // One more fails, so that there are events too.
        let pod = space.pod_of(&format!("{}-mount", way.name)).await.name_any();
        space.pod_status(&pod, crate::support::ended(1, "Error")).await;
        space.phase(&format!("{}-mount", way.name), Phase::Failed).await;
    }
    audit.settle(&client).await;
    let told = |p: &Pipeline| phase_of(p).is_some();
    space.until_many::<Pipeline>(7 * ways.len(), "has a status", Instant::now(), told).await;

    // In memory, at once: what came by last may be there of client-side apply only.
    let at_once = memory_of(&operator, &ways);

    // In everything that the operator writes.
    let mut places = vec![("the log".to_owned(), operator.log())];
    for kind in ["pipelines.lockgate.dev", "pods", "events", "events.events.k8s.io", "configmaps"] {
        let args = ["get", kind, "-A", "-o", "yaml", "--show-managed-fields"];
        places.push((kind.to_owned(), output(cluster.kubectl().args(args))));
    }
    // That each place was filled, and that the search finds what is there.
    assert!(places[0].1.contains("created the Pod") && places[1].1.contains("KeyMissing"));
    assert!(places[2].1.contains("started-with") && places[3].1.contains("PodFailed"));
    let secrets = output(cluster.kubectl().args(["get", "secrets", "-A", "-o", "yaml"]));
    for way in &ways {
        let needles = way.needles();
        assert!(occurrences(secrets.as_bytes(), &needles) >= 5, "{}: the search finds nothing", way.name);
        for (place, text) in &places {
            assert_eq!(occurrences(text.as_bytes(), &needles), 0, "{}: a value is in {place}", way.name);
            let digests = way.digests(ROTATIONS);
            assert_eq!(occurrences(text.as_bytes(), &digests), 0, "{}: a value's digest is in {place}", way.name);
        }
    }
    // Likewise in memory: a name that the operator must know is found there.
    let [names] = in_memory(operator.pid(), [&[b"canary-space".to_vec()]]);
    assert!(names > 0, "the memory was not searched");

    // In memory, after many more.
    two_renewals(&mut audit).await;
    let after_renewals = memory_of(&operator, &ways);
    rotate_by_patch(&space, &mut audit, &ways, 10).await;
    let after_ten = memory_of(&operator, &ways);
    rotate_by_patch(&space, &mut audit, &ways, 100).await;
    let after_hundred = memory_of(&operator, &ways);
    two_renewals(&mut audit).await;
    let at_last = memory_of(&operator, &ways);
    println!(
        "in memory: at once {at_once:?}; after two renewals {after_renewals:?}; after 10 more changes at once \
         {after_ten:?}; after 100 more at once {after_hundred:?}; after two renewals {at_last:?}"
    );
    let at_rest = [&after_renewals, &at_last];
    for counts in [&at_once, &after_renewals, &after_ten, &after_hundred, &at_last] {
        for (way, (name, count)) in ways.iter().zip(counts) {
            // A burst of client-side applied Secrets fills the buffers of connections; it is the rest that counts.
            let most = match (way.is_client_side(), at_rest.contains(&counts)) {
                (false, _) => 0,
                (true, true) => MOST_PASSING,
                (true, false) => usize::MAX,
            };
            assert!(*count <= most, "{count} of {name} are in the operator's memory");
        }
    }
    assert_eq!(occurrences(operator.log().as_bytes(), &ways.iter().flat_map(Way::needles).collect::<Vec<_>>()), 0);
}
