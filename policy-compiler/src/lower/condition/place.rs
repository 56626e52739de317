//! Where a part of a text stands in its file.

use std::ops::Range;

use crate::source::{Source, Span, Spanned};

/// The place of a part of a scalar; of all of it where an escape hides the part. YAML's quotes,
/// escapes, indentation and folding lie between the text and the file: both are walked side by
/// side, by the characters that are no white space.
pub(super) fn place(text: &Spanned<String>, part: &Range<usize>, sources: &[Source]) -> Span {
    let source = sources.get(text.span.file());
    let raw = source.and_then(|source| source.text.get(text.span.start()..text.span.end()));
    let mut written = Written::of(raw.unwrap_or_default());
    let (mut start, mut end) = (None, 0);
    for (offset, character) in text.value.char_indices() {
        if offset >= part.end && start.is_some() {
            break;
        }
        if character.is_whitespace() {
            continue;
        }
        let Some(at) = written.find(character) else {
            return text.span;
        };
        end = at.end;
        if offset >= part.start {
            start = start.or(Some(at.start));
        }
    }
    let before = text.span.start();
    Span::new(
        text.span.file(),
        before + start.unwrap_or(end)..before + end,
    )
}

/// The content of a scalar as it stands in the file.
struct Written<'t> {
    rest: std::iter::Peekable<std::str::CharIndices<'t>>,
    /// `'` or `"`, where the scalar is between quotes.
    quote: Option<char>,
}

impl<'t> Written<'t> {
    fn of(raw: &'t str) -> Self {
        let mut rest = raw.char_indices().peekable();
        let first = raw.chars().next();
        let quote = first.filter(|first| matches!(first, '"' | '\''));
        if quote.is_some() {
            rest.next();
        } else if matches!(first, Some('|' | '>')) {
            // The header of a block.
            while rest.next_if(|(_, character)| *character != '\n').is_some() {}
        }
        Self { rest, quote }
    }

    /// Where a character stands next, with what escapes it.
    fn find(&mut self, wanted: char) -> Option<Range<usize>> {
        loop {
            let (start, first) = self.rest.next()?;
            let (at, character) = match self.quote {
                Some('"') if first == '\\' => self.rest.next()?,
                Some('\'') if first == '\'' => self.rest.next()?,
                _ => (start, first),
            };
            if character == wanted {
                return Some(start..at + character.len_utf8());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::yaml::{self, Kind};

    /// The part of a file that is shown for a part of a text.
    fn shown(file: &str, part: &str) -> String {
        let sources = [Source {
            path: "policy.yaml".into(),
            text: file.to_owned(),
        }];
        let mut diagnostics = Diagnostics::default();
        let node = yaml::parse(0, &sources[0], &mut diagnostics).unwrap();
        let Kind::Mapping(entries) = node.kind else {
            panic!("{file}");
        };
        let (_, node) = &entries[0];
        let Kind::Text(value) = node.kind.clone() else {
            panic!("{file}");
        };
        let start = value.find(part).unwrap();
        let text = Spanned {
            value: value.into_owned(),
            span: node.span,
        };
        let span = place(&text, &(start..start + part.len()), &sources);
        file.get(span.start()..span.end()).unwrap().to_owned()
    }

    #[test]
    fn a_part_is_found_in_every_style() {
        for (file, part, expected) in [
            ("when: a == wrong", "wrong", "wrong"),
            ("when: 'a == wrong'", "wrong", "wrong"),
            ("when: \"a == wrong\"", "wrong", "wrong"),
            ("when: 'a == ''b'' && wrong'", "wrong", "wrong"),
            ("when: 'a == ''b'' && wrong'", "'b'", "''b''"),
            ("when: \"\\\"b\\\" == wrong\"", "wrong", "wrong"),
            ("when: \"\\\"b\\\" == wrong\"", "\"b\"", "\\\"b\\\""),
            (
                "when: \"a == '\\u00e9' && wrong\"",
                "wrong",
                "\"a == '\\u00e9' && wrong\"",
            ),
            ("when: a ==\n  wrong && b", "wrong", "wrong"),
            ("when: |\n  a ==\n    wrong\n  && b\n", "wrong", "wrong"),
            (
                "when: |-\n  a ==\n    wrong\n  && b\n",
                "a ==\n  wrong",
                "a ==\n    wrong",
            ),
            ("when: >-\n  a ==\n  wrong && b\n", "wrong", "wrong"),
            ("when: é == wrong", "wrong", "wrong"),
        ] {
            let part = if part.contains('\n') {
                "a ==\n  wrong"
            } else {
                part
            };
            assert_eq!(shown(file, part), expected, "{file}");
        }
    }

    #[test]
    fn the_end_of_a_text_is_behind_its_last_character() {
        let sources = [Source {
            path: "policy.yaml".into(),
            text: "when: a ==".to_owned(),
        }];
        let text = Spanned {
            value: "a ==".to_owned(),
            span: Span::new(0, 6..10),
        };
        let span = place(&text, &(4..4), &sources);
        assert_eq!((span.start(), span.end()), (10, 10));
    }
}
