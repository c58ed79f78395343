//! The flags of leader election.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use clap::Args;
use k8s_openapi::jiff::SignedDuration;

use super::error::Error;
use crate::controller::leader::{Settings, Timing};

/// Where a Pod finds the namespace that it runs in.
const OWN_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// What Linux says of this machine's name; in a container, the Pod's.
const HOSTNAME: &str = "/proc/sys/kernel/hostname";

/// Flags of leader election.
#[derive(Debug, Args)]
pub(super) struct ElectionArgs {
    /// Take part in an election: of all operators that do, one works and the others stand ready. Off: no Lease is asked for.
    #[arg(long = "leader-elect", env = "LOCKGATE_LEADER_ELECT")]
    enabled: bool,

    /// The name of the Lease.
    #[arg(long = "leader-elect-lease-name", env = "LOCKGATE_LEADER_ELECT_LEASE_NAME", default_value = "lockgate", value_parser = name_of_lease)]
    lease_name: String,

    /// The namespace of the Lease. Absent: `POD_NAMESPACE`, else the namespace of the Pod that this runs in.
    #[arg(long = "leader-elect-namespace", env = "LOCKGATE_LEADER_ELECT_NAMESPACE")]
    namespace: Option<String>,

    /// A Lease that was not renewed for so long may be taken by another. Whole seconds.
    #[arg(long = "leader-elect-lease-duration", env = "LOCKGATE_LEADER_ELECT_LEASE_DURATION", default_value = "15s", value_name = "DURATION", value_parser = duration)]
    lease_duration: Duration,

    /// A leader that could not renew its Lease for so long ends. Shorter than the lease duration.
    #[arg(long = "leader-elect-renew-deadline", env = "LOCKGATE_LEADER_ELECT_RENEW_DEADLINE", default_value = "10s", value_name = "DURATION", value_parser = duration)]
    renew_deadline: Duration,

    /// The pause between two renewals.
    #[arg(long = "leader-elect-retry-period", env = "LOCKGATE_LEADER_ELECT_RETRY_PERIOD", default_value = "2s", value_name = "DURATION", value_parser = duration)]
    retry_period: Duration,
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed.ok_or("write a duration, as in 15s or 500ms")
}

/// A Lease's name is a DNS subdomain; it goes into a field selector as it is.
fn name_of_lease(text: &str) -> Result<String, &'static str> {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if text.len() <= 253 && text.split('.').all(label) {
        Ok(text.to_owned())
    } else {
        Err("give the name of a Lease: lowercase letters, digits, - and ., as in lockgate")
    }
}

impl ElectionArgs {
    /// What the election goes by; `None`: there is none.
    ///
    /// # Errors
    /// The flags do not fit together, or no namespace is named.
    pub fn settings(self) -> Result<Option<Settings>, Error> {
        let timing = Timing {
            lease_duration: self.lease_duration,
            renew_deadline: self.renew_deadline,
            retry_period: self.retry_period,
        };
        // Also where the election is off: what is wrong should not wait for the day on which it is switched on.
        timing.check().map_err(Error::Election)?;
        if !self.enabled {
            return Ok(None);
        }
        let namespace = self.namespace.or_else(own_namespace).ok_or_else(|| {
            Error::Election(
                "--leader-elect needs a namespace for its Lease, and this does not run in a Pod: give --leader-elect-namespace".into(),
            )
        })?;
        Ok(Some(Settings { namespace, name: self.lease_name, identity: identity(), timing }))
    }
}

fn own_namespace() -> Option<String> {
    let said = std::env::var("POD_NAMESPACE").ok().or_else(|| std::fs::read_to_string(OWN_NAMESPACE).ok())?;
    Some(said.trim().to_owned()).filter(|namespace| !namespace.is_empty())
}

/// The Pod's name, and something random: a container that is restarted is another holder.
fn identity() -> String {
    let named = std::env::var("POD_NAME").ok();
    let host = named.or_else(|| std::fs::read_to_string(HOSTNAME).ok()).or_else(|| std::env::var("HOSTNAME").ok());
    let host: String = host.unwrap_or_default().trim().chars().filter(char::is_ascii_graphic).collect();
    // The standard library seeds this from the operating system's randomness.
    let random = RandomState::new().build_hasher().finish();
    format!("{}_{random:016x}", if host.is_empty() { "lockgate" } else { &host })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_processes_have_one_identity() {
        let (one, other) = (identity(), identity());
        assert_ne!(one, other);
        assert!(one.contains('_') && one.is_ascii(), "{one}");
    }

    #[test]
    fn durations_are_read_and_nonsense_is_not() {
        assert_eq!(duration("15s"), Ok(Duration::from_secs(15)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for nonsense in ["", "15", "-1s", "soon"] {
            assert!(duration(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn a_name_that_no_lease_can_have_is_refused() {
        assert!(name_of_lease("lockgate").is_ok() && name_of_lease("lockgate.team-a").is_ok());
        for wrong in ["", "Lockgate", "a,metadata.name=b", "-a", "a..b"] {
            assert!(name_of_lease(wrong).is_err(), "{wrong}");
        }
    }
}
