//! Lockgate's own image in a cluster's private registry, made of the binary under test.

use lockgate_cluster::Node;
use lockgate_image::Program;

/// Pushes the image and gives the reference under which Pods pull it. The binary is the one that the tests run, so
/// nothing is built.
pub fn push(node: &Node) -> String {
    let program = Program::plain(env!("CARGO_BIN_EXE_lockgate").into());
    let layout = std::env::temp_dir().join(format!("lockgate-image-{}", std::process::id()));
    program.write(&layout).unwrap();
    let reference =
        node.registry().push_layout(&layout, concat!("lockgate/lockgate:", env!("CARGO_PKG_VERSION"))).unwrap();
    std::fs::remove_dir_all(&layout).unwrap();
    reference
}
