//! Tokens.

use std::ops::Range;

use super::Finding;
use super::literal;

/// A token and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// An identifier or a keyword.
    Name(String),
    /// A field's name between backticks.
    Quoted(String),
    /// An integer without its sign.
    Int(u64),
    Uint(u64),
    Double(f64),
    Text(String),
    Octets(Vec<u8>),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// Operators and brackets; where one begins with another, the longer stands first.
const SYMBOLS: [&str; 23] = [
    "==", "!=", "<=", ">=", "&&", "||", "(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "!", "<",
    ">", "+", "-", "*", "/",
];

/// What fails does so once: a text that is no sequence of tokens has no later ones.
pub(super) type Fallible<T> = Result<T, Box<Finding>>;

/// The tokens of a text; the last is [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Fallible<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = skip(text);
    while !rest.is_empty() {
        let start = text.len() - rest.len();
        let (kind, after) = token(rest, start)?;
        let end = text.len() - after.len();
        tokens.push(Token {
            kind,
            span: start..end,
        });
        rest = skip(after);
    }
    tokens.push(Token {
        kind: TokenKind::End,
        span: text.len()..text.len(),
    });
    Ok(tokens)
}

/// What follows white space and comments.
fn skip(text: &str) -> &str {
    let mut rest = text.trim_start_matches(['\t', '\n', '\u{c}', '\r', ' ']);
    while let Some(comment) = rest.strip_prefix("//") {
        rest = comment.find('\n').map_or("", |end| comment.split_at(end).1);
        rest = rest.trim_start_matches(['\t', '\n', '\u{c}', '\r', ' ']);
    }
    rest
}

/// The token that a text begins with, and what follows it.
fn token(text: &str, start: usize) -> Fallible<(TokenKind, &str)> {
    if let Some(literal) = literal::quoted(text, start) {
        return literal;
    }
    let first = text.chars().next().unwrap_or_default();
    if first.is_ascii_digit() || (first == '.' && second_is_digit(text)) {
        return literal::number(text, start);
    }
    if first == '`' {
        return field(text, start);
    }
    if first == '_' || first.is_ascii_alphabetic() {
        let end = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
        let (name, rest) = text.split_at(end.unwrap_or(text.len()));
        return Ok((TokenKind::Name(name.to_owned()), rest));
    }
    let symbol = SYMBOLS.into_iter().chain(["%"]);
    let found = symbol
        .filter_map(|symbol| Some((symbol, text.strip_prefix(symbol)?)))
        .next();
    if let Some((symbol, rest)) = found {
        return Ok((TokenKind::Symbol(symbol), rest));
    }
    let span = start..start + first.len_utf8();
    let finding = Finding::new(span, format!("`{first}` has no meaning in a condition"));
    Err(Box::new(match first {
        '=' => finding.help("write `==` to compare"),
        '&' | '|' => finding.help(format!("write `{first}{first}`")),
        _ => finding,
    }))
}

fn second_is_digit(text: &str) -> bool {
    text.chars().nth(1).is_some_and(|c| c.is_ascii_digit())
}

/// A field's name between backticks.
fn field(text: &str, start: usize) -> Fallible<(TokenKind, &str)> {
    let inner = text.strip_prefix('`').unwrap_or(text);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-/ ".contains(c);
    match inner.split_once('`') {
        Some((name, rest)) if !name.is_empty() && name.chars().all(allowed) => {
            Ok((TokenKind::Quoted(name.to_owned()), rest))
        }
        Some(_) | None => {
            let message =
                "a name between backticks has letters, digits, `_`, `.`, `-`, `/` and spaces";
            Err(Box::new(Finding::new(start..start + 1, message)))
        }
    }
}
