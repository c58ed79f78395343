//! `lockgate-image`: Lockgate's container image, without Docker and without root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use lockgate_image::{Compression, Error, Program, crates, elf, licenses, sbom, system};

/// Makes Lockgate's container image.
#[derive(Debug, Parser)]
#[command(name = "lockgate-image", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write the image as an OCI layout, with its licences and its SBOM beside it, and print its digest.
    Build {
        #[command(flatten)]
        from: From,
        /// The folder to write; what is in it is replaced.
        #[arg(long)]
        output: PathBuf,
        /// The commit that the program was built from.
        #[arg(long)]
        revision: Option<String>,
        /// Where the source can be read.
        #[arg(long)]
        source: Option<String>,
        /// The time of all that is in the image, in seconds since 1970.
        #[arg(long, env = "SOURCE_DATE_EPOCH", default_value_t = 0)]
        time: u64,
        /// A path that must not be in the program; may be given several times.
        #[arg(long)]
        absent: Vec<String>,
    },
    /// Write the image of a program as it is, without licences and SBOM, not compressed: for a cluster of tests.
    Plain {
        /// The program.
        #[arg(long)]
        binary: PathBuf,
        /// The folder to write.
        #[arg(long)]
        output: PathBuf,
    },
    /// Write only the licences of the crates and of Rust's library, for a base image that has its own.
    Licenses {
        #[command(flatten)]
        from: From,
        /// The folder to write.
        #[arg(long)]
        output: PathBuf,
    },
}

#[derive(Debug, Args)]
struct From {
    /// The program, built with `cargo auditable`.
    #[arg(long)]
    binary: PathBuf,
    /// What `rustc --print sysroot` prints.
    #[arg(long)]
    sysroot: PathBuf,
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
        Verb::Licenses { from, output } => licenses::write(&output, &crates::of(&from.binary)?, &from.sysroot, &[]),
        Verb::Plain { binary, output } => {
            println!("{}", Program::plain(binary).write(&output)?);
            Ok(())
        }
        Verb::Build { from, output, revision, source, time, absent } => {
            let crates = crates::of(&from.binary)?;
            elf::without(&from.binary, &absent)?;
            let packages = system::packages(&from.binary)?;
            if output.exists() {
                fs::remove_dir_all(&output).map_err(io("remove", &output))?;
            }
            let folder = output.join("licenses");
            licenses::write(&folder, &crates, &from.sysroot, &packages)?;
            let program = Program {
                binary: from.binary,
                // One version for all members of the workspace.
                version: env!("CARGO_PKG_VERSION").to_owned(),
                revision,
                source,
                time,
                licenses: Some(folder),
                compression: Compression::Gzip,
                reference: None,
            };
            let digest = program.write(&output)?;
            let document = sbom::document(&crates, &packages, &program.created()?, &program.sha256()?, &digest);
            let path = output.join("sbom.cdx.json");
            fs::write(&path, format!("{document:#}\n")).map_err(io("write", &path))?;
            eprintln!("{} crates and {} packages of this machine", crates.len(), packages.len());
            println!("{digest}");
            Ok(())
        }
    }
}

fn io(verb: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let action = format!("{verb} {}", path.display());
    |source| Error::Io { action, source }
}
