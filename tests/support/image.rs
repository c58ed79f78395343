//! Lockgate's own image in a cluster's private registry, made of the binary under test.

use std::sync::atomic::{AtomicU32, Ordering};

use lockgate_cluster::Node;
use lockgate_image::Program;

/// Pushes the image and gives the reference under which Pods pull it. The binary is the one that the tests run, so
/// nothing is built.
pub fn push(node: &Node) -> String {
    // Two tests of one process may do this at once.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let program = Program::plain(env!("CARGO_BIN_EXE_lockgate").into());
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let layout = std::env::temp_dir().join(format!("lockgate-image-{}-{number}", std::process::id()));
    program.write(&layout).unwrap();
    let reference =
        node.registry().push_layout(&layout, concat!("lockgate/lockgate:", env!("CARGO_PKG_VERSION"))).unwrap();
    std::fs::remove_dir_all(&layout).unwrap();
    reference
}
