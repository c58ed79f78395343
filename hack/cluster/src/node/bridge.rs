//! The network of the node: a bridge with an address of its own, on which Pods get theirs.
//!
//! The node's address is the bridge's, since a kubelet refuses a loopback address. Nothing is
//! forwarded: Pods reach the machine and each other, and nothing else. The bridge also has the address of the service
//! `kubernetes`, which is another one for each cluster on the machine; see `front`.

use std::net::Ipv4Addr;
use std::process::Command;

use crate::error::{Error, run};
use crate::release::Entry;
use crate::run_dir::{RunDir, lock_parent};

/// From the range for tests of network devices, which nobody routes.
const NETWORK: &str = "198.19";

/// A bridge with a subnet of its own.
pub(crate) struct Bridge {
    name: String,
    subnet: u8,
}

impl Bridge {
    pub(crate) fn make(dir: &RunDir) -> Result<Self, Error> {
        let _alone = lock_parent()?;
        let taken = run(Command::new("ip").args(["-4", "-oneline", "address"]))?;
        let free = |subnet: &u8| !taken.contains(&format!(" {NETWORK}.{subnet}."));
        let subnet =
            (0..=u8::MAX).find(free).ok_or_else(|| Error::Node(format!("no free subnet in {NETWORK}.0.0/16")))?;
        let bridge = Self { name: format!("lg-{}", dir.id()), subnet };
        dir.record(&Entry::Bridge(bridge.name.clone()))?;
        run(Command::new("ip").args(["link", "add", &bridge.name, "type", "bridge"]))?;
        let address = format!("{}/24", bridge.address());
        run(Command::new("ip").args(["address", "add", &address, "dev", &bridge.name]))?;
        let service = format!("{}/32", bridge.service());
        run(Command::new("ip").args(["address", "add", &service, "dev", &bridge.name]))?;
        run(Command::new("ip").args(["link", "set", &bridge.name, "up"]))?;
        Ok(bridge)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The address of the node.
    pub(crate) fn address(&self) -> String {
        format!("{NETWORK}.{}.1", self.subnet)
    }

    /// The subnet of Pods and node.
    pub(crate) fn subnet(&self) -> String {
        format!("{NETWORK}.{}.0/24", self.subnet)
    }

    /// The addresses of services: from the other half of that range.
    pub(crate) fn services(&self) -> String {
        format!("{}/24", Ipv4Addr::new(198, 18, self.subnet, 0))
    }

    /// The address of the service `kubernetes`: the API server takes the first.
    pub(crate) fn service(&self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.subnet, 1)
    }
}
