//! Lockgate's own image on a cluster's node and in its private registry, made of the binary under test.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use lockgate_cluster::{Node, Registry};
use lockgate_image::Program;

use super::output;

/// The image of the init containers, as the operator calls it when it is told nothing else.
pub const HELPER: &str = concat!("lockgate:", env!("CARGO_PKG_VERSION"));

/// Pushes the image and gives the reference under which Pods pull it. The binary is the one that the tests run, so
/// nothing is built.
pub fn push(node: &Node) -> String {
    push_to(node.registry(), concat!("lockgate/lockgate:", env!("CARGO_PKG_VERSION")))
}

/// The same to another registry, or under another name.
pub fn push_to(registry: &Registry, name: &str) -> String {
    let layout = layout(name, None);
    let reference = registry.push_layout(&layout, name).unwrap();
    std::fs::remove_dir_all(&layout).unwrap();
    reference
}

/// Gives the node the image as [`HELPER`], so that no registry is asked for it.
pub fn load(node: &Node) {
    // Its full name; a kubelet knows the short one.
    let layout = layout(HELPER, Some(format!("docker.io/library/{HELPER}")));
    node.load(&layout).unwrap();
    std::fs::remove_dir_all(&layout).unwrap();
}

/// Writes it into a folder of its own: two tests of one process may do this at once. What a debugger would need is left out:
/// it is half of the binary. What it is `called` is in it, so that those under other names are other images: of what the kubelet
/// has pulled it knows who may have it, whatever it is called.
fn layout(called: &str, reference: Option<String>) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let layout = std::env::temp_dir().join(format!("lockgate-image-{}-{number}", std::process::id()));
    let binary = layout.with_extension("stripped");
    output(Command::new("strip").arg("-o").arg(&binary).arg(env!("CARGO_BIN_EXE_lockgate")));
    let program = Program { reference, revision: Some(called.to_owned()), ..Program::plain(binary.clone()) };
    program.write(&layout).unwrap();
    std::fs::remove_file(&binary).unwrap();
    layout
}
