//! Predicates on headers and query parameters. Regular expressions become automata here, so that
//! the edge needs no parser for them.

use regex_automata::dfa::{StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use serde_bytes::ByteBuf;
use tidegate_shared::bundle::{FieldPredicate, FieldTest};

use super::Context;
use crate::decode::Named;
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::{Match, TestOf};

/// The largest automaton in octets: it is shipped to every location.
const MAX_AUTOMATON: usize = 64 * 1024;

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
            TestOf::Regex(pattern) => match automaton(pattern, cx) {
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

fn automaton(pattern: &Spanned<String>, cx: &mut Context<'_>) -> Option<Vec<u8>> {
    let octets = match build(pattern) {
        Ok(octets) => octets,
        Err(error) => {
            let message = format!(
                "`{}` is not a regular expression that can be compiled",
                pattern.value
            );
            let diagnostic = Diagnostic::error("invalid-value", pattern.span, message);
            cx.diagnostics.push(diagnostic.label(cause(&*error)));
            return None;
        }
    };
    if octets.len() > MAX_AUTOMATON {
        let message = format!(
            "`{}` compiles to {} octets, more than {MAX_AUTOMATON}",
            pattern.value,
            octets.len()
        );
        cx.diagnostics.push(
            Diagnostic::error("invalid-value", pattern.span, message)
                .help("shorten its repetitions, or use ASCII classes: `[0-9]` for `\\d`"),
        );
        return None;
    }
    Some(octets)
}

/// The innermost reason in one line: syntax errors come as several, the last of which says it.
fn cause(error: &dyn std::error::Error) -> String {
    let innermost = std::iter::successors(Some(error), |error| error.source()).last();
    let text = innermost.unwrap_or(error).to_string();
    let line = text.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

/// A sparse DFA that matches the whole of a value, anchored at both ends.
fn build(pattern: &str) -> Result<Vec<u8>, Box<dense::BuildError>> {
    let limits = dense::Config::new()
        .start_kind(StartKind::Anchored)
        .dfa_size_limit(Some(MAX_AUTOMATON * 64))
        .determinize_size_limit(Some(MAX_AUTOMATON * 64));
    let automaton = dense::Builder::new()
        .configure(limits)
        .syntax(syntax::Config::new().nest_limit(32))
        .thompson(thompson::Config::new().nfa_size_limit(Some(MAX_AUTOMATON * 16)))
        .build(&format!("(?:{pattern})\\z"))?;
    Ok(automaton.to_sparse()?.to_bytes_little_endian())
}
