//! `--log-level-file`: what is logged follows a file, as a ConfigMap that is mounted makes one, without a restart.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::{info, warn};

use super::telemetry::LogLevel;

/// So often the file is read. The kubelet brings a change of a ConfigMap within a minute or two.
const PERIOD: Duration = Duration::from_secs(5);
/// A filter is a line; whatever is longer is no filter.
const MOST_BYTES: u64 = 4096;

/// Follows the file until it is dropped. Where there is none, `usual` holds.
pub async fn follow(path: PathBuf, usual: String, level: LogLevel) {
    let mut last = usual.clone();
    loop {
        let wanted = match read(&path).await {
            Ok(text) if text.trim().is_empty() => usual.clone(),
            Ok(text) => text.trim().to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => usual.clone(),
            // As it was: a file that is being written can be unreadable for a moment.
            Err(_) => last.clone(),
        };
        if wanted != last {
            match level.change(&wanted) {
                Ok(()) => info!(level = wanted, "the log level was changed"),
                Err(error) => warn!(
                    "{} cannot be read as a log level and nothing is changed: {error}: write it as in info or lockgate=debug",
                    path.display()
                ),
            }
            last = wanted;
        }
        tokio::time::sleep(PERIOD).await;
    }
}

async fn read(path: &Path) -> io::Result<String> {
    if tokio::fs::metadata(path).await?.len() > MOST_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    tokio::fs::read_to_string(path).await
}
