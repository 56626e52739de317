//! YAML as a tree in which every value knows its place.
//!
//! A strict subset: one document, no anchors, aliases or tags, unique keys, the scalars of the
//! core schema (YAML 1.2 §10.3) without surprises. Bounds hold while parsing, not after it.

mod entries;
mod offsets;
mod scalar;

use std::borrow::Cow;

use saphyr_parser::{Event, Parser};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Source, Span, Spanned};
use entries::Entries;
use offsets::Offsets;
use scalar::scalar;

/// The deepest nesting.
const MAX_DEPTH: usize = 64;
/// The most values in a file.
const MAX_NODES: usize = 200_000;

/// A value. Texts are the file's own, where they stand in it as they are: a tree of ten thousand
/// routes has no copies.
#[derive(Clone, Debug)]
pub(crate) struct Node<'t> {
    pub(crate) span: Span,
    pub(crate) kind: Kind<'t>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind<'t> {
    Null,
    Bool(bool),
    Integer(u64),
    /// Another plain number: negative, or with a fraction.
    Number(serde_json::Number),
    Text(Cow<'t, str>),
    Sequence(Vec<Node<'t>>),
    Mapping(Vec<Entry<'t>>),
}

/// A key and its value.
pub(crate) type Entry<'t> = (Spanned<Cow<'t, str>>, Node<'t>);

impl Node<'_> {
    /// What the value is, for a message.
    pub(crate) fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Integer(_) | Kind::Number(_) => "a number",
            Kind::Text(_) => "text",
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a mapping",
        }
    }
}

/// Parses a file; `None` where it is beyond use, which is reported.
pub(crate) fn parse<'t>(
    file: usize,
    source: &'t Source,
    diagnostics: &mut Diagnostics,
) -> Option<Node<'t>> {
    let mut builder = Builder {
        text: &source.text,
        offsets: Offsets::of(&source.text),
        file,
        nodes: 0,
    };
    match builder.document(&mut Parser::new_from_str(&source.text), diagnostics) {
        Ok(node) => node,
        Err(diagnostic) => {
            diagnostics.push(*diagnostic);
            None
        }
    }
}

fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(
        "too-deep",
        span,
        format!("values are nested deeper than {MAX_DEPTH} levels"),
    )
}

type Fatal = Box<Diagnostic>;

struct Builder<'t> {
    text: &'t str,
    offsets: Offsets,
    file: usize,
    nodes: usize,
}

/// A collection that is being filled.
enum Open<'t> {
    Sequence(Span, Vec<Node<'t>>),
    Mapping(Span, Entries<'t>, Option<Spanned<Cow<'t, str>>>),
}

impl<'t> Builder<'t> {
    fn document(
        &mut self,
        parser: &mut Parser<'_, saphyr_parser::StrInput<'_>>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<Node<'t>>, Fatal> {
        let mut open: Vec<Open<'t>> = Vec::new();
        let mut root = None;
        let mut documents = 0;
        for event in parser {
            let (event, marks) = event.map_err(|error| {
                let at = self.offsets.octet(error.marker().index());
                let span = Span::new(self.file, at..at);
                Diagnostic::error(
                    "yaml-syntax",
                    span,
                    format!("not valid YAML: {}", error.info()),
                )
            })?;
            let span = self.span(marks);
            let complete = match event {
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => None,
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(Diagnostic::error(
                            "yaml-syntax",
                            span,
                            "a second document begins",
                        )
                        .help("a policy is one document; use a folder of files instead")
                        .into());
                    }
                    None
                }
                Event::Alias(_) => return Err(alias(span)),
                Event::Scalar(text, style, anchor, tag) => {
                    refuse_properties(anchor, tag.is_some(), span)?;
                    Some(Node {
                        span,
                        kind: scalar(self.own(&text, span), style),
                    })
                }
                Event::SequenceStart(anchor, tag) => {
                    refuse_properties(anchor, tag.is_some(), span)?;
                    open.push(Open::Sequence(span, Vec::new()));
                    None
                }
                Event::MappingStart(anchor, tag) => {
                    refuse_properties(anchor, tag.is_some(), span)?;
                    open.push(Open::Mapping(span, Entries::default(), None));
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    open.pop().map(|collection| close(collection, span))
                }
            };
            if open.len() > MAX_DEPTH {
                return Err(too_deep(span).into());
            }
            let Some(node) = complete else { continue };
            self.nodes = self.nodes.saturating_add(1);
            if self.nodes > MAX_NODES {
                let message = format!("the file holds more than {MAX_NODES} values");
                return Err(Diagnostic::error("file-too-large", span, message).into());
            }
            match open.last_mut() {
                None => root = Some(node),
                Some(Open::Sequence(_, items)) => items.push(node),
                Some(Open::Mapping(_, entries, key)) => match key.take() {
                    None => *key = Some(as_key(node)?),
                    Some(key) => entries.add(key, node, diagnostics),
                },
            }
        }
        Ok(root)
    }

    /// A text as the file has it, in place of the parser's copy, which has room for more.
    fn own(&self, text: &str, span: Span) -> Cow<'t, str> {
        let written = |start: usize, end: usize| {
            let written = self.text.get(start..end)?;
            (written == text).then_some(Cow::Borrowed(written))
        };
        // Between quotes, or without any.
        let quoted = || written(span.start().checked_add(1)?, span.end().checked_sub(1)?);
        written(span.start(), span.end())
            .or_else(quoted)
            .unwrap_or_else(|| Cow::Owned(text.to_owned()))
    }

    fn span(&self, marks: saphyr_parser::Span) -> Span {
        let start = self.offsets.octet(marks.start.index());
        let end = self.offsets.octet(marks.end.index());
        Span::new(self.file, start..end.max(start))
    }
}

fn alias(span: Span) -> Fatal {
    Diagnostic::error(
        "alias",
        span,
        "anchors and aliases are not part of the policy language",
    )
    .help("give it a name under `limits`, `upstreams`, … and refer to that")
    .into()
}

fn refuse_properties(anchor: usize, tagged: bool, span: Span) -> Result<(), Fatal> {
    if anchor != 0 {
        return Err(alias(span));
    }
    if tagged {
        return Err(Diagnostic::error(
            "yaml-syntax",
            span,
            "tags are not part of the policy language",
        )
        .into());
    }
    Ok(())
}

fn close(collection: Open<'_>, end: Span) -> Node<'_> {
    match collection {
        Open::Sequence(start, items) => Node {
            span: start.to(end),
            kind: Kind::Sequence(items),
        },
        Open::Mapping(start, entries, _) => Node {
            span: start.to(end),
            kind: Kind::Mapping(entries.entries),
        },
    }
}

fn as_key(node: Node<'_>) -> Result<Spanned<Cow<'_, str>>, Fatal> {
    let Node { span, kind } = node;
    let value = match kind {
        Kind::Text(text) => text,
        Kind::Integer(number) => number.to_string().into(),
        Kind::Bool(value) => value.to_string().into(),
        Kind::Null | Kind::Number(_) | Kind::Sequence(_) | Kind::Mapping(_) => {
            return Err(Diagnostic::error("yaml-syntax", span, "a key must be text").into());
        }
    };
    Ok(Spanned { value, span })
}
