//! Where the grammar of YAML 1.1, as go-yaml's scanner has it, is narrower than that of our scanner (YAML 1.2).
//!
//! What is refused here kubectl cannot read, either.

use std::ops::Range;

use granit_parser::{Event, Marker, ScalarStyle, Span, StructureStyle};

use super::split::Form;

/// What the scanner passed, as far as it is needed to tell tabs that indent from others.
pub(super) struct Narrow<'a> {
    text: &'a str,
    form: Form,
    /// Bytes that are scalars or, then true, stand between brackets.
    within: Vec<(Range<usize>, bool)>,
    /// How many brackets are open.
    brackets: usize,
    /// Where the outermost of them was opened.
    opened: usize,
    /// The line of the last anchor.
    anchor: usize,
}

/// A mistake: where it stands and what it is.
pub(super) type Mistake = (Marker, &'static str);

/// What is said of a tab.
pub(super) const TAB: &str = "a tab cannot indent YAML: write blanks instead";

impl<'a> Narrow<'a> {
    /// Nothing of the text was passed yet.
    pub(super) fn new(text: &'a str, form: Form) -> Self {
        Self { text, form, within: Vec::new(), brackets: 0, opened: 0, anchor: 0 }
    }

    /// Takes the next event.
    pub(super) fn pass(&mut self, event: &Event<'_>, span: Span) -> Result<(), Mistake> {
        let bytes = span.byte_range().unwrap_or_default();
        check_tag(self.text, span)?;
        match event {
            Event::Anchor(_, name) => {
                self.anchor = span.start.line();
                check_anchor(self.text, name, span)?;
            }
            Event::Scalar(_, ScalarStyle::Plain, ..) if self.brackets > 0 => self.check_plain(bytes, span)?,
            // A tab may not indent what a plain scalar goes on with.
            Event::Scalar(_, ScalarStyle::Plain, ..) => {}
            Event::Scalar(_, style, ..) => {
                match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => self.check_block(bytes.clone(), span)?,
                    ScalarStyle::DoubleQuoted => self.check_escapes(bytes.clone(), span)?,
                    _ => {}
                }
                if self.brackets == 0 {
                    self.within.push((bytes, false));
                }
            }
            Event::SequenceStart(StructureStyle::Flow, ..) | Event::MappingStart(StructureStyle::Flow, ..) => {
                if self.brackets == 0 {
                    self.opened = bytes.start;
                }
                self.brackets += 1;
            }
            Event::SequenceEnd | Event::MappingEnd if self.brackets > 0 => {
                self.brackets -= 1;
                if self.brackets == 0 {
                    self.within.push((self.opened..bytes.end, true));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Between brackets a question mark ends a plain scalar, a colon ends one only before a blank, and neither begins one.
    fn check_plain(&self, bytes: Range<usize>, span: Span) -> Result<(), Mistake> {
        let text = self.text.get(bytes.clone()).unwrap_or_default();
        let mut behind = self.text.get(bytes.end..).unwrap_or_default().chars();
        if behind.next() == Some(':') && behind.next().is_some_and(|c| matches!(c, ',' | '[' | ']' | '{' | '}')) {
            return Err((span.start, "the colon of a key wants a blank behind it"));
        }
        if text.starts_with(':') || text.contains('?') {
            return Err((span.start, "between brackets this wants quotes"));
        }
        Ok(())
    }

    /// Two escapes are JSON's and not YAML's: `\/`, and half a character.
    fn check_escapes(&self, bytes: Range<usize>, span: Span) -> Result<(), Mistake> {
        let mut rest = self.text.get(bytes).filter(|_| self.form == Form::Yaml).unwrap_or_default();
        while let Some((_, escape)) = rest.split_once('\\') {
            let half = escape.strip_prefix('u').and_then(|digits| u32::from_str_radix(digits.get(..4)?, 16).ok());
            if escape.starts_with('/') || half.is_some_and(|value| (0xD800..0xE000).contains(&value)) {
                return Err((span.start, "YAML does not know an escape in this value: write the character itself"));
            }
            rest = escape.strip_prefix('\\').unwrap_or(escape);
        }
        Ok(())
    }

    /// A tab cannot stand where the indentation of a block is yet to be known.
    fn check_block(&self, bytes: Range<usize>, span: Span) -> Result<(), Mistake> {
        let text = self.text.get(bytes).unwrap_or_default();
        for line in text.split('\n') {
            let content = line.trim_start_matches([' ', '\t']);
            if line.strip_suffix(content).is_some_and(|blanks| blanks.contains('\t')) {
                return Err((
                    span.start,
                    "the first line of this block cannot be indented by a tab: write blanks instead",
                ));
            }
            if !content.trim_end_matches('\r').is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// A key stands in one line with its tag and its anchor, but for a block, which `?` introduces. To be asked when the event
    /// behind the key was passed.
    pub(super) fn check_key(&self, event: &Event<'_>, span: Span) -> Result<(), Mistake> {
        let Event::Scalar(_, ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, ..) = event
        else {
            return Ok(());
        };
        let behind = span.byte_range().and_then(|bytes| self.text.get(bytes.end..)).unwrap_or_default();
        let mut colon = behind.trim_start();
        while let Some(comment) = colon.strip_prefix('#') {
            colon = comment.split_once('\n').map_or("", |(_, rest)| rest.trim_start());
        }
        let is_apart = behind.strip_suffix(colon).is_some_and(|between| between.contains('\n'));
        if self.brackets > 0 && is_apart && colon.starts_with(':') {
            return Err((span.start, "the colon of a key must stand in its line"));
        }
        let last = span.end.line();
        let tag = span.tag_start().map_or(last, |tag| tag.line());
        let anchor = if event.anchor_id().is_some() { self.anchor } else { last };
        if [span.start.line(), tag, anchor] == [last; 3] {
            return Ok(());
        }
        Err((span.start, "a key must stand in one line"))
    }

    /// A tab that indents, in what was passed of the text: its line and column, both from 1.
    pub(super) fn tab(&self) -> Option<(usize, usize)> {
        let mut begin = 0;
        for (index, line) in self.text.split('\n').enumerate() {
            let tab = indenting_tab(line);
            // A scalar's or a bracket's end may stand in the line in which it ends.
            let indents = |column: usize| {
                let at = begin + column;
                let next = self.within.partition_point(|(range, _)| range.end <= at);
                // Between brackets a tab may indent, but not make up a line of its own.
                let alone = line.trim().is_empty();
                self.within.get(next).is_none_or(|(range, brackets)| range.start > at || (*brackets && alone))
            };
            if let Some(column) = tab.filter(|column| indents(*column)) {
                return Some((index + 1, column + 1));
            }
            begin += line.len() + 1;
        }
        None
    }
}

/// Where a tab stands that a line begins with, or that follows the indicators it begins with.
fn indenting_tab(line: &str) -> Option<usize> {
    let mut characters = line.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\t' => return Some(at),
            ' ' => {}
            '-' | '?' | ':' if characters.peek().is_some_and(|(_, next)| matches!(next, ' ' | '\t')) => {}
            _ => return None,
        }
    }
    None
}

/// Fewer names, and fewer characters behind them.
fn check_anchor(text: &str, name: &str, span: Span) -> Result<(), Mistake> {
    let behind = span.byte_range().and_then(|bytes| text.get(bytes.end..)?.chars().next());
    let ends =
        behind.is_none_or(|c| c.is_ascii_whitespace() || matches!(c, '?' | ':' | ',' | ']' | '}' | '%' | '@' | '`'));
    if ends && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
        return Ok(());
    }
    Err((span.start, "kubectl reads names of anchors made of letters, digits, _ and - only: give it another name"))
}

/// Fewer characters, and a blank behind them, also between brackets.
fn check_tag(text: &str, span: Span) -> Result<(), Mistake> {
    let Some(tag) = span.tag_span() else { return Ok(()) };
    let bytes = tag.byte_range().unwrap_or_default();
    let behind = text.get(bytes.end..).unwrap_or_default();
    let ends = behind.is_empty() || behind.starts_with([' ', '\t', '\r', '\n']);
    if ends && !text.get(bytes).unwrap_or_default().contains('#') {
        return Ok(());
    }
    Err((tag.start, "kubectl cannot read this tag: leave it out"))
}
