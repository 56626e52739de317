//! A route, prepared: header names parsed, regular expressions loaded.

use http::{HeaderName, HeaderValue};
use regex_automata::dfa::{Automaton, sparse};
use regex_automata::{Anchored, Input};
use tidegate_shared::bundle::{self, FieldPredicate, FieldTest};

use super::table::Question;
use crate::decision::HeadEdits;

/// A route of the bundle, ready for use.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) rules: bundle::Route,
    pub(crate) request: HeadEdits,
    pub(crate) response: HeadEdits,
    headers: Vec<(HeaderName, Test)>,
    query: Vec<(String, Test)>,
}

impl Route {
    pub(super) fn prepare(mut rules: bundle::Route) -> Result<Self, String> {
        let request = edits(std::mem::take(&mut rules.request_headers))?;
        let response = edits(std::mem::take(&mut rules.response_headers))?;
        let headers = std::mem::take(&mut rules.headers)
            .into_iter()
            .map(|predicate| Ok((name(&predicate.name)?, Test::prepare(predicate.test)?)))
            .collect::<Result<_, String>>()?;
        let query = std::mem::take(&mut rules.query)
            .into_iter()
            .map(|FieldPredicate { name, test }| Ok((name, Test::prepare(test)?)))
            .collect::<Result<_, String>>()?;
        Ok(Self {
            rules,
            request,
            response,
            headers,
            query,
        })
    }

    /// Whether the predicates on headers and query hold.
    pub(super) fn holds(&self, question: &Question<'_>) -> bool {
        self.headers
            .iter()
            .all(|(name, test)| test.holds((question.header)(name).as_deref()))
            && self.query.iter().all(|(name, test)| {
                let mut pairs =
                    form_urlencoded::parse(question.query.unwrap_or_default().as_bytes());
                let value = pairs.find(|(key, _)| key == name).map(|(_, value)| value);
                test.holds(value.as_deref())
            })
    }
}

#[derive(Debug)]
enum Test {
    Present,
    Exact(String),
    Matches(Box<sparse::DFA<Vec<u8>>>),
}

impl Test {
    fn prepare(test: FieldTest) -> Result<Self, String> {
        Ok(match test {
            FieldTest::Present => Self::Present,
            FieldTest::Exact(value) => Self::Exact(value),
            FieldTest::Matches(octets) => {
                let (automaton, _) =
                    sparse::DFA::from_bytes(&octets).map_err(|error| error.to_string())?;
                Self::Matches(Box::new(automaton.to_owned()))
            }
        })
    }

    fn holds(&self, value: Option<&str>) -> bool {
        let Some(value) = value else { return false };
        match self {
            Self::Present => true,
            Self::Exact(expected) => value == expected,
            Self::Matches(automaton) => {
                let input = Input::new(value).anchored(Anchored::Yes);
                let end = automaton
                    .try_search_fwd(&input)
                    .ok()
                    .flatten()
                    .map(|half| half.offset());
                end == Some(value.len())
            }
        }
    }
}

fn name(text: &str) -> Result<HeaderName, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no header name"))
}

fn edits(edits: bundle::HeaderEdits) -> Result<HeadEdits, String> {
    let bundle::HeaderEdits { remove, set, add } = edits;
    let field = |(field, text): (String, String)| {
        let value =
            HeaderValue::from_str(&text).map_err(|_| format!("`{text}` is no header value"))?;
        Ok((name(&field)?, value))
    };
    Ok(HeadEdits {
        remove: remove
            .iter()
            .map(|field| name(field))
            .collect::<Result<_, String>>()?,
        set: set.into_iter().map(field).collect::<Result<_, String>>()?,
        add: add.into_iter().map(field).collect::<Result<_, String>>()?,
    })
}
