//! How commands print: `-o`, tables, and text that came from elsewhere.

use std::borrow::Cow;
use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde_json::Value;
use tabwriter::TabWriter;

use super::error::Error;

/// `-o`, for commands that print objects or findings.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct OutputArgs {
    /// How it is printed. Absent: for people.
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub output: Option<Format>,
}

/// The formats that kubectl has, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people, with more columns.
    Wide,
    /// One JSON object.
    Json,
    /// The same as YAML.
    Yaml,
    /// `KIND/NAME`, a line for each.
    Name,
}

impl Format {
    /// Refuses those that a command does not have.
    pub(super) fn one_of(self, known: &[Self]) -> Result<Self, Error> {
        if known.contains(&self) {
            return Ok(self);
        }
        let names = known.iter().filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()));
        let names = names.collect::<Vec<_>>().join(", ");
        Err(Error::Usage(format!("this command has no such output: give one of {names} with -o")))
    }
}

/// Prints one object as JSON, indented by two blanks as kubectl's (four there; `jq` and people do not mind).
pub(super) fn json(out: &mut impl Write, value: &Value) -> Result<(), Error> {
    // Written by us, so that a pipe that was closed is told as such.
    Ok(writeln!(out, "{}", serde_json::to_string_pretty(value)?)?)
}

/// Prints one object as YAML.
pub(super) fn yaml(out: &mut impl Write, value: &Value) -> Result<(), Error> {
    out.write_all(serde_saphyr::to_string(value)?.as_bytes())?;
    Ok(())
}

/// A table as kubectl prints it: columns three blanks apart, the last one as long as it is
/// (`k8s.io/cli-runtime/pkg/printers/tabwriter.go`: minimum 6, padding 3; Go counts the padding into the minimum).
pub(super) fn table(out: &mut impl Write, header: Option<&[&str]>, rows: &[Vec<String>]) -> io::Result<()> {
    let mut writer = TabWriter::new(Vec::new()).minwidth(3).padding(3);
    if let Some(header) = header {
        writeln!(writer, "{}", header.join("\t"))?;
    }
    for row in rows {
        let cells: Vec<Cow<'_, str>> = row.iter().map(|cell| printable(cell)).collect();
        writeln!(writer, "{}", cells.join("\t"))?;
    }
    writer.flush()?;
    let bytes = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    out.write_all(&bytes)
}

/// Text from the cluster or from a file, for a terminal: control characters, and those that turn the direction of writing,
/// are shown as escapes.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
    };
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if acts(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_kubectls() {
        let mut out = Vec::new();
        let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["a-longer-name".to_owned(), "c".to_owned()]];
        table(&mut out, Some(&["NAME", "AGE"]), &rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "NAME            AGE\na               b\na-longer-name   c\n");
        // As `kubectl get secrets` prints these, and a column of one letter.
        let mut out = Vec::new();
        let rows = [["db", "Opaque", "2", "x", "2s"].map(ToOwned::to_owned).to_vec()];
        table(&mut out, Some(&["NAME", "TYPE", "DATA", "A", "AGE"]), &rows).unwrap();
        let kubectls = "NAME   TYPE     DATA   A     AGE\ndb     Opaque   2      x     2s\n";
        assert_eq!(String::from_utf8(out).unwrap(), kubectls);
    }

    #[test]
    fn what_would_act_on_a_terminal_is_shown_instead() {
        assert_eq!(printable("edges"), "edges");
        assert_eq!(printable("a\u{1b}[2Jb\n\t\u{9b}ö"), "a\\u{1b}[2Jb\\n\\t\\u{9b}ö");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
    }
}
