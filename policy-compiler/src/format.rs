//! One layout for every policy: indentation, spaces and quotes, and nothing that means anything.
//!
//! The layout is `pretty_yaml`'s. What it gives is parsed again, and must be the same policy with
//! the same comments, so that a mistake there is an error here and no other policy.

use pretty_yaml::config::{FormatOptions, LanguageOptions, LayoutOptions};

use crate::diagnostic::Diagnostics;
use crate::source::Source;
use crate::yaml::{self, Kind, Node};

/// Columns in which a flow collection must have room.
const WIDTH: usize = 120;
/// How often a layout is laid out again until it stays.
const ROUNDS: usize = 4;

/// Why a file is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// It is no YAML of a policy; the diagnostics say why.
    #[error("`{0}` is not well-formed")]
    Malformed(String, Diagnostics),
    /// The layout cannot be found.
    #[error("`{0}` cannot be laid out: {1}")]
    Engine(String, String),
    /// Another layout would be another policy, or lose a comment.
    #[error("`{0}` is left as it is: laid out, it would not say the same")]
    Meaning(String),
}

/// A file in the one layout. Formatted once more, it stays as it is.
///
/// # Errors
/// [`FormatError`].
pub fn format(source: &Source) -> Result<String, FormatError> {
    let name = || source.path.display().to_string();
    let before = parse(source)?;
    let mut text = source.text.clone();
    for _ in 0..ROUNDS {
        let next = layout(&text).map_err(|error| FormatError::Engine(name(), error))?;
        if next == text {
            break;
        }
        text = next;
    }
    if layout(&text).is_ok_and(|next| next != text) {
        return Err(FormatError::Engine(name(), "it has no end".to_owned()));
    }
    let laid_out = Source {
        path: source.path.clone(),
        text,
    };
    let after = parse(&laid_out).map_err(|_| FormatError::Meaning(name()))?;
    let same = match (&before, &after) {
        (Some(before), Some(after)) => same(before, after),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let kept = comments(&source.text, before.as_ref()) == comments(&laid_out.text, after.as_ref());
    if !same || !kept {
        return Err(FormatError::Meaning(name()));
    }
    Ok(laid_out.text)
}

fn layout(text: &str) -> Result<String, String> {
    let options = FormatOptions {
        layout: LayoutOptions {
            print_width: WIDTH,
            ..LayoutOptions::default()
        },
        language: LanguageOptions {
            trailing_comma: false,
            ..LanguageOptions::default()
        },
    };
    pretty_yaml::format_text(text, &options).map_err(|error| error.to_string())
}

/// The values of a file; `None` for an empty one.
fn parse(source: &Source) -> Result<Option<Node<'_>>, FormatError> {
    let mut diagnostics = Diagnostics::default();
    let node = yaml::parse(0, source, &mut diagnostics);
    if diagnostics.has_errors() {
        let name = source.path.display().to_string();
        return Err(FormatError::Malformed(name, diagnostics));
    }
    Ok(node)
}

/// Whether two values are the same, wherever they stand.
fn same(one: &Node<'_>, other: &Node<'_>) -> bool {
    match (&one.kind, &other.kind) {
        (Kind::Sequence(one), Kind::Sequence(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Kind::Mapping(one), Kind::Mapping(other)) => {
            let mut pairs = one.iter().zip(other);
            one.len() == other.len()
                && pairs
                    .all(|((key, one), (own, other))| key.value == own.value && same(one, other))
        }
        (Kind::Null, Kind::Null) => true,
        (Kind::Bool(one), Kind::Bool(other)) => one == other,
        (Kind::Integer(one), Kind::Integer(other)) => one == other,
        (Kind::Number(one), Kind::Number(other)) => one == other,
        (Kind::Text(one), Kind::Text(other)) => one == other,
        (
            Kind::Null
            | Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Number(_)
            | Kind::Text(_)
            | Kind::Sequence(_)
            | Kind::Mapping(_),
            _,
        ) => false,
    }
}

/// Every comment: from a `#` that begins a word (YAML 1.2 §6.6), outside all values, to the end of
/// its line.
fn comments<'t>(text: &'t str, root: Option<&Node<'_>>) -> Vec<&'t str> {
    let mut values = Vec::new();
    let mut open: Vec<&Node<'_>> = root.into_iter().collect();
    while let Some(node) = open.pop() {
        match &node.kind {
            Kind::Sequence(items) => open.extend(items),
            Kind::Mapping(entries) => {
                values.extend(entries.iter().map(|(key, _)| key.span));
                open.extend(entries.iter().map(|(_, value)| value));
            }
            Kind::Null | Kind::Bool(_) | Kind::Integer(_) | Kind::Number(_) | Kind::Text(_) => {
                values.push(node.span);
            }
        }
    }
    values.sort_by_key(|span| span.start());
    let in_value = |at: usize| {
        let begun = values.partition_point(|span| span.start() <= at);
        let last = begun.checked_sub(1).and_then(|last| values.get(last));
        last.is_some_and(|span| at < span.end())
    };
    let mut found = Vec::new();
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        let comment = line.match_indices('#').find(|(at, _)| {
            let before = line.get(..*at).unwrap_or_default();
            let begins = before.is_empty() || before.ends_with([' ', '\t']);
            begins && !in_value(begin + at)
        });
        found.extend(comment.and_then(|(at, _)| Some(line.get(at..)?.trim_end())));
        begin += line.len();
    }
    found
}

#[cfg(test)]
mod tests;
