//! `lockgate-image`: Lockgate's container image, without Docker and without root.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lockgate_image::{Compression, Error, Program};

/// Makes Lockgate's container image.
#[derive(Debug, Parser)]
#[command(name = "lockgate-image", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write the image of a program as an OCI layout, and print its digest.
    Layout {
        /// The program.
        #[arg(long)]
        binary: PathBuf,
        /// The folder to write; what is in it is replaced.
        #[arg(long)]
        output: PathBuf,
        /// The commit that the program was built from.
        #[arg(long)]
        revision: Option<String>,
        /// The time of all that is in the image, in seconds since 1970.
        #[arg(long, env = "SOURCE_DATE_EPOCH", default_value_t = 0)]
        time: u64,
        /// A folder whose files go to /licenses.
        #[arg(long)]
        licenses: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lockgate-image: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<(), Error> {
    match verb {
        Verb::Layout { binary, output, revision, time, licenses } => {
            if output.exists() {
                let action = format!("remove {}", output.display());
                std::fs::remove_dir_all(&output).map_err(|source| Error::Io { action, source })?;
            }
            // One version for all members of the workspace.
            let version = env!("CARGO_PKG_VERSION").to_owned();
            let program = Program { binary, version, revision, time, licenses, compression: Compression::Gzip };
            println!("{}", program.write(&output)?);
        }
    }
    Ok(())
}
