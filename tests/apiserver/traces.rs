//! Traces: what a collector receives of a Pipeline that waits and then starts, and that a collector that hangs or is away
//! holds nothing up.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::TcpListener as PlainListener;
use std::sync::{Arc, Mutex, OnceLock};

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::api::PostParams;
use lockgate::api::reason::Phase;
use lockgate_cluster::{Cluster, Options};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, block_in_place};

use crate::support::heavy::uses;
use crate::support::{self, CANARY, Operator, SYSTEM_NAMESPACE, Space, admin, name_of};

/// A cluster for the operators of this file; each looks at a namespace of its own.
async fn cluster() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    tokio::task::spawn_blocking(|| SHARED.get_or_init(|| support::install(Options::new()))).await.unwrap()
}

/// An operator that sends traces to this collector.
async fn traced(space: &Space, collector: &str, more: &[(&str, &str)]) -> Operator {
    let cluster = cluster().await;
    let kubeconfig = cluster.service_account_kubeconfig(SYSTEM_NAMESPACE, "lockgate").unwrap();
    let flags = [format!("--watch-namespaces={}", space.name), "--log-format=json".to_owned()];
    let environment = [&[("OTEL_EXPORTER_OTLP_ENDPOINT", collector)], more].concat();
    Operator::start_in(cluster, &kubeconfig, &flags.each_ref().map(String::as_str), &environment)
}

/// What an OTLP receiver received.
#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
    headers: HeaderMap,
    resource: BTreeMap<String, String>,
    spans: Vec<Span>,
}

/// An OTLP/HTTP receiver.
struct Collector {
    received: Arc<Mutex<Received>>,
    serving: JoinHandle<()>,
}

impl Collector {
    fn on(listener: TcpListener) -> Self {
        let received = Arc::<Mutex<Received>>::default();
        let shared = Arc::clone(&received);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                let answer = service_fn(move |request| answer(request, Arc::clone(&shared)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { received, serving }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    request: Request<Incoming>,
    received: Arc<Mutex<Received>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let good = request.uri().path() == "/v1/traces" && request.headers()["content-type"] == "application/x-protobuf";
    let headers = request.headers().clone();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut received = received.lock().unwrap();
    received.bytes.extend_from_slice(&body);
    received.headers = headers;
    for of_resource in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
        received.resource = attributes(&of_resource.resource.unwrap().attributes);
        received.spans.extend(of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    // An empty message is no bytes.
    Ok(Response::builder().status(if good { 200 } else { 400 }).body(Full::default()).unwrap())
}

fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref().unwrap().value.as_ref().unwrap() {
        Any::StringValue(text) => text.clone(),
        Any::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    pairs.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}

/// The one attribute, or nothing.
fn attribute(span: &Span, name: &str) -> String {
    attributes(&span.attributes).remove(name).unwrap_or_default()
}

fn hex(id: &[u8]) -> String {
    let digits = id.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from_digit(digit.into(), 16).unwrap()).collect()
}

/// The spans directly below that one, by name.
fn children<'a>(spans: &'a [Span], parent: &Span) -> BTreeMap<&'a str, &'a Span> {
    let below = |span: &&Span| span.parent_span_id == parent.span_id && span.trace_id == parent.trace_id;
    spans.iter().filter(below).map(|span| (span.name.as_str(), span)).collect()
}

/// A lookup of the look that has this child with this outcome.
fn look_with<'a>(spans: &'a [Span], child: &str, outcome: &str) -> &'a Span {
    let is_it = |span: &&Span| span.name == child && attribute(span, "lockgate.outcome") == outcome;
    let child = spans.iter().find(is_it).unwrap_or_else(|| panic!("no {child} that was {outcome}: {spans:#?}"));
    spans.iter().find(|span| span.span_id == child.parent_span_id).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_that_waits_and_then_starts_is_a_trace_for_each_look_and_holds_no_value() {
    let space = Space::new(&admin(cluster().await).await, "traced").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collector = Collector::on(listener);
    let environment = [("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=team-a"), ("OTEL_RESOURCE_ATTRIBUTES", "env=test")];
    let operator = traced(&space, &endpoint, &environment).await;

    space.pipeline("gate", uses("db")).await;
    space.phase("gate", Phase::Waiting).await;
    space.secret("db", &["password"]).await;
    let pod = name_of(&space.pod_of("gate").await);
    space.phase("gate", Phase::Starting).await;
    // What the API server says to a refused creation holds the canary: the quota's name.
    let quota = json!({"metadata": {"name": CANARY}, "spec": {"hard": {"pods": "1"}}});
    space.api::<ResourceQuota>().create(&PostParams::default(), &serde_json::from_value(quota).unwrap()).await.unwrap();
    let used = |quota: &ResourceQuota| quota.status.as_ref().is_some_and(|status| status.used.is_some());
    space.until::<ResourceQuota>(CANARY, "is counted", used).await;
    space.pipeline("refused", uses("db")).await;
    space.until("refused", "is told of the quota", |p| support::message(p).contains(CANARY)).await;
    operator.says("wrote the status").await;
    let log = operator.log();
    // What is still in the queue is sent before it ends.
    let (status, _) = block_in_place(|| operator.terminate());
    assert!(status.success(), "{status}");

    let received = collector.received.lock().unwrap();
    assert!(!String::from_utf8_lossy(&received.bytes).contains(CANARY));
    assert_eq!(received.headers["x-tenant"], "team-a");
    assert_eq!((&*received.resource["service.name"], &*received.resource["env"]), ("lockgate", "test"));

    let spans = &received.spans;
    let opened = look_with(spans, "create Pod", "created");
    let of_look = [
        ("k8s.namespace.name", "traced"),
        ("lockgate.pipeline.name", "gate"),
        ("lockgate.pipeline.generation", "1"),
        ("lockgate.pipeline.phase", "Starting"),
        ("lockgate.cause", "secrets"),
    ];
    for (name, value) in of_look {
        assert_eq!(attribute(opened, name), value, "{name}: {opened:#?}");
    }
    assert_eq!((opened.name.as_str(), opened.parent_span_id.len()), ("reconcile Pipeline", 0));
    assert!(["success", "requeue_after"].contains(&&*attribute(opened, "lockgate.outcome")), "{opened:#?}");
    let parts = children(spans, opened);
    let names: Vec<&str> = parts.keys().copied().collect();
    assert_eq!(names, ["create Pod", "observe", "patch Pipeline status", "plan"]);
    assert_eq!(attribute(parts["create Pod"], "k8s.pod.name"), pod);
    assert_eq!(attribute(parts["plan"], "lockgate.plan.creates"), "1");
    assert_eq!(attribute(parts["patch Pipeline status"], "lockgate.outcome"), "written");
    let read = children(spans, parts["observe"])["get Secret"];
    assert_eq!(attribute(read, "lockgate.secret.name"), "db");
    assert_eq!(attribute(read, "lockgate.outcome"), "found");

    let waits = look_with(spans, "patch Pipeline status", "written");
    assert_eq!(attribute(waits, "lockgate.pipeline.phase"), "Waiting", "the first that wrote: {waits:#?}");
    assert_eq!(attribute(waits, "lockgate.cause"), "pipelines");
    let read = children(spans, children(spans, waits)["observe"])["get Secret"];
    assert_eq!(attribute(read, "lockgate.outcome"), "not_found");

    let refused = look_with(spans, "create Pod", "quota");
    let create = children(spans, refused)["create Pod"];
    assert_eq!(attribute(create, "error.type"), "quota");
    assert_eq!(create.status.as_ref().unwrap().message, "");
    assert!(spans.iter().all(|span| span.events.is_empty()), "log lines are no part of spans");

    // From the line in the log to the trace.
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let line = lines.iter().find(|line| line["message"] == "created the Pod").unwrap();
    assert_eq!(line["trace_id"], hex(&opened.trace_id));
    assert_eq!(line["span_id"], hex(&opened.span_id));
    let ready = lines.iter().find(|line| line["message"] == "ready").unwrap();
    assert!(ready.get("trace_id").is_none() && lines.iter().all(|line| line.get("spans").is_none()), "{ready}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_hangs_holds_up_neither_a_pod_nor_the_end() {
    let space = Space::new(&admin(cluster().await).await, "hung").await;
    // Connections are taken by the kernel, and nobody ever reads.
    let listener = PlainListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    // Longer than any test; a queue that is full after a few looks.
    let environment = [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000"),
        ("OTEL_BSP_SCHEDULE_DELAY", "10"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "4"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4"),
    ];
    let operator = traced(&space, &endpoint, &environment).await;
    space.pipeline("first", uses("db")).await;
    space.phase("first", Phase::Waiting).await;
    // By now something was sent, and the sender hangs.
    let (_held, _) = listener.accept().unwrap();
    space.secret("db", &["password"]).await;
    for name in ["second", "third", "fourth"] {
        space.pipeline(name, uses("db")).await;
    }
    for name in ["first", "second", "third", "fourth"] {
        space.phase(name, Phase::Starting).await;
    }
    assert!(!operator.log().contains("traces cannot be sent"), "it still waits for an answer");
    let (status, took) = block_in_place(|| operator.terminate());
    assert!(status.success(), "{status}");
    println!("with a collector that hangs it ended after {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_is_told_of_once_and_found_when_it_is_back() {
    let space = Space::new(&admin(cluster().await).await, "away").await;
    let listener = PlainListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let environment = [("OTEL_BSP_SCHEDULE_DELAY", "10"), ("OTEL_SERVICE_NAME", "gatekeeper")];
    let operator = traced(&space, &format!("http://{address}"), &environment).await;
    space.secret("db", &["password"]).await;
    for name in ["first", "second"] {
        space.pipeline(name, uses("db")).await;
        space.phase(name, Phase::Starting).await;
        operator.says("traces cannot be sent").await;
    }
    let collector = Collector::on(TcpListener::bind(address).await.unwrap());
    space.pipeline("third", uses("db")).await;
    operator.says("traces are sent again").await;
    let log = operator.log();
    // Each batch was tried four times.
    assert_eq!(log.matches("traces cannot be sent").count(), 1, "{log}");
    assert_eq!(collector.received.lock().unwrap().resource["service.name"], "gatekeeper");
}
