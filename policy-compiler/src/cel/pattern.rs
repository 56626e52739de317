//! Regular expressions become automata here, so that the edge needs no parser for them.

use regex_automata::dfa::{StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;

/// The largest automaton in octets: it is shipped to every location.
const MAX_AUTOMATON: usize = 64 * 1024;

/// What an automaton is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// Whether all of a text matches: anchored at both ends.
    Whole,
    /// Whether some part of it does.
    Anywhere,
}

/// Why there is no automaton.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidPattern {
    pub(crate) message: String,
    /// The reason within the pattern.
    pub(crate) label: Option<String>,
    pub(crate) help: Option<&'static str>,
}

/// The octets of a sparse DFA.
pub(crate) fn automaton(pattern: &str, search: Search) -> Result<Vec<u8>, InvalidPattern> {
    let octets = build(pattern, search).map_err(|error| InvalidPattern {
        message: format!("`{pattern}` is not a regular expression that can be compiled"),
        label: Some(cause(&*error)),
        help: None,
    })?;
    if octets.len() > MAX_AUTOMATON {
        let length = octets.len();
        return Err(InvalidPattern {
            message: format!("`{pattern}` compiles to {length} octets, more than {MAX_AUTOMATON}"),
            label: None,
            help: Some("shorten its repetitions, or use ASCII classes: `[0-9]` for `\\d`"),
        });
    }
    Ok(octets)
}

/// The innermost reason in one line: syntax errors come as several, the last of which says it.
fn cause(error: &dyn std::error::Error) -> String {
    let innermost = std::iter::successors(Some(error), |error| error.source()).last();
    let text = innermost.unwrap_or(error).to_string();
    let line = text.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

fn build(pattern: &str, search: Search) -> Result<Vec<u8>, Box<dense::BuildError>> {
    let (start, pattern) = match search {
        Search::Whole => (StartKind::Anchored, format!("(?:{pattern})\\z")),
        Search::Anywhere => (StartKind::Unanchored, pattern.to_owned()),
    };
    let limits = dense::Config::new()
        .start_kind(start)
        .dfa_size_limit(Some(MAX_AUTOMATON * 64))
        .determinize_size_limit(Some(MAX_AUTOMATON * 64));
    let automaton = dense::Builder::new()
        .configure(limits)
        .syntax(syntax::Config::new().nest_limit(32))
        .thompson(thompson::Config::new().nfa_size_limit(Some(MAX_AUTOMATON * 16)))
        .build(&pattern)?;
    Ok(automaton.to_sparse()?.to_bytes_little_endian())
}
