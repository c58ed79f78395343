//! How commands write: by whose name, and whether at all.

use clap::{Args, ValueEnum};

/// Who commands are in `managedFields`; the operator is `lockgate`.
pub(super) const FIELD_MANAGER: &str = "lockgate-cli";

/// `--dry-run`, with kubectl's words.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct DryRunArg {
    /// Write nothing: `client` says what would be written, `server` lets the API server judge it.
    #[arg(
        id = "dry_run", long = "dry-run", value_enum, value_name = "WHERE", default_value = "none", num_args = 0..=1, require_equals = true,
        default_missing_value = "client"
    )]
    pub run: DryRun,
}

/// Where it is tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum DryRun {
    /// It is done.
    #[default]
    None,
    /// Nothing is sent.
    Client,
    /// The API server says what it would do.
    Server,
}

impl DryRun {
    /// Whether nothing is written.
    pub(super) fn is_on(self) -> bool {
        self != Self::None
    }

    /// What kubectl puts behind a line.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Client => " (dry run)",
            Self::Server => " (server dry run)",
        }
    }
}
