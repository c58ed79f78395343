//! Limits that a team sets itself: how large a Secret may be, and how many a namespace may have. By flags, or by a file.

use std::path::PathBuf;

use clap::Args;

use crate::cli::config::Config;
use crate::cli::error::Error;

/// The flags.
#[derive(Args)]
#[command(next_help_heading = "Limits")]
pub(in crate::cli) struct LimitArgs {
    /// How many bytes the values of a Secret may hold together, as in 4096 or 4Ki. Absent: what the file of --config says, else
    /// what Kubernetes allows (1Mi).
    #[arg(long, value_name = "SIZE", value_parser = crate::cli::config::size)]
    max_size: Option<u64>,

    /// The file with the limits that hold where no flag says otherwise. Absent: lockgate/config.yaml in `XDG_CONFIG_HOME` (else
    /// ~/.config), if it is there.
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

/// What holds.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::cli) struct Limits {
    /// Bytes of values.
    pub max_size: Option<u64>,
    /// Secrets of a namespace.
    pub max_count: Option<u32>,
}

impl Limits {
    /// Those of the file that is read where nobody names one.
    pub(in crate::cli) fn of_file() -> Result<Self, Error> {
        let file = Config::read(None)?.secret;
        Ok(Self { max_size: file.max_size, max_count: file.max_count })
    }
}

impl LimitArgs {
    /// The flags', else the file's. `max_count` is the flag of who makes new ones.
    pub(in crate::cli) fn limits(&self, max_count: Option<u32>) -> Result<Limits, Error> {
        let file = Config::read(self.config.as_deref())?.secret;
        Ok(Limits { max_size: self.max_size.or(file.max_size), max_count: max_count.or(file.max_count) })
    }
}
