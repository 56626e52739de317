//! Literals: numbers, texts, octets.

use std::ops::Range;

use super::Finding;
use super::token::{Fallible, TokenKind};

/// A number at the start of a text, and what follows it.
pub(super) fn number(text: &str, start: usize) -> Fallible<(TokenKind, &str)> {
    let fail = |length: usize, message: &str| {
        let end = start.saturating_add(length);
        Err(Box::new(Finding::new(start..end, message)))
    };
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    if let Some(digits) = hexadecimal {
        let (digits, rest) = run(digits, |c| c.is_ascii_hexdigit());
        return match u64::from_str_radix(digits, 16) {
            Ok(value) => Ok(unsigned(value, rest)),
            Err(_) => fail(
                text.len() - rest.len(),
                "a hexadecimal number has 1 to 16 digits",
            ),
        };
    }
    let (_, mut rest) = run(text, |c| c.is_ascii_digit());
    let mut whole = true;
    if let Some(after) = rest.strip_prefix('.') {
        let (digits, after) = run(after, |c| c.is_ascii_digit());
        if !digits.is_empty() {
            (rest, whole) = (after, false);
        }
    }
    if let Some(after) = rest.strip_prefix(['e', 'E']) {
        let after = after.strip_prefix(['+', '-']).unwrap_or(after);
        let (digits, after) = run(after, |c| c.is_ascii_digit());
        if !digits.is_empty() {
            (rest, whole) = (after, false);
        }
    }
    let length = text.len() - rest.len();
    let (digits, _) = text.split_at(length);
    if !whole {
        return match digits.parse() {
            Ok(value) => Ok((TokenKind::Double(value), rest)),
            Err(_) => fail(length, "not a number"),
        };
    }
    match digits.parse() {
        Ok(value) => Ok(unsigned(value, rest)),
        Err(_) => fail(length, "the number has more than 64 bits"),
    }
}

/// An integer, with the suffix of an unsigned one or without.
fn unsigned(value: u64, rest: &str) -> (TokenKind, &str) {
    match rest.strip_prefix(['u', 'U']) {
        Some(rest) => (TokenKind::Uint(value), rest),
        None => (TokenKind::Int(value), rest),
    }
}

fn run(text: &str, is_digit: fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c: char| !is_digit(c));
    text.split_at(end.unwrap_or(text.len()))
}

/// A text or octets between quotes at the start of a text, and what follows; `None` where there
/// is none.
pub(super) fn quoted(text: &str, start: usize) -> Option<Fallible<(TokenKind, &str)>> {
    let (mut raw, mut octets, mut rest) = (false, false, text);
    loop {
        if let Some(after) = rest.strip_prefix(['r', 'R']).filter(|_| !raw) {
            (raw, rest) = (true, after);
        } else if let Some(after) = rest.strip_prefix(['b', 'B']).filter(|_| !octets) {
            (octets, rest) = (true, after);
        } else {
            break;
        }
    }
    let quote = ["\"\"\"", "'''", "\"", "'"]
        .into_iter()
        .find(|quote| rest.starts_with(quote))?;
    let body = rest.strip_prefix(quote)?;
    let literal = Literal {
        quote,
        raw,
        octets,
        place: start..start + (text.len() - body.len()),
    };
    Some(literal.read(body))
}

/// What is known of a literal before its contents.
struct Literal {
    quote: &'static str,
    raw: bool,
    octets: bool,
    /// Prefix and opening quote.
    place: Range<usize>,
}

impl Literal {
    fn read<'t>(&self, body: &'t str) -> Fallible<(TokenKind, &'t str)> {
        let mut content = Vec::new();
        let mut rest = body;
        loop {
            if let Some(after) = rest.strip_prefix(self.quote) {
                return Ok((self.token(content), after));
            }
            let mut characters = rest.chars();
            match characters.next() {
                None => return Err(self.unfinished()),
                Some('\n' | '\r') if self.quote.len() == 1 => return Err(self.unfinished()),
                Some('\\') if self.raw => {
                    // A quote after a backslash does not end a raw literal either.
                    content.push(b'\\');
                    push(
                        &mut content,
                        characters.next().ok_or_else(|| self.unfinished())?,
                    );
                    rest = characters.as_str();
                }
                Some('\\') => {
                    let at = self.place.end + (body.len() - rest.len());
                    rest = self.escape(characters.as_str(), at, &mut content)?;
                }
                Some(character) => {
                    push(&mut content, character);
                    rest = characters.as_str();
                }
            }
        }
    }

    fn token(&self, content: Vec<u8>) -> TokenKind {
        if self.octets {
            return TokenKind::Octets(content);
        }
        // Only whole characters were pushed.
        TokenKind::Text(String::from_utf8_lossy(&content).into_owned())
    }

    fn unfinished(&self) -> Box<Finding> {
        let message = format!(
            "the text that begins here has no `{}` at its end",
            self.quote
        );
        Box::new(Finding::new(self.place.clone(), message))
    }

    /// What a backslash and the next characters stand for; what follows them. `at` is the place
    /// of the backslash.
    fn escape<'t>(&self, text: &'t str, at: usize, content: &mut Vec<u8>) -> Fallible<&'t str> {
        let fail = |length: usize| {
            let message = "no escape sequence of CEL";
            let finding = Finding::new(at..at + 1 + length, message);
            Box::new(finding.help("write `\\\\` for a backslash, or put `r` before the text"))
        };
        let mut characters = text.chars();
        let first = characters.next().ok_or_else(|| self.unfinished())?;
        let rest = characters.as_str();
        let simple = match first {
            'a' => Some(7),
            'b' => Some(8),
            't' => Some(9),
            'n' => Some(10),
            'v' => Some(11),
            'f' => Some(12),
            'r' => Some(13),
            '\\' | '?' | '"' | '\'' | '`' => u8::try_from(first).ok(),
            _ => None,
        };
        if let Some(octet) = simple {
            content.push(octet);
            return Ok(rest);
        }
        let (digits, radix, count) = match first {
            'x' | 'X' => (rest, 16, 2),
            'u' if !self.octets => (rest, 16, 4),
            'U' if !self.octets => (rest, 16, 8),
            '0'..='3' => (text, 8, 3),
            _ => return Err(fail(first.len_utf8())),
        };
        let (digits, rest) = digits.split_at_checked(count).ok_or_else(|| fail(1))?;
        if !digits.chars().all(|digit| digit.is_digit(radix)) {
            return Err(fail(1));
        }
        let value = u32::from_str_radix(digits, radix).map_err(|_| fail(1))?;
        if self.octets {
            content.push(u8::try_from(value).map_err(|_| fail(1))?);
        } else {
            push(
                content,
                char::from_u32(value).ok_or_else(|| fail(1 + count))?,
            );
        }
        Ok(rest)
    }
}

fn push(content: &mut Vec<u8>, character: char) {
    content.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
