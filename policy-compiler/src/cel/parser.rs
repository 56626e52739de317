//! The grammar: recursive descent, by the precedence of `doc/langdef.md`.

mod call;
mod operand;

use std::ops::Range;

use tidegate_shared::condition::{Binary, Unary, bounds};

use super::Finding;
use super::expression::{Expression, Kind};
use super::token::{Fallible, Token, TokenKind, tokens};

/// Parses a whole text.
pub(super) fn parse(text: &str) -> Fallible<Expression> {
    if text.len() > bounds::TEXT {
        let (length, most) = (text.len(), bounds::TEXT);
        let message = format!("the condition has {length} octets, more than {most}");
        return Err(Box::new(Finding::new(0..length, message)));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens: &tokens,
        depth: 0,
    };
    let expression = parser.expression()?;
    match parser.peek() {
        TokenKind::End => Ok(expression),
        _ => Err(parser.unexpected("an operator")),
    }
}

struct Parser<'t> {
    /// What is left. Invariant: the last is [`TokenKind::End`], which is never taken.
    tokens: &'t [Token],
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &TokenKind {
        self.tokens
            .first()
            .map_or(&TokenKind::End, |token| &token.kind)
    }

    fn span(&self) -> Range<usize> {
        self.tokens.first().map_or(0..0, |token| token.span.clone())
    }

    /// Takes a token.
    fn advance(&mut self) {
        if let [_, rest @ ..] = self.tokens
            && !rest.is_empty()
        {
            self.tokens = rest;
        }
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), TokenKind::Symbol(own) if *own == symbol)
    }

    /// Takes a symbol, if it stands here.
    fn take(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        if found {
            self.advance();
        }
        found
    }

    /// Takes a symbol that must stand here; gives its end.
    fn expect(&mut self, symbol: &str) -> Fallible<usize> {
        let end = self.span().end;
        if self.take(symbol) {
            Ok(end)
        } else {
            Err(self.unexpected(&format!("`{symbol}`")))
        }
    }

    fn unexpected(&self, wanted: &str) -> Box<Finding> {
        let found = match self.peek() {
            TokenKind::End => "the condition ends".to_owned(),
            TokenKind::Name(name) | TokenKind::Quoted(name) => format!("`{name}` stands"),
            TokenKind::Symbol(symbol) => format!("`{symbol}` stands"),
            TokenKind::Int(_) | TokenKind::Uint(_) | TokenKind::Double(_) => {
                "a number stands".to_owned()
            }
            TokenKind::Text(_) | TokenKind::Octets(_) => "a text stands".to_owned(),
        };
        let message = format!("{found} where {wanted} is expected");
        Box::new(Finding::new(self.span(), message))
    }

    /// Makes an expression, unless it is too deep.
    fn make(&self, kind: Kind, span: Range<usize>) -> Fallible<Expression> {
        let expression = Expression::new(kind, span);
        if expression.depth > bounds::DEPTH {
            return Err(too_deep(expression.span));
        }
        Ok(expression)
    }

    /// Parses what may hold itself, to a bounded depth.
    fn nested(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Fallible<Expression>,
    ) -> Fallible<Expression> {
        if self.depth >= bounds::DEPTH {
            return Err(too_deep(self.span()));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn expression(&mut self) -> Fallible<Expression> {
        self.nested(|parser| {
            let condition = parser.disjunction()?;
            if !parser.take("?") {
                return Ok(condition);
            }
            let one = parser.disjunction()?;
            parser.expect(":")?;
            let other = parser.expression()?;
            let span = condition.span.start..other.span.end;
            parser.make(Kind::If(Box::new([condition, one, other])), span)
        })
    }

    fn disjunction(&mut self) -> Fallible<Expression> {
        self.chain("||", Self::conjunction, Kind::Or)
    }

    fn conjunction(&mut self) -> Fallible<Expression> {
        self.chain("&&", Self::relation, Kind::And)
    }

    fn chain(
        &mut self,
        symbol: &str,
        operand: fn(&mut Self) -> Fallible<Expression>,
        kind: fn(Vec<Expression>) -> Kind,
    ) -> Fallible<Expression> {
        let first = operand(self)?;
        if !self.is(symbol) {
            return Ok(first);
        }
        let mut span = first.span.clone();
        let mut operands = vec![first];
        while self.take(symbol) {
            let next = operand(self)?;
            span.end = next.span.end;
            operands.push(next);
        }
        self.make(kind(operands), span)
    }

    fn relation(&mut self) -> Fallible<Expression> {
        const OPERATORS: [(&str, Binary); 6] = [
            ("==", Binary::Equal),
            ("!=", Binary::NotEqual),
            ("<=", Binary::LessEqual),
            ("<", Binary::Less),
            (">=", Binary::GreaterEqual),
            (">", Binary::Greater),
        ];
        let mut left = self.sum()?;
        loop {
            let function = if matches!(self.peek(), TokenKind::Name(name) if name == "in") {
                self.advance();
                Binary::In
            } else if let Some(function) = self.operator(&OPERATORS) {
                function
            } else {
                return Ok(left);
            };
            let right = self.sum()?;
            left = self.binary(function, left, right)?;
        }
    }

    fn sum(&mut self) -> Fallible<Expression> {
        self.left(
            &[("+", Binary::Add), ("-", Binary::Subtract)],
            Self::product,
        )
    }

    fn product(&mut self) -> Fallible<Expression> {
        const OPERATORS: [(&str, Binary); 3] = [
            ("*", Binary::Multiply),
            ("/", Binary::Divide),
            ("%", Binary::Remainder),
        ];
        self.left(&OPERATORS, Self::unary)
    }

    /// Operators of one precedence, from the left.
    fn left(
        &mut self,
        operators: &[(&str, Binary)],
        operand: fn(&mut Self) -> Fallible<Expression>,
    ) -> Fallible<Expression> {
        let mut left = operand(self)?;
        while let Some(function) = self.operator(operators) {
            let right = operand(self)?;
            left = self.binary(function, left, right)?;
        }
        Ok(left)
    }

    fn operator(&mut self, operators: &[(&str, Binary)]) -> Option<Binary> {
        let found = operators.iter().find(|(symbol, _)| self.is(symbol));
        let function = found.map(|(_, function)| *function)?;
        self.advance();
        Some(function)
    }

    fn binary(&self, function: Binary, one: Expression, other: Expression) -> Fallible<Expression> {
        let span = one.span.start..other.span.end;
        self.make(Kind::Binary(function, Box::new(one), Box::new(other)), span)
    }

    fn unary(&mut self) -> Fallible<Expression> {
        let start = self.span().start;
        let function = if self.take("!") {
            Unary::Not
        } else if self.take("-") {
            if let TokenKind::Int(_) | TokenKind::Double(_) = self.peek() {
                return self.postfix(Some(start));
            }
            Unary::Negate
        } else {
            return self.postfix(None);
        };
        let operand = self.nested(Self::unary)?;
        let span = start..operand.span.end;
        self.make(Kind::Unary(function, Box::new(operand)), span)
    }
}

fn too_deep(span: Range<usize>) -> Box<Finding> {
    let most = bounds::DEPTH;
    let message = format!("expressions are nested deeper than {most} levels");
    Box::new(Finding::new(span, message))
}
