//! The phases of a request, as a policy and the core have them.

use std::cmp::Ordering;

use tidegate_edge::Verdict;
use tidegate_shared::bundle::HeaderEdits;

use crate::meaning::{Answer, Credential, Forward, Meaning};
use crate::offline::Seen;
use crate::source::{Place, Span};
use crate::{RoutePlaces, words};

use super::{Served, State, Step, View};

/// The phases that can decide, in their order; after the last the request is passed on.
const PHASES: [&str; 7] = [
    "accept",
    "route",
    "screen",
    "authenticate",
    "authorise",
    "limit",
    "shape",
];

pub(super) fn of(view: &View<'_>, seen: &Seen, taken: Option<&Served<'_>>) -> Vec<Step> {
    let reached = match seen.record.decision {
        Verdict::Forward => PHASES.len(),
        Verdict::Reply | Verdict::Refuse => PHASES
            .iter()
            .position(|phase| *phase == seen.record.phase)
            // The gateway's own reply is shaped as an origin's answer is.
            .unwrap_or(PHASES.len().saturating_sub(1)),
    };
    let facts = Facts {
        seen,
        taken,
        meaning: taken.and_then(|taken| taken.meaning(view.ir)),
        places: taken.and_then(|taken| view.places(taken.route)),
    };
    let step = |(index, phase): (usize, &&'static str)| {
        let state = match (index.cmp(&reached), seen.record.decision) {
            (Ordering::Less, _) => State::Passed,
            (Ordering::Greater, _) => State::NotReached,
            (Ordering::Equal, Verdict::Refuse) => State::Refused,
            (Ordering::Equal, Verdict::Reply | Verdict::Forward) => State::Answered,
        };
        let (mut text, spans) = facts.at(phase);
        let shadow = seen.record.shadow.iter();
        for watched in shadow.filter(|watched| watched.phase == *phase) {
            text.push_str(&format!("; in shadow: {}", watched.reason));
        }
        if let Some(reason) = seen
            .record
            .reason
            .as_ref()
            .filter(|_| state == State::Refused)
        {
            let separator = if text.is_empty() { "" } else { ": " };
            text = format!("{text}{separator}{reason}");
        }
        let mut places: Vec<Place> = spans
            .into_iter()
            .map(|span| span.place(view.sources))
            .collect();
        places.dedup();
        Step {
            phase,
            state,
            text,
            places,
        }
    };
    PHASES.iter().enumerate().map(step).collect()
}

/// What is known of a request and of the route that takes it.
struct Facts<'f> {
    seen: &'f Seen,
    taken: Option<&'f Served<'f>>,
    meaning: Option<Meaning<'f>>,
    places: Option<&'f RoutePlaces>,
}

impl Facts<'_> {
    /// What is said at a phase, and where.
    fn at(&self, phase: &str) -> (String, Vec<Span>) {
        match phase {
            "accept" => (self.accepted(), Vec::new()),
            "route" => (self.routed(), self.place(|places| Some(places.path))),
            "screen" => (self.said(screened), Vec::new()),
            "authenticate" => (self.authenticated(), self.place(|places| places.auth)),
            "authorise" => {
                let mut spans = self.place(|places| places.auth);
                let conditions = self.places.iter().flat_map(|places| &places.conditions);
                spans.extend(conditions);
                (self.said(authorised), spans)
            }
            "limit" => {
                let limits = self.places.map(|places| places.limits.clone());
                (self.limited(), limits.unwrap_or_default())
            }
            _ => (self.shaped(), self.place(|places| places.answer)),
        }
    }

    fn place(&self, of: impl Fn(&RoutePlaces) -> Option<Span>) -> Vec<Span> {
        self.places.and_then(of).into_iter().collect()
    }

    fn said(&self, words: impl Fn(&Meaning<'_>) -> String) -> String {
        self.meaning.as_ref().map(words).unwrap_or_default()
    }

    fn accepted(&self) -> String {
        let record = &self.seen.record;
        let both = record.host.as_ref().zip(record.path.as_ref());
        both.map_or_else(String::new, |(host, path)| {
            format!("host {}, path {}", words::code(host), words::code(path))
        })
    }

    fn routed(&self) -> String {
        let Some(taken) = self.taken else {
            return String::new();
        };
        let path = self.seen.record.path.as_deref().unwrap_or_default();
        let captures = taken.entry.pattern.captures(path);
        let parameters = captures.iter().flat_map(|captures| &captures.parameters);
        let parameters =
            parameters.map(|(name, value)| format!(", {name} is {}", words::code(value)));
        let parameters: String = parameters.collect();
        format!(
            "{}: {}{parameters}",
            words::code(&taken.route.name),
            taken.serves()
        )
    }

    fn authenticated(&self) -> String {
        let caller = self.said(|meaning| words::caller(&meaning.caller));
        match &self.seen.record.consumer {
            Some(consumer) => format!("{caller}, here of {}", words::code(consumer)),
            None => caller,
        }
    }

    fn limited(&self) -> String {
        let standing = self
            .seen
            .headers
            .iter()
            .find(|(name, _)| name == "ratelimit");
        let standing =
            standing.map(|(_, standing)| format!("; after this request {}", words::code(standing)));
        let limits = self.said(|meaning| match meaning.limits.as_slice() {
            [] => "no limits".to_owned(),
            limits => words::list(
                limits
                    .iter()
                    .map(|limit| words::limit(limit, meaning.tables)),
            ),
        });
        let plan = self.seen.record.plan.as_deref().map(|name| {
            self.said(|meaning| {
                let limits = meaning.plans.get(name);
                let limits = limits.map(Vec::as_slice).unwrap_or_default();
                format!("; {}", words::plan(name, limits, meaning.tables))
            })
        });
        let limits = limits + &plan.unwrap_or_default();
        limits + &standing.unwrap_or_default()
    }

    fn shaped(&self) -> String {
        let Some(meaning) = &self.meaning else {
            return String::new();
        };
        let answer = words::answer(&meaning.answer);
        match meaning.answer {
            Answer::Reply(_) => answer,
            Answer::Forward(Forward {
                upstream,
                timeout,
                rewrite,
                request_headers,
            }) => {
                let path = match (&self.seen.path, rewrite) {
                    (Some(path), _) => format!("as {}", words::code(path)),
                    (None, Some(_)) => format!("as {}", words::rewrite(rewrite)),
                    (None, None) => format!("with {}", words::rewrite(None)),
                };
                let mut text = format!("{answer} {path}, within {timeout}");
                if *request_headers != HeaderEdits::default() {
                    text.push_str(&format!("; {}", words::header_edits(request_headers)));
                }
                if let Some(rules) = &upstream.connector {
                    text.push_str(&format!(
                        "; its connectors let in {}",
                        words::connector(rules)
                    ));
                }
                text
            }
        }
    }
}

fn screened(meaning: &Meaning<'_>) -> String {
    match meaning.cors {
        None => "no CORS rules".to_owned(),
        Some(cors) => format!("pages that may call: {}", words::origins(&cors.origins)),
    }
}

fn authorised(meaning: &Meaning<'_>) -> String {
    let asked = meaning.caller.credentials().filter_map(|credential| {
        let (Credential::Jwt(_, scopes @ [_, ..])
        | Credential::ApiKey(_, scopes @ [_, ..])
        | Credential::Introspect(_, scopes @ [_, ..])) = credential
        else {
            return None;
        };
        let scopes = scopes.iter().map(|scope| words::code(scope));
        Some(format!("asks for {}", words::list(scopes)))
    });
    let asked: Vec<String> = asked.collect();
    let scopes = if asked.is_empty() {
        "asks for no scope".to_owned()
    } else {
        asked.join(", or ")
    };
    scopes + &words::when(meaning)
}
