//! Paths to ask an operation by: several values for each of its parameters, among them the
//! literals that stand at the same place in other operations' paths, and near misses of them.
//!
//! Which operation a path means is judged here, naïvely and without the compiler's code: a path
//! that belongs to another operation of the same method is no probe.

use std::collections::BTreeSet;

/// Values that say nothing.
const PLAIN: [&str; 6] = ["7", "Z-9_x", "a.b", "~", "%20", "caf%C3%A9"];

/// A path template, segment by segment.
pub(crate) struct Template(Vec<Segment>);

#[derive(PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// What stands before and after the one parameter.
    Parameter(String, String),
}

impl Segment {
    fn of(text: &str) -> Self {
        let parts = text
            .split_once('{')
            .and_then(|(before, rest)| Some((before, rest.split_once('}')?.1)));
        match parts {
            Some((before, after)) => Self::Parameter(before.to_owned(), after.to_owned()),
            None => Self::Literal(text.to_owned()),
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Literal(literal) => literal == text,
            Self::Parameter(before, after) => text
                .strip_prefix(before.as_str())
                .and_then(|rest| rest.strip_suffix(after.as_str()))
                .is_some_and(|value| !value.is_empty()),
        }
    }

    fn filled(&self, value: &str) -> String {
        match self {
            Self::Literal(literal) => literal.clone(),
            Self::Parameter(before, after) => format!("{before}{value}{after}"),
        }
    }
}

impl Template {
    pub(crate) fn of(path: &str) -> Self {
        Self(path.split('/').skip(1).map(Segment::of).collect())
    }

    fn matches(&self, path: &str) -> bool {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        segments.len() == self.0.len()
            && self
                .0
                .iter()
                .zip(segments)
                .all(|(own, text)| own.matches(text))
    }

    /// Segment by segment from the left, a literal beats a partly literal segment beats a
    /// parameter.
    fn rank(&self) -> Vec<u8> {
        let rank = |segment: &Segment| match segment {
            Segment::Literal(_) => 2,
            Segment::Parameter(before, after) => u8::from(!(before.is_empty() && after.is_empty())),
        };
        self.0.iter().map(rank).collect()
    }

    /// The path with one parameter's value varied.
    fn path(&self, varied: usize, value: &str) -> String {
        let segments = self.0.iter().enumerate();
        segments
            .map(|(index, segment)| {
                let value = if index == varied { value } else { "p1" };
                format!("/{}", segment.filled(value))
            })
            .collect()
    }

    /// The literals that stand where this template has a parameter, after the same segments.
    fn siblings<'t>(&self, place: usize, all: &'t [Self]) -> BTreeSet<&'t str> {
        let literal = |other: &'t Self| {
            let same = other.0.get(..place)? == self.0.get(..place)?;
            match other.0.get(place)? {
                Segment::Literal(literal) if same => Some(literal.as_str()),
                Segment::Literal(_) | Segment::Parameter(..) => None,
            }
        };
        all.iter().filter_map(literal).collect()
    }

    /// The paths to ask by. `all` are the templates of the API, `rivals` those of this method.
    pub(crate) fn probes(&self, all: &[Self], rivals: &[Self]) -> BTreeSet<String> {
        let mut paths = BTreeSet::from([self.path(usize::MAX, "")]);
        for (place, segment) in self.0.iter().enumerate() {
            if matches!(segment, Segment::Literal(_)) {
                continue;
            }
            paths.extend(PLAIN.map(|value| self.path(place, value)));
            for literal in self.siblings(place, all).iter().filter(|s| !s.is_empty()) {
                let mut shorter = (*literal).to_owned();
                shorter.pop();
                let near = [
                    format!("{literal}x"),
                    format!("x{literal}"),
                    shorter,
                    (*literal).to_owned(),
                ];
                let near = near.iter().filter(|value| !value.is_empty());
                paths.extend(near.map(|value| self.path(place, value)));
            }
        }
        // The most specific match owns a path; one match is this template itself.
        paths.retain(|path| {
            let matching = rivals.iter().filter(|rival| rival.matches(path));
            matching.filter(|rival| rival.rank() >= self.rank()).count() == 1
        });
        paths
    }
}
