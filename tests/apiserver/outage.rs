//! Doorbell through trouble: the API server goes away, the operator's connections are cut, or fall silent. The Secret
//! comes while nobody hears it, and all that wait start without a restart of the operator.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use lockgate::api::pipeline::Pipeline;
use lockgate::api::reason::Phase;
use lockgate_cluster::Cluster;
use serde_json::json;
use tokio::task::block_in_place;

use crate::support::heavy::{Heavy, each, paper_node};
use crate::support::{Operator, SYSTEM_NAMESPACE, Space, admin, phase_of};

/// So many Pipelines wait for one Secret.
const MANY: usize = 20;

/// Connections that share a fate.
#[derive(Default)]
struct Line {
    /// They stay open and nothing goes through any more, as behind a firewall that forgot them.
    silent: AtomicBool,
    /// Both ends of each, kept so that they stay open as long as the line is there.
    streams: Mutex<Vec<TcpStream>>,
}

impl Line {
    fn join(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        let copy = |from: &TcpStream, to: &TcpStream| {
            let (line, from, to) = (Arc::clone(self), from.try_clone().unwrap(), to.try_clone().unwrap());
            std::thread::spawn(move || line.copy(from, to));
        };
        copy(&client, &server);
        copy(&server, &client);
        self.streams.lock().unwrap().extend([client, server]);
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = from.read(&mut buffer).unwrap_or_default();
            if self.silent.load(Ordering::SeqCst) {
                return;
            }
            if count == 0 || to.write_all(&buffer[..count]).is_err() {
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    /// How many connections are open.
    fn open(&self) -> usize {
        self.streams.lock().unwrap().iter().filter(|stream| stream.peer_addr().is_ok()).count() / 2
    }
}

/// A TCP proxy between the operator and the API server.
pub(super) struct Proxy {
    address: SocketAddr,
    target: SocketAddr,
    /// The newest last: new connections join it. None: they are refused.
    lines: Arc<Mutex<Vec<Arc<Line>>>>,
    accepting: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Proxy {
    pub(super) fn to(cluster: &Cluster) -> Self {
        let target = cluster.server_url().strip_prefix("https://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut proxy = Self { address, target, lines: Arc::default(), accepting: None };
        proxy.accept(listener);
        proxy
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    fn accept(&mut self, listener: TcpListener) {
        self.lines.lock().unwrap().push(Arc::default());
        let (over, lines, target) = (Arc::new(AtomicBool::new(false)), Arc::clone(&self.lines), self.target);
        let ended = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            for client in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                if let (Ok(client), Ok(server)) = (client, TcpStream::connect(target)) {
                    lines.lock().unwrap().last().unwrap().join(client, server);
                }
            }
        });
        self.accepting = Some((over, thread));
    }

    /// Closes every connection and refuses new ones.
    pub(super) fn cut(&mut self) {
        if let Some((over, thread)) = self.accepting.take() {
            over.store(true, Ordering::SeqCst);
            // Wakes the thread, which then drops the listener.
            let _ = TcpStream::connect(self.address);
            thread.join().unwrap();
        }
        for line in self.lines.lock().unwrap().drain(..) {
            line.streams.lock().unwrap().iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        }
    }

    /// Lets connections through again.
    fn mend(&mut self) {
        assert!(TcpStream::connect(self.address).is_err(), "connections were refused");
        let listener = TcpListener::bind(self.address).unwrap();
        self.accept(listener);
    }

    /// Silences every connection that there is; new ones work. Returns how many fell silent.
    fn silence(&self) -> usize {
        let mut lines = self.lines.lock().unwrap();
        let old = Arc::clone(lines.last().unwrap());
        lines.push(Arc::default());
        old.silent.store(true, Ordering::SeqCst);
        old.open()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

/// Pipelines that wait for one Secret. The operator, which has just said so, has idle connections besides its watches.
async fn waiting(cluster: &Cluster, name: &str) -> Space {
    let client = admin(cluster).await;
    paper_node(&client).await;
    let space = Space::new(&client, name).await;
    each(0..MANY, |i| {
        let space = &space;
        async move {
            let spec = json!({"transform": {
                "image": "registry.test/edges:1",
                "secrets": [{"name": "the-secret", "env_var": "DB_PASSWORD", "key": "password"}],
            }});
            space.pipeline(&format!("p-{i:02}"), spec).await;
        }
    })
    .await;
    let waits = |p: &Pipeline| phase_of(p) == Some(Phase::Waiting);
    space.until_many(MANY, "waits", Instant::now(), waits).await;
    assert!(space.pods().await.is_empty());
    space
}

/// Waits until each has its Pod and says so; returns how long after `since` the first and the last Pod was there.
async fn all_start(space: &Space, since: Instant) -> (Duration, Duration) {
    let says_so = |p: &Pipeline| phase_of(p) == Some(Phase::Starting);
    let (pods, _) = tokio::join!(
        space.until_many::<Pod>(MANY, "there", since, |_| true),
        space.until_many::<Pipeline>(MANY, "its Pod is in its status", since, says_so),
    );
    assert_eq!(space.pods().await.len(), MANY);
    pods
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_server_was_away_and_the_secret_is_the_first_thing_after() {
    let cluster = Heavy::start().await;
    let mut operator = Operator::start(&cluster);
    let space = waiting(&cluster, "away").await;

    block_in_place(|| cluster.stop_api_server()).unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let begun = Instant::now();
    block_in_place(|| cluster.start_api_server()).unwrap();
    let took = begun.elapsed();
    let back = Instant::now();
    space.secret("the-secret", &["password"]).await;
    let (first, last) = all_start(&space, back).await;
    assert!(operator.is_running());
    println!(
        "the API server was away for 30 s (and started in {took:?}): first Pod {first:?}, last Pod {last:?} after the Secret"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_operator_was_cut_off_when_the_secret_came() {
    let cluster = Heavy::start().await;
    let mut proxy = Proxy::to(&cluster);
    let kubeconfig = cluster.service_account_kubeconfig_via(SYSTEM_NAMESPACE, "lockgate", &proxy.url()).unwrap();
    let mut operator = Operator::start_with(&cluster, &kubeconfig);
    let space = waiting(&cluster, "cut").await;

    proxy.cut();
    space.secret("the-secret", &["password"]).await;
    operator.says("a watch failed and is tried again").await;
    assert!(space.pods().await.is_empty());
    proxy.mend();
    let (first, last) = all_start(&space, Instant::now()).await;
    assert!(operator.is_running());
    println!("cut off: first Pod {first:?}, last Pod {last:?} after connections were let through again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operators_connections_fell_silent_when_the_secret_came() {
    let cluster = Heavy::start().await;
    let proxy = Proxy::to(&cluster);
    let kubeconfig = cluster.service_account_kubeconfig_via(SYSTEM_NAMESPACE, "lockgate", &proxy.url()).unwrap();
    let mut operator = Operator::start_with(&cluster, &kubeconfig);
    let space = waiting(&cluster, "silent").await;

    let silenced = proxy.silence();
    // Five watches, and what lies idle after the statuses were written.
    assert!(silenced > 5, "{silenced} connections");
    let since = Instant::now();
    space.secret("the-secret", &["password"]).await;
    let (first, last) = all_start(&space, since).await;
    assert!(operator.is_running());
    println!("{silenced} connections fell silent: first Pod {first:?}, last Pod {last:?} after the Secret");
}
