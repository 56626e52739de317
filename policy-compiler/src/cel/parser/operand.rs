//! Operands: literals, names, brackets, and what follows them.

use std::ops::Range;

use tidegate_shared::condition::Constant;

use super::Parser;
use crate::cel::Finding;
use crate::cel::expression::{Expression, Kind, Name};
use crate::cel::token::{Fallible, TokenKind};

/// Words that are no names. The first four are no names of members either.
const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];
const KEYWORDS: usize = 4;

impl Parser<'_> {
    /// A primary and what follows it; `minus` is the place of a sign before a number.
    pub(super) fn postfix(&mut self, minus: Option<usize>) -> Fallible<Expression> {
        let mut operand = self.primary(minus)?;
        loop {
            let start = operand.span.start;
            if self.take("[") {
                let index = self.expression()?;
                let end = self.expect("]")?;
                let kind = Kind::Index(Box::new(operand), Box::new(index));
                operand = self.make(kind, start..end)?;
            } else if self.take(".") {
                let name = self.member()?;
                operand = if self.take("(") {
                    let (arguments, end) = self.list(")")?;
                    self.method(operand, name, arguments, end)?
                } else {
                    let span = start..name.span.end;
                    self.make(Kind::Member(Box::new(operand), name), span)?
                };
            } else {
                return Ok(operand);
            }
        }
    }

    fn primary(&mut self, minus: Option<usize>) -> Fallible<Expression> {
        let span = minus.unwrap_or(self.span().start)..self.span().end;
        let literal = match self.peek() {
            TokenKind::Int(size) => Constant::Int(signed(*size, minus.is_some(), &span)?),
            TokenKind::Uint(number) => Constant::Uint(*number),
            TokenKind::Double(size) => {
                let number = if minus.is_some() { -size } else { *size };
                Constant::Double(number.to_bits())
            }
            TokenKind::Text(text) => Constant::Text(text.clone()),
            TokenKind::Octets(octets) => Constant::Octets(octets.clone().into()),
            TokenKind::Name(name) => match name.as_str() {
                "true" => Constant::Bool(true),
                "false" => Constant::Bool(false),
                "null" => Constant::Null,
                _ => return self.name(),
            },
            TokenKind::Symbol("(") => {
                self.advance();
                let inner = self.expression()?;
                let end = self.expect(")")?;
                return Ok(Expression {
                    span: span.start..end,
                    ..inner
                });
            }
            TokenKind::Symbol("[") => {
                self.advance();
                let (items, end) = self.list("]")?;
                return self.make(Kind::List(items), span.start..end);
            }
            TokenKind::Symbol("{") => return self.map(),
            TokenKind::Symbol(".") => {
                self.advance();
                return self.name();
            }
            TokenKind::Symbol(_) | TokenKind::Quoted(_) | TokenKind::End => {
                return Err(self.unexpected("a value"));
            }
        };
        self.advance();
        self.make(Kind::Literal(literal), span)
    }

    /// The name after a dot.
    fn member(&mut self) -> Fallible<Name> {
        let span = self.span();
        let text = match self.peek() {
            TokenKind::Name(name) if !RESERVED.iter().take(KEYWORDS).any(|word| word == name) => {
                name.clone()
            }
            TokenKind::Quoted(name) => name.clone(),
            _ => return Err(self.unexpected("the name of a field")),
        };
        self.advance();
        Ok(Name { text, span })
    }

    /// A name, or a call of a function.
    fn name(&mut self) -> Fallible<Expression> {
        let span = self.span();
        let text = match self.peek() {
            TokenKind::Name(name) if RESERVED.contains(&name.as_str()) => {
                let message = format!("`{name}` is reserved: it names nothing");
                return Err(Box::new(Finding::new(span, message)));
            }
            TokenKind::Name(name) => name.clone(),
            _ => return Err(self.unexpected("a name")),
        };
        self.advance();
        if self.is("{") {
            let finding = Finding::new(self.span(), "messages are not part of conditions");
            return Err(Box::new(
                finding.help("a map begins with `{`, without a name"),
            ));
        }
        if !self.take("(") {
            return self.make(Kind::Name(text), span);
        }
        let (arguments, end) = self.list(")")?;
        self.function(Name { text, span }, arguments, end)
    }

    /// Expressions with commas between and perhaps one at the end; the end of the closing symbol.
    fn list(&mut self, close: &str) -> Fallible<(Vec<Expression>, usize)> {
        let mut items = Vec::new();
        while !self.is(close) {
            items.push(self.expression()?);
            if !self.take(",") {
                break;
            }
        }
        Ok((items, self.expect(close)?))
    }

    fn map(&mut self) -> Fallible<Expression> {
        let start = self.span().start;
        self.advance();
        let mut entries = Vec::new();
        while !self.is("}") {
            let key = self.expression()?;
            self.expect(":")?;
            entries.push((key, self.expression()?));
            if !self.take(",") {
                break;
            }
        }
        let end = self.expect("}")?;
        self.make(Kind::Map(entries), start..end)
    }
}

fn signed(size: u64, negative: bool, span: &Range<usize>) -> Fallible<i64> {
    let number = i128::from(size);
    i64::try_from(if negative { -number } else { number }).map_err(|_| {
        let finding = Finding::new(span.clone(), "the number is no signed integer of 64 bits");
        Box::new(finding.help("put `u` behind it for an unsigned one"))
    })
}
