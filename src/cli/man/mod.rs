//! `lockgate man`: the same words as `--help`, as manual pages or as one page of Markdown.

mod markdown;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::error::Error;

/// Flags of `lockgate man`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  lockgate man | man -l -
  lockgate man --dir ~/.local/share/man/man1")]
pub(super) struct ManArgs {
    /// Write a page for each command into this folder, which is made if it is not there. Absent: the first page goes to stdout.
    #[arg(long, value_name = "DIR", conflicts_with = "markdown")]
    dir: Option<PathBuf>,

    /// All commands as one page of Markdown, as docs/cli.md has them.
    #[arg(long)]
    markdown: bool,
}

/// Prints or writes.
pub(super) fn run(args: &ManArgs) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    if args.markdown {
        return Ok(out.write_all(markdown::page(&super::command()).as_bytes())?);
    }
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(super::command()).render(&mut page)?;
        return Ok(out.write_all(&page)?);
    };
    let refused = |why| Error::Write(dir.display().to_string(), why);
    std::fs::create_dir_all(dir).map_err(refused)?;
    clap_mangen::generate_to(super::command(), dir).map_err(refused)
}
