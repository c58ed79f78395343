//! pachctl's table: Go's `text/tabwriter` with a padding of one, and a tab after every cell, so that the last one is padded, too.

use std::io::{self, Write};

use tabwriter::TabWriter;

use crate::cli::output::printable;

/// Prints it. pachctl begins a table of its own, with a header, after each 49 rows; here the columns are one width from top
/// to bottom.
pub(super) fn table(out: &mut impl Write, header: Option<&[&str]>, rows: &[Vec<String>]) -> io::Result<()> {
    let mut writer = TabWriter::new(Vec::new()).minwidth(0).padding(1);
    for name in header.into_iter().flatten() {
        write!(writer, "{name}\t")?;
    }
    if header.is_some() {
        writeln!(writer)?;
    }
    for row in rows {
        for cell in row {
            write!(writer, "{}\t", printable(cell))?;
        }
        writeln!(writer)?;
    }
    writer.flush()?;
    let bytes = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    out.write_all(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(header: Option<&[&str]>, rows: &[&[&str]]) -> String {
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect();
        let mut out = Vec::new();
        table(&mut out, header, &rows).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_cell_is_padded_by_one_the_last_too() {
        let header = ["NAME", "TYPE", "CREATED"];
        let row = ["mysecret", "kubernetes.io/dockerconfigjson", "11 seconds ago"];
        assert_eq!(
            printed(Some(&header), &[&row]),
            "NAME     TYPE                           CREATED        \n\
             mysecret kubernetes.io/dockerconfigjson 11 seconds ago \n"
        );
        assert_eq!(printed(Some(&header), &[]), "NAME TYPE CREATED \n");
        assert_eq!(printed(None, &[&["a", "bb"], &["aaa", "b"]]), "a   bb \naaa b  \n");
        assert_eq!(printed(None, &[]), "");
    }

    #[test]
    fn a_type_is_free_text_and_cannot_act_on_a_terminal() {
        assert_eq!(printed(None, &[&["db", "a\u{1b}[2J\tb"]]), "db a\\u{1b}[2J\\tb \n");
    }
}
