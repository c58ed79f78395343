//! The scanner's events become a tree: aliases are copied, merged maps laid into each other, keys made JSON's.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};

use super::error::ReadError;
use super::narrow::{self, Narrow};
use super::node::{Content, Field, Node, Place};
use super::resolve::{Scalar, resolve};
use super::split::{Form, Part};

/// How deep lists and maps may stand in each other, as in `serde_json`.
const MAX_DEPTH: usize = 128;
/// How many bytes may come from aliases. go-yaml takes more; manifests have a few.
const MAX_COPIED: usize = 10 << 20;
/// JSON has no bound for keys, YAML's is 1024.
const MAX_JSON_KEY: usize = 1 << 20;

/// The tree of a part; a null where it is empty.
///
/// # Errors
/// Where it is no YAML, has a key twice, or holds what JSON cannot.
pub(super) fn compose(part: &Part<'_>) -> Result<Node, ReadError> {
    let mut options =
        granit_parser::options! { disallow_directives: true, emit_anchor_events: true, flow_nesting_limit: MAX_DEPTH };
    options.block_nesting_limit = MAX_DEPTH;
    options.set_emit_comments(false);
    if part.form == Form::Json {
        options.simple_key_max_lookahead = MAX_JSON_KEY;
    }
    let parser = Parser::new_from_str_with_options(part.text, options);
    let mut composer = Composer {
        part,
        parser,
        narrow: Narrow::new(part.text, part.form),
        anchors: HashMap::new(),
        depth: 0,
        copied: 0,
    };
    composer.document()
}

struct Composer<'a> {
    part: &'a Part<'a>,
    parser: Parser<'a, StrInput<'a>>,
    narrow: Narrow<'a>,
    /// What the anchors stand for that are complete.
    anchors: HashMap<usize, Node>,
    depth: usize,
    copied: usize,
}

/// A node, and whether it came by an alias.
type Composed = (Node, bool);

impl<'a> Composer<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), ReadError> {
        loop {
            let (event, span) = match self.parser.next_event() {
                Some(Ok(event)) => event,
                Some(Err(error)) => return Err(ReadError::scan(&error, self.part)),
                None => return Ok((Event::StreamEnd, Span::default())),
            };
            self.narrow.pass(&event, span).or_else(|mistake| self.refuse(mistake))?;
            if !matches!(event, Event::Anchor(..)) {
                return Ok((event, span));
            }
        }
    }

    fn place(&self, span: Span) -> Place {
        Place::of(&span.start, self.part)
    }

    fn fail<T>(&self, span: Span, why: &str) -> Result<T, ReadError> {
        self.refuse((span.start, why))
    }

    fn refuse<T>(&self, (marker, why): (Marker, &str)) -> Result<T, ReadError> {
        Err(ReadError::at(Place::of(&marker, self.part), why))
    }

    fn document(&mut self) -> Result<Node, ReadError> {
        let begin = Place { line: self.part.first_line, column: 1 };
        let nothing = Node::scalar(begin, begin, Scalar::Null);
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                (Event::StreamEnd, _) => {
                    self.require_no_end(self.part.text)?;
                    self.require_no_tab()?;
                    return Ok(nothing);
                }
                (event, span) => {
                    let before = span.start.byte_offset().and_then(|begin| self.part.text.get(..begin));
                    self.require_no_end(before.unwrap_or_default())?;
                    let (node, _) = self.node(event, span)?;
                    self.end()?;
                    self.require_no_tab()?;
                    if matches!(&node.content, Content::Scalar(scalar) if !matches!(scalar, Scalar::Null)) {
                        return self.fail(span, "this is neither an object nor a list of them");
                    }
                    return Ok(node);
                }
            }
        }
    }

    /// The end of a document that was not begun.
    fn require_no_end(&self, before: &str) -> Result<(), ReadError> {
        match before.split('\n').position(|line| line.starts_with("...")) {
            Some(index) => {
                let place = Place { line: index + self.part.first_line, column: 1 };
                Err(ReadError::at(place, "nothing stands before this end of a document: leave it out"))
            }
            None => Ok(()),
        }
    }

    fn require_no_tab(&self) -> Result<(), ReadError> {
        match self.narrow.tab().filter(|_| self.part.form == Form::Yaml) {
            Some((line, column)) => {
                let place = Place { line: line - 1 + self.part.first_line, column };
                Err(ReadError::at(place, narrow::TAB))
            }
            None => Ok(()),
        }
    }

    /// kubectl reads no further than to the end of the first document behind a separator, and says nothing.
    fn end(&mut self) -> Result<(), ReadError> {
        loop {
            match self.next()? {
                (Event::DocumentEnd, _) => {}
                (Event::StreamEnd, _) => return Ok(()),
                (_, span) => {
                    return self.fail(span, "kubectl does not read what stands here, behind the end of the document: begin a new one with ---");
                }
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Composed, ReadError> {
        let anchor = event.anchor_id();
        let place = self.place(span);
        let node = match event {
            Event::Alias(anchor) => return self.alias(anchor, span).map(|node| (node, true)),
            Event::Scalar(text, style, _, tag) => {
                let plain = style == ScalarStyle::Plain;
                // What is left out is told as a `~`.
                let text = if plain && span.is_empty() { "".into() } else { text };
                let scalar = resolve(&text, plain, tag.as_deref()).or_else(|why| self.fail(span, why))?;
                Node::scalar(place, Place::of(&span.end, self.part), scalar)
            }
            Event::SequenceStart(..) => self.deeper(span, |composer| composer.list(place))?,
            Event::MappingStart(..) => self.deeper(span, |composer| composer.map(place))?,
            _ => return self.fail(span, "this is no value"),
        };
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, node.clone());
        }
        Ok((node, false))
    }

    fn deeper(
        &mut self,
        span: Span,
        read: impl FnOnce(&mut Self) -> Result<Node, ReadError>,
    ) -> Result<Node, ReadError> {
        if self.depth == MAX_DEPTH {
            return self.fail(span, "this is nested too deeply");
        }
        self.depth += 1;
        let node = read(self);
        self.depth -= 1;
        node
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Node, ReadError> {
        let Some(node) = self.anchors.get(&anchor) else {
            return self.fail(span, "this alias stands within what it means: write it out");
        };
        self.copied = self.copied.saturating_add(node.size);
        if self.copied > MAX_COPIED {
            return self.fail(span, "aliases make this too large: write it out");
        }
        Ok(node.clone())
    }

    fn list(&mut self, place: Place) -> Result<Node, ReadError> {
        let items = self.items()?;
        for (item, _) in &items {
            require_json(item)?;
        }
        Ok(Node::list(place, items.into_iter().map(|(item, _)| item).collect()))
    }

    fn items(&mut self) -> Result<Vec<Composed>, ReadError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span)?),
            }
        }
    }

    fn map(&mut self, place: Place) -> Result<Node, ReadError> {
        let mut fields = Fields::default();
        loop {
            let (event, span) = match self.next()? {
                (Event::MappingEnd, _) => break,
                key => key,
            };
            if is_merge(&event) {
                self.merge(span, &mut fields)?;
                continue;
            }
            let (key, _) = self.node(event.clone(), span)?;
            let Content::Scalar(scalar) = &key.content else {
                return self.fail(span, "a list or a map cannot be a key in JSON");
            };
            let Some(name) = scalar.key() else {
                return self.fail(span, "this cannot be a key in JSON: put it between quotes");
            };
            let (value, value_span) = self.next()?;
            self.narrow.check_key(&event, span).or_else(|mistake| self.refuse(mistake))?;
            let (value, _) = self.node(value, value_span)?;
            require_json(&value)?;
            let end = Place::of(&span.end, self.part);
            let field = Field { key: name, place: self.place(span), end, value };
            if !fields.own.insert(field.key.clone()) {
                return self.fail(span, "this key is there twice: kubectl would take one of the two, and say nothing");
            }
            fields.set(field);
        }
        Ok(Node::map(place, fields.all))
    }

    /// `<<`: the fields of a map, or of a list of maps of which the first wins. As go-yaml reads it, what stands further down in the
    /// map wins over what stands further up, whether a key of its own or a merged one.
    fn merge(&mut self, span: Span, fields: &mut Fields) -> Result<(), ReadError> {
        let (event, value_span) = self.next()?;
        let merged = if matches!(event, Event::SequenceStart(..)) {
            let anchor = event.anchor_id();
            let place = self.place(value_span);
            let items = self.items()?;
            let maps: Vec<Node> = items.into_iter().map(|(item, _)| item).rev().collect();
            if let Some(anchor) = anchor {
                self.anchors.insert(anchor, Node::list(place, maps.iter().rev().cloned().collect()));
            }
            maps
        } else {
            vec![self.node(event, value_span)?.0]
        };
        for map in merged {
            let Content::Map(merged) = map.content else {
                return self.fail(span, "<< takes a map or a list of maps");
            };
            for field in merged {
                fields.set(field);
            }
        }
        Ok(())
    }
}

/// JSON has neither infinities nor what is no number.
fn require_json(node: &Node) -> Result<(), ReadError> {
    match &node.content {
        Content::Scalar(scalar) if !scalar.is_json() => {
            Err(ReadError::at(node.place, "JSON has no such number: put it between quotes if it is a text"))
        }
        _ => Ok(()),
    }
}

/// A key that merges: a plain `<<`, or one that has the tag for it.
fn is_merge(event: &Event<'_>) -> bool {
    let Event::Scalar(text, style, _, tag) = event else { return false };
    let tag = tag.as_ref().map(|tag| format!("{}{}", tag.handle(), tag.suffix()));
    text == "<<"
        && match tag.as_deref() {
            None => *style == ScalarStyle::Plain,
            Some(tag) => tag == "!" || tag == "tag:yaml.org,2002:merge",
        }
}

/// The fields of a map while it grows.
#[derive(Default)]
struct Fields {
    all: Vec<Field>,
    /// Where a key stands in `all`.
    index: HashMap<String, usize>,
    /// Keys that are the map's own, not merged.
    own: HashSet<String>,
}

impl Fields {
    fn set(&mut self, field: Field) {
        let known = self.index.get(&field.key).and_then(|index| self.all.get_mut(*index));
        if let Some(known) = known {
            *known = field;
        } else {
            self.index.insert(field.key.clone(), self.all.len());
            self.all.push(field);
        }
    }
}
