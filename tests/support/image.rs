//! Lockgate's own image in a cluster's private registry, made of the binary under test.

use lockgate_cluster::Node;
use lockgate_image::{Compression, Program};

/// Pushes the image and gives the reference under which Pods pull it. The binary is the one that the tests run, so
/// nothing is built, and it is large: nothing is compressed either.
pub fn push(node: &Node) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let program = Program {
        binary: env!("CARGO_BIN_EXE_lockgate").into(),
        version: version.to_owned(),
        revision: None,
        source: None,
        time: 0,
        licenses: None,
        compression: Compression::None,
    };
    let layout = std::env::temp_dir().join(format!("lockgate-image-{}", std::process::id()));
    program.write(&layout).unwrap();
    let reference = node.registry().push_layout(&layout, &format!("lockgate/lockgate:{version}")).unwrap();
    std::fs::remove_dir_all(&layout).unwrap();
    reference
}
