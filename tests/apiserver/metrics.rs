//! What the operator shows of itself: counts that agree with the API server's own, health, and no word too many.
#![allow(clippy::float_cmp, clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Counts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::ListParams;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::{ClusterRegistryReason, Phase};
use lockgate_cluster::Options;
use serde_json::{Value, json};

use crate::support::audit::{Audit, Entry, tally};
use crate::support::heavy::{Heavy, each, paper_node, uses};
use crate::support::scrape::{Scrape, get};
use crate::support::{self, CANARY, Operator, Space, admin, output, phase_of};

/// So many Pipelines.
const MANY: usize = 200;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn in_phase(phase: Phase) -> impl Fn(&Pipeline) -> bool {
    move |pipeline| pipeline.name_any().starts_with("p-") && phase_of(pipeline) == Some(phase)
}

/// How many Pipelines stand in each phase and references in each state, counted in the cluster.
async fn counted(space: &Space) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    for pipeline in space.api::<Pipeline>().list(&ListParams::default()).await.unwrap().items {
        let status = pipeline.status.unwrap();
        *all.entry(format!("lockgate_pipelines{{phase=\"{}\"}}", status.phase.unwrap())).or_default() += 1.0;
        for row in status.references {
            *all.entry(format!("lockgate_references{{state=\"{}\"}}", row.state)).or_default() += 1.0;
        }
    }
    all
}

/// What the scrape says of them, without zeros.
fn told(scrape: &Scrape) -> BTreeMap<String, f64> {
    let about = |name: &&str| name.starts_with("lockgate_pipelines{") || name.starts_with("lockgate_references{");
    let all = scrape.series().into_iter().filter(|(name, value)| about(name) && *value > 0.0);
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The operator's requests by verb, resource and code, watches apart: those are renewed all the time.
fn requests(entries: &[Entry]) -> (BTreeMap<String, usize>, usize) {
    let mut all = tally(entries);
    let watches = all.iter().filter(|(kind, _)| kind.starts_with("watch ")).map(|(_, count)| count).sum();
    all.retain(|kind, _| !kind.starts_with("watch "));
    (all, watches)
}

/// The same as the scrape counts it.
fn requests_told(scrape: &Scrape) -> (BTreeMap<String, usize>, usize) {
    let mut all = BTreeMap::new();
    let mut watches = 0;
    for (name, value) in scrape.series() {
        let Some(labels) = name.strip_prefix("lockgate_api_requests_total{") else { continue };
        let words: Vec<&str> = labels.split('"').skip(1).step_by(2).collect();
        let [verb, resource, code] = words[..] else { panic!("{name}") };
        if verb == "watch" {
            watches += value as usize;
        } else {
            all.insert(format!("{verb} {resource} {code}"), value as usize);
        }
    }
    (all, watches)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_counts_agree_with_the_cluster_and_grow_with_no_name() {
    let cluster = Heavy::start().await;
    let operator = Operator::start(&cluster);
    let client = admin(&cluster).await;
    paper_node(&client).await;
    let space = Space::new(&client, "counted").await;
    let mut audit = Audit::of(&cluster);
    operator.until_health("/readyz", 200).await;

    // One of each: every series that there will be is there.
    space.pipeline("warm", uses("warm")).await;
    space.phase("warm", Phase::Waiting).await;
    space.secret("warm", &["password"]).await;
    space.phase("warm", Phase::Starting).await;
    let mut fails = uses("never");
    fails["on_missing_secret"] = "Fail".into();
    space.pipeline("fails", fails).await;
    space.phase("fails", Phase::Failed).await;
    audit.until("its event was sent", |all| all.iter().any(|e| e.kind() == "create events" && e.code() == 201)).await;
    let few = operator.scrape();
    assert_eq!(few.value("lockgate_gate_open_seconds_count"), 1.0, "one had waited");
    assert!(few.value("lockgate_gate_open_seconds_sum") > 0.0);
    assert_eq!(few.value("lockgate_waited_seconds_count"), 1.0);

    let since = Instant::now();
    let name = |i: usize| format!("p-{i:03}");
    each(0..MANY, |i| {
        let (space, name) = (&space, name(i));
        async move {
            space.pipeline(&name, uses("the-secret")).await;
        }
    })
    .await;
    space.until_many::<Pipeline>(MANY, "waits", since, in_phase(Phase::Waiting)).await;
    // The operator counts what it wrote when it reads the answer: a moment after we may have seen it.
    let waiting = operator
        .scrape_until("all wait", |scrape| scrape.value("lockgate_pipelines{phase=\"Waiting\"}") == MANY as f64)
        .await;
    assert_eq!(waiting.value("lockgate_references{state=\"NotFound\"}"), 1.0 + MANY as f64);
    assert_eq!(told(&waiting), counted(&space).await);

    space.secret("the-secret", &["password"]).await;
    // Where no node takes a Pod that is told, and what follows is not at rest.
    let bound = |pod: &Pod| pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
    tokio::join!(
        space.until_many::<Pod>(MANY + 1, "bound", since, bound),
        space.until_many::<Pipeline>(MANY, "starts", since, in_phase(Phase::Starting)),
    );
    let all_start = |scrape: &Scrape| scrape.value("lockgate_pipelines{phase=\"Starting\"}") == 1.0 + MANY as f64;
    operator.scrape_until("all start", all_start).await;
    audit.settle(&client).await;
    let (before, watches_before) = requests(audit.read());
    let scrape = operator.scrape();
    audit.settle(&client).await;
    let (after, watches_after) = requests(audit.read());

    assert_eq!(told(&scrape), counted(&space).await);
    let (mut requests, watches) = requests_told(&scrape);
    // What was never answered is in no audit log.
    requests.retain(|kind, _| !kind.ends_with("<error>"));
    assert_eq!(before, after, "it is at rest");
    assert_eq!(requests, after, "{}", scrape.0);
    assert!((watches_before..=watches_after).contains(&watches), "{watches_before} {watches} {watches_after}");
    let of = |kind: &str| after.get(kind).copied().unwrap_or_default() as f64;
    assert_eq!(scrape.value("lockgate_pods_created_total"), of("create pods 201"));
    assert_eq!(scrape.value("lockgate_secret_reads_total{result=\"found\"}"), of("get secrets 200"));
    assert_eq!(scrape.value("lockgate_secret_reads_total{result=\"not_found\"}"), of("get secrets 404"));
    assert_eq!(scrape.value("lockgate_gate_open_seconds_count"), 1.0 + MANY as f64);
    assert_eq!(scrape.value("lockgate_waited_seconds_count"), 1.0 + MANY as f64);
    assert_eq!(scrape.value("lockgate_waiting_seconds"), 0.0);
    assert_eq!(scrape.value("workqueue_depth{name=\"pipeline\",controller=\"pipeline\"}"), 0.0);
    let posts: f64 = ["create pods 201", "create events 201"].map(of).iter().sum();
    let host = cluster.server_url().trim_start_matches("https://").trim_end_matches('/').to_owned();
    let series = format!("rest_client_requests_total{{host=\"{host}\",code=\"201\",method=\"POST\"}}");
    assert_eq!(scrape.value(&series), posts);
    let looks = |result: &str| {
        scrape.value(&format!("controller_runtime_reconcile_total{{controller=\"pipeline\",result=\"{result}\"}}"))
    };
    let looked = looks("success") + looks("requeue_after") + looks("error");
    assert_eq!(looked, scrape.value("controller_runtime_reconcile_time_seconds_count{controller=\"pipeline\"}"));
    assert!(looked >= 2.0 * MANY as f64, "{looked}");

    // Bounded: two hundred Pipelines made no series but answers that had not come before, and no label names an object.
    let names = |scrape: &Scrape| scrape.series().keys().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let new: Vec<String> = names(&scrape).difference(&names(&few)).cloned().collect();
    assert!(new.iter().all(|name| name.contains("code=")) && new.len() < 10, "{new:#?}");
    for word in [CANARY, "p-0", "the-secret", "\"counted\"", "password", "warm", "never"] {
        assert!(!scrape.0.contains(word), "{word} is in {}", scrape.0);
    }

    every_metric_is_documented(&scrape);
    every_query_names_what_is_scraped(&cluster, &scrape);

    let open =
        get(&operator.serves("/metrics"), "/metrics", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    assert_eq!(open.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open.body.ends_with("# EOF\n") && open.body.contains("# TYPE lockgate_pods_created counter\n"));
    println!(
        "{MANY} Pipelines: {} series in {} bytes; sum of gate openings {:.3} s, of {} looks {:.3} s",
        scrape.series().len(),
        scrape.0.len(),
        scrape.value("lockgate_gate_open_seconds_sum"),
        looked,
        scrape.value("controller_runtime_reconcile_time_seconds_sum{controller=\"pipeline\"}"),
    );
}

/// The page has a row for each family, with its type and its labels, and for none that there is not.
fn every_metric_is_documented(scrape: &Scrape) {
    let (mut page, real) =
        documented(scrape, |name| !name.contains("projector") && name != "lockgate_clusterregistries");
    // Only where there is an election: the test of that has it.
    assert!(page.remove("leader_election_master_status").is_some());
    assert_eq!(page, real);
}

/// Types and labels by family.
pub(crate) type Families = BTreeMap<String, (String, BTreeSet<String>)>;

/// What the page says of the metrics that `is_of` chooses, and what is scraped.
pub(crate) fn documented(scrape: &Scrape, is_of: impl Fn(&str) -> bool) -> (Families, Families) {
    let page = std::fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `") && !line.contains("| `/"));
    let mut documented = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`').to_owned();
        let labels = cells[3].split(", ").map(|label| label.trim_matches('`').to_owned()).collect();
        if is_of(&name) {
            documented.insert(name, (cells[2].to_owned(), labels));
        }
    }
    let mut real = BTreeMap::new();
    for (name, kind) in scrape.families() {
        let mut labels = BTreeSet::new();
        let sample = |series: &&str| {
            let bare = series.split('{').next().unwrap();
            bare == name || bare.strip_prefix(name).is_some_and(|end| matches!(end, "_bucket" | "_sum" | "_count"))
        };
        for series in scrape.series().keys().copied().filter(sample) {
            let pairs = series.split_once('{').map_or("", |(_, rest)| rest.trim_end_matches('}'));
            labels.extend(pairs.split("\",").map(|pair| pair.split('=').next().unwrap().to_owned()));
        }
        labels.remove("le");
        if labels.is_empty() {
            labels.insert(String::new());
        }
        if labels.len() > 1 {
            labels.remove("");
        }
        real.insert(name.to_owned(), (kind.to_owned(), labels));
    }
    (documented, real)
}

/// The component renders, the dashboard loads, and whatever it and the rules ask for is in the scrape.
fn every_query_names_what_is_scraped(cluster: &Heavy, scrape: &Scrape) {
    let folder = cluster.dir().join("monitored");
    std::fs::create_dir_all(&folder).unwrap();
    let path = |to: &str| relative(&folder, &root().join(to));
    let kustomization =
        format!("resources: [{}]\ncomponents: [{}]\n", path("deploy/base"), path("deploy/components/monitoring"));
    std::fs::write(folder.join("kustomization.yaml"), kustomization).unwrap();
    let rendered = output(cluster.kubectl().arg("kustomize").arg(&folder));
    let objects = lockgate::cli::manifest::read(&rendered).unwrap();
    let of = |kind: &str, name: &str| {
        let found = objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("{kind} {name} is not rendered"))
    };
    let dashboard = of("ConfigMap", "lockgate-dashboard")["data"]["lockgate.json"].as_str().unwrap();
    let dashboard: Value = serde_json::from_str(dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let mut queries: Vec<&str> = panels
        .flat_map(|panel| panel["targets"].as_array().unwrap())
        .map(|target| target["expr"].as_str().unwrap())
        .collect();
    assert!(queries.len() >= 9);
    let runbook = std::fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap().to_lowercase();
    let rules = of("PrometheusRule", "lockgate")["spec"]["groups"][0]["rules"].as_array().unwrap();
    assert!((5..=9).contains(&rules.len()));
    // What is no failure of a ClusterRegistry's is named as it is named there.
    let fails = rules.iter().find(|rule| rule["alert"] == "LockgateProjectorFails").unwrap()["expr"].as_str().unwrap();
    let good = fails.split("!~\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let is_reason = |word: &str| ClusterRegistryReason::ALL.iter().any(|reason| reason.as_str() == word);
    assert!(good.split('|').all(is_reason), "{good}");
    for rule in rules {
        queries.push(rule["expr"].as_str().unwrap());
        let url = rule["annotations"]["runbook_url"].as_str().unwrap();
        let anchor = url.strip_prefix("docs/troubleshooting.md#").unwrap();
        assert!(runbook.contains(&format!("\n## {anchor}\n")), "docs/troubleshooting.md has no heading for {url}");
    }
    let samples: BTreeSet<&str> = scrape.series().keys().map(|series| series.split('{').next().unwrap()).collect();
    let of_projector = include_str!("../../src/projector/metrics.rs");
    for query in queries {
        let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let asked: Vec<&str> = words.filter(|word| word.contains('_') && is_metric(word)).collect();
        assert!(!asked.is_empty(), "{query} asks for nothing");
        for name in asked {
            // What the projector serves is compared with its page where it runs (`projector/quiet.rs`).
            let is_there = samples.contains(name) || of_projector.contains(&format!("\"{name}\""));
            assert!(is_there, "{query}: nothing is called {name}");
        }
    }
    // A field that there is not is refused.
    let installed =
        [of("Deployment", "lockgate"), of("Service", "lockgate-metrics"), of("ConfigMap", "lockgate-dashboard")];
    let list = folder.join("installed.json");
    std::fs::write(&list, json!({"apiVersion": "v1", "kind": "List", "items": installed}).to_string()).unwrap();
    let created = output(cluster.kubectl().args(["create", "--dry-run=server", "--validate=strict", "-f"]).arg(&list));
    assert_eq!(created.lines().count(), installed.len(), "{created}");
    let service = of("Service", "lockgate-metrics");
    let port = &of("Deployment", "lockgate")["spec"]["template"]["spec"]["containers"][0]["ports"][0];
    assert_eq!(service["spec"]["ports"][0]["targetPort"], port["name"]);
    assert_eq!(of("ServiceMonitor", "lockgate")["spec"]["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);
}

/// Neither a function of the query language nor a variable of Grafana's.
fn is_metric(word: &str) -> bool {
    !matches!(word, "histogram_quantile" | "min_over_time" | "__rate_interval")
}

fn relative(from: &Path, to: &Path) -> String {
    let up = from.components().skip(1).map(|_| "..").collect::<Vec<_>>().join("/");
    format!("{up}{}", to.display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_ready_when_it_has_seen_every_list_and_alive_all_the_while() {
    let cluster = tokio::task::block_in_place(|| support::install(Options::new()));
    let kubeconfig = cluster.service_account_kubeconfig(support::SYSTEM_NAMESPACE, "lockgate").unwrap();
    let level = cluster.dir().join("log-level");
    tokio::task::block_in_place(|| cluster.stop_api_server().unwrap());
    let operator = Operator::start_with_flags(&cluster, &kubeconfig, &["--log-level-file", level.to_str().unwrap()]);
    let early = operator.health("/readyz");
    assert_eq!(early.code, 503);
    assert!(early.body.contains("[-]pipelines failed: the first list is not complete yet\n"), "{}", early.body);
    assert!(early.body.ends_with("readyz check failed\n"));
    assert_eq!(operator.health("/livez").code, 200, "a restart would mend nothing");
    assert_eq!(operator.scrape().value("lockgate_pipelines{phase=\"Waiting\"}"), 0.0);

    tokio::task::block_in_place(|| cluster.start_api_server().unwrap());
    operator.until_health("/readyz", 200).await;
    let verbose = operator.health("/readyz?verbose").body;
    for list in ["pipelines", "pods", "secrets", "serviceaccounts", "configmaps", "persistentvolumeclaims"] {
        assert!(verbose.contains(&format!("[+]{list} ok\n")), "{verbose}");
    }
    let failures: f64 = operator
        .scrape()
        .series()
        .iter()
        .filter(|(name, _)| name.starts_with("lockgate_watch_failures_total"))
        .map(|(_, count)| count)
        .sum();
    assert!(failures > 0.0, "the API server was away");
    assert_eq!(operator.health("/livez?verbose").body, "[+]looks ok\n[+]queue ok\n[+]watches ok\nlivez check passed\n");

    // What is logged follows a file, but never what could hold an answer.
    std::fs::write(&level, "lockgate=info,kube_client=trace\n").unwrap();
    let begun = Instant::now();
    while !operator.log().contains("the log level was changed") {
        assert!(begun.elapsed() < support::DEADLINE, "{}", operator.log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(!operator.log().contains("kube_client::"), "{}", operator.log());

    tokio::task::block_in_place(|| cluster.stop_api_server().unwrap());
    assert_eq!(operator.health("/readyz").code, 200, "it knows what it knew");
    let (status, _) = operator.terminate();
    assert!(status.success(), "{status}");
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}
