//! One container's log on its way to stdout: masked, and in whole lines where several come at once.

use std::io::{self, Write};

use crate::cli::values::{Masker, Patterns};

/// Where the bytes of one log go through.
pub(super) struct Lines<'a> {
    masker: Option<Masker<'a>>,
    /// What stands before each line; `None`: bytes go on as they come.
    prefix: Option<String>,
    /// A line that is not whole yet.
    begun: Vec<u8>,
}

impl<'a> Lines<'a> {
    /// At the log's beginning.
    pub(super) fn new(patterns: Option<&'a Patterns>, prefix: Option<String>) -> Self {
        Self { masker: patterns.map(Masker::new), prefix, begun: Vec::new() }
    }

    /// Takes the next bytes and prints what may be printed of them.
    pub(super) fn push(&mut self, out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        let masked = self.masker.as_mut().map(|masker| masker.push(bytes));
        self.print(out, masked.as_deref().unwrap_or(bytes))?;
        out.flush()
    }

    /// Prints what is left at the end.
    pub(super) fn finish(mut self, out: &mut impl Write) -> io::Result<()> {
        if let Some(masker) = self.masker.take() {
            self.print(out, &masker.finish())?;
        }
        // Another log's line may follow.
        if !self.begun.is_empty() {
            self.print(out, b"\n")?;
        }
        out.flush()
    }

    fn print(&mut self, out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        let Some(prefix) = &self.prefix else { return out.write_all(bytes) };
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                out.write_all(prefix.as_bytes())?;
                out.write_all(&self.begun)?;
                self.begun.clear();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::values::SecretValue;

    fn through(patterns: Option<&Patterns>, prefix: Option<&str>, pieces: &[&str]) -> String {
        let mut lines = Lines::new(patterns, prefix.map(ToOwned::to_owned));
        let mut out = Vec::new();
        for piece in pieces {
            lines.push(&mut out, piece.as_bytes()).unwrap();
        }
        lines.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_log_alone_is_printed_byte_by_byte() {
        assert_eq!(through(None, None, &["a\nb", "c\r\n", "no end"]), "a\nbc\r\nno end");
    }

    #[test]
    fn of_several_each_line_is_whole_and_has_its_prefix() {
        assert_eq!(
            through(None, Some("[a/0] "), &["a\nb", "c\n\n", "no end"]),
            "[a/0] a\n[a/0] bc\n[a/0] \n[a/0] no end\n"
        );
    }

    #[test]
    fn a_value_is_masked_before_its_line_is_printed() {
        let values = [SecretValue::new(b"canary-7c1f".to_vec())];
        let patterns = Patterns::of(values.iter()).unwrap_or_else(|error| panic!("{error}"));
        for prefix in [None, Some("[a/0] ")] {
            let printed = through(Some(&patterns), prefix, &["pw can", "ary-7c", "1f!\nend canary-7c1"]);
            assert!(!printed.contains("canary-7c1f") && printed.contains("pw ***!"), "{printed}");
            assert!(printed.trim_end().ends_with("end canary-7c1"), "{printed}");
        }
    }
}
