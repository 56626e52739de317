//! Predicates on headers and query parameters.

use serde_bytes::ByteBuf;
use tidegate_shared::bundle::{FieldPredicate, FieldTest};

use super::Context;
use crate::cel::{Search, automaton};
use crate::decode::Named;
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::{Match, TestOf};

/// The predicates on headers, whose names ignore case, and on the query.
pub(super) fn lower(
    conditions: &Match,
    cx: &mut Context<'_>,
) -> (Vec<FieldPredicate>, Vec<FieldPredicate>) {
    for (name, _) in conditions.headers.iter() {
        if name.parse::<http::HeaderName>().is_err() {
            cx.error(
                "invalid-value",
                name.span,
                format!("`{}` is no header name", name.value),
            );
        }
    }
    let mut headers = predicates(&conditions.headers, cx);
    for predicate in &mut headers {
        predicate.name.make_ascii_lowercase();
    }
    (headers, predicates(&conditions.query, cx))
}

fn predicates(tests: &Named<TestOf>, cx: &mut Context<'_>) -> Vec<FieldPredicate> {
    let mut predicates = Vec::new();
    for (name, test) in tests.iter() {
        let test = match test {
            TestOf::Present => FieldTest::Present,
            TestOf::Exact(value) => FieldTest::Exact(value.clone()),
            TestOf::Regex(pattern) => match whole(pattern, cx) {
                Some(octets) => FieldTest::Matches(ByteBuf::from(octets)),
                None => continue,
            },
        };
        predicates.push(FieldPredicate {
            name: name.value.clone(),
            test,
        });
    }
    predicates
}

fn whole(pattern: &Spanned<String>, cx: &mut Context<'_>) -> Option<Vec<u8>> {
    match automaton(pattern, Search::Whole) {
        Ok(octets) => Some(octets),
        Err(error) => {
            let mut diagnostic = Diagnostic::error("invalid-value", pattern.span, error.message);
            diagnostic.label = error.label.unwrap_or_default();
            diagnostic.help = error.help.map(str::to_owned);
            cx.diagnostics.push(diagnostic);
            None
        }
    }
}
