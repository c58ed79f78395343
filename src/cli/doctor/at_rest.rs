//! What can be seen of encryption at rest: the API server's own count of what it encrypted.
//!
//! Its flags and files are not to be seen from outside. `apiserver_storage_transformation_operations_total` counts each Secret
//! that went to etcd and came from there by the prefix of its provider (`apiserver/pkg/storage/value/metrics.go`), and is there only
//! where an `EncryptionConfiguration` speaks of Secrets.

use http::Request;
use kube::Client;

use super::judge::{Check, ok, unseen, warn};
use super::seen::Read;

const NAME: &str = "at-rest";
const METRIC: &str = "apiserver_storage_transformation_operations_total{";
/// What stored data begin with where a provider encrypted them.
const ENCRYPTED: &str = "k8s:enc:";

/// What one API server did with Secrets since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Transformed {
    /// The prefixes under which it wrote. Empty text: as they are.
    written: Vec<String>,
    /// The prefixes of what it read.
    read: Vec<String>,
}

/// Reads the metrics of the API server that answers.
pub(super) async fn look(client: &Client) -> kube::Result<Transformed> {
    let request = Request::get("/metrics").body(Vec::new()).map_err(kube::Error::HttpError)?;
    Ok(transformed(&client.request_text(request).await?))
}

fn transformed(metrics: &str) -> Transformed {
    let mut found = Transformed::default();
    for line in metrics.lines() {
        let Some((labels, count)) = line.strip_prefix(METRIC).and_then(|rest| rest.split_once('}')) else { continue };
        let label = |name: &str| {
            let (_, rest) = labels.split_once(&format!("{name}=\""))?;
            rest.split('"').next()
        };
        if label("resource") != Some("secrets") || label("status") != Some("OK") || count.trim() == "0" {
            continue;
        }
        let prefix = label("transformer_prefix").unwrap_or_default().to_owned();
        match label("transformation_type") {
            Some("to_storage") => found.written.push(prefix),
            Some("from_storage") => found.read.push(prefix),
            _ => {}
        }
    }
    found
}

/// What it says, and what it does not.
pub(super) fn judge(read: &Read<Transformed>) -> Check {
    let Transformed { written, read } = match read {
        Ok(transformed) => transformed,
        Err(why) => return unseen(NAME, why, "get on the path /metrics"),
    };
    let is_encrypted = |prefix: &&String| prefix.starts_with(ENCRYPTED);
    let mend = "switch it on and write the Secrets again (docs/encryption.md), unless your provider encrypts etcd's disks and that is \
         enough for you";
    if let Some(plain) = written.iter().find(|prefix| !is_encrypted(prefix)) {
        let how = if plain.is_empty() { "the provider identity" } else { plain };
        return warn(
            NAME,
            format!("the API server that answered writes Secrets as they are ({how} comes first)"),
            mend,
        );
    }
    if let Some(prefix) = written.iter().find(is_encrypted) {
        let some = "; some of what it read was not encrypted yet";
        let old = if read.iter().all(|prefix| is_encrypted(&prefix)) { "" } else { some };
        return ok(NAME, format!("the API server that answered encrypts the Secrets that it writes ({prefix}){old}"));
    }
    if let Some(prefix) = read.iter().find(is_encrypted) {
        return ok(
            NAME,
            format!(
                "the API server that answered has read encrypted Secrets ({prefix}), and written none since it started"
            ),
        );
    }
    warn(
        NAME,
        "the API server that answered shows no sign of encrypting Secrets: it does not, or none went through it since it started",
        mend,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::judge::State;
    use crate::cli::doctor::seen::Unread;

    fn line(resource: &str, type_: &str, prefix: &str, count: u32) -> String {
        format!(
            "apiserver_storage_transformation_operations_total{{resource=\"{resource}\",status=\"OK\",transformation_type=\"{type_}\",\
             transformer_prefix=\"{prefix}\"}} {count}"
        )
    }

    #[test]
    fn only_what_is_seen_is_said() {
        let secretbox = "k8s:enc:secretbox:v1:key1:";
        for (lines, state, words) in [
            (vec![], State::Warn, "no sign"),
            (vec![line("configmaps", "to_storage", secretbox, 3)], State::Warn, "no sign"),
            (vec![line("secrets", "to_storage", secretbox, 0)], State::Warn, "no sign"),
            (vec![line("secrets", "to_storage", "", 2)], State::Warn, "the provider identity comes first"),
            (vec![line("secrets", "to_storage", secretbox, 2)], State::Ok, secretbox),
            (
                vec![line("secrets", "to_storage", secretbox, 2), line("secrets", "from_storage", "identity", 2)],
                State::Ok,
                "not encrypted yet",
            ),
            (vec![line("secrets", "from_storage", secretbox, 2)], State::Ok, "written none since"),
        ] {
            let check = judge(&Ok(transformed(&lines.join("\n"))));
            assert_eq!(check.state, state, "{}", check.seen);
            assert!(check.seen.contains(words), "{}", check.seen);
        }
        assert_eq!(judge(&Err(Unread::Forbidden)).state, State::Unseen);
    }
}
