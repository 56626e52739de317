//! Path patterns of routes: literals, parameters, prefixes, and which of two is more specific.

mod segment;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::path;
pub use segment::Segment;

/// The most segments a pattern may have.
pub const MAX_SEGMENTS: usize = 64;
/// The most parameters a pattern may have: with more than 25 a `matchit` router panics.
pub const MAX_PARAMETERS: usize = 16;

/// A path pattern: `/v1/accounts`, `/v1/accounts/{id}`, `/reports/{id}.json`, or, with a final
/// `/*`, that path and everything under it.
///
/// Invariant: literals are in the normal form of [`path::normalise`], parameters are named
/// uniquely, a segment holds at most one parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPattern(String);

impl PathPattern {
    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether everything under the path matches too.
    pub fn is_prefix(&self) -> bool {
        self.0.ends_with("/*")
    }

    /// The pattern without the final `/*`: `""` for `/*` itself.
    fn base(&self) -> &str {
        self.0.strip_suffix("/*").unwrap_or(&self.0)
    }

    /// The segments, without the final `*` of a prefix.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let mut rest = self.base().get(1..);
        std::iter::from_fn(move || {
            let text = rest?;
            let cut = segment::cut(text, b'/');
            rest = cut.map(|(_, rest)| rest);
            Some(Segment::of(cut.map_or(text, |(segment, _)| segment)))
        })
    }

    /// The names of the parameters, from left to right.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Parameter { name, .. } => Some(name),
        })
    }

    /// The pattern without its parameters' names: two patterns of one skeleton match the same
    /// paths.
    pub fn skeleton(&self) -> String {
        let mut skeleton = String::with_capacity(self.0.len());
        let mut rest = self.as_str();
        // By the invariant braces are around names, and nowhere else.
        while let Some((before, after)) = segment::cut(rest, b'{') {
            skeleton.push_str(before);
            skeleton.push_str("{}");
            rest = segment::cut(after, b'}').map_or("", |(_name, rest)| rest);
        }
        skeleton + rest
    }

    /// What to insert into a `matchit` router, so that it leads here. Complete patterns and
    /// prefixes go into separate routers: of two kinds at one place `matchit` holds only one.
    pub fn router_paths(&self) -> Vec<String> {
        let base = self.base();
        if self.is_prefix() {
            let bare = Some(base.to_owned()).filter(|base| !base.is_empty());
            bare.into_iter()
                .chain([format!("{base}/"), format!("{base}/{{*rest}}")])
                .collect()
        } else {
            vec![base.to_owned()]
        }
    }

    /// Matches a normalised path. Gives the parameters' values in order and, for a prefix, what
    /// lies under it (without the slash between); `None` where it does not match.
    pub fn captures<'p>(&self, path: &'p str) -> Option<Captures<'_, 'p>> {
        let mut captures = Captures {
            parameters: Vec::new(),
            rest: "",
        };
        let mut remaining = path;
        for segment in self.segments() {
            let after_slash = remaining.strip_prefix('/')?;
            let end = after_slash.find('/').unwrap_or(after_slash.len());
            let (part, rest) = after_slash.split_at_checked(end)?;
            let value = segment.capture(part)?;
            if let Segment::Parameter { name, .. } = segment {
                captures.parameters.push((name, value));
            }
            remaining = rest;
        }
        if !self.is_prefix() {
            return remaining.is_empty().then_some(captures);
        }
        if !remaining.is_empty() {
            captures.rest = remaining.strip_prefix('/')?;
        }
        Some(captures)
    }

    /// The more specific of two patterns is greater: a complete pattern before a prefix, then
    /// segment by segment from the left a literal, a partly literal segment, a parameter, and
    /// last the end of a prefix. Patterns that no path can match both may compare equal.
    pub fn cmp_specificity(&self, other: &Self) -> Ordering {
        let complete_first = other.is_prefix().cmp(&self.is_prefix());
        complete_first.then_with(|| {
            self.segments()
                .map(|s| s.rank())
                .cmp(other.segments().map(|s| s.rank()))
        })
    }

    /// Whether some path matches both.
    pub fn overlaps(&self, other: &Self) -> bool {
        match self.walk(other, Segment::overlaps) {
            None => false,
            Some(Ended::Both) => true,
            Some(Ended::Mine) => self.is_prefix(),
            Some(Ended::Theirs) => other.is_prefix(),
        }
    }

    /// Whether every path that matches `other` matches `self` too.
    pub fn covers(&self, other: &Self) -> bool {
        match self.walk(other, Segment::covers) {
            None | Some(Ended::Theirs) => false,
            Some(Ended::Both) => self.is_prefix() || !other.is_prefix(),
            Some(Ended::Mine) => self.is_prefix(),
        }
    }

    /// Walks both patterns as long as each pair of segments agrees; `None` where one does not.
    fn walk<'a>(
        &'a self,
        other: &'a Self,
        agree: fn(&Segment<'a>, &Segment<'a>) -> bool,
    ) -> Option<Ended> {
        let (mut mine, mut theirs) = (self.segments(), other.segments());
        loop {
            match (mine.next(), theirs.next()) {
                (Some(a), Some(b)) if agree(&a, &b) => {}
                (Some(_), Some(_)) => return None,
                (None, None) => return Some(Ended::Both),
                (None, Some(_)) => return Some(Ended::Mine),
                (Some(_), None) => return Some(Ended::Theirs),
            }
        }
    }
}

/// Which of two patterns ended first.
enum Ended {
    Both,
    Mine,
    Theirs,
}

/// What a pattern captured of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captures<'n, 'p> {
    /// Name and value of each parameter, from left to right; values stay percent-encoded.
    pub parameters: Vec<(&'n str, &'p str)>,
    /// What lies under a prefix, without the slash between.
    pub rest: &'p str,
}

/// Why a text is no path pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// The literal parts are no valid path.
    #[error("`{0}` is not a path: {1}")]
    Path(String, path::InvalidPath),
    /// It is not in normal form, which is given.
    #[error("`{0}` is not in normal form: write `{1}`")]
    NotNormal(String, String),
    /// A brace is missing, or a segment holds two parameters.
    #[error("`{0}` is not a valid segment: a segment holds at most one `{{name}}`")]
    Segment(String),
    /// A parameter's name is empty or has other characters than letters, digits, `_`, `-`, `.`.
    #[error("`{0}` is not a parameter name: use letters, digits, `_`, `-` and `.`")]
    Name(String),
    /// Two parameters of one name.
    #[error("the parameter `{0}` stands twice")]
    RepeatedName(String),
    /// A `*` that is not the whole last segment.
    #[error("`{0}` has a `*` that is not its whole last segment: only a final `/*` is a prefix")]
    Star(String),
    /// More than [`MAX_SEGMENTS`] segments.
    #[error("`{0}` has more than {MAX_SEGMENTS} segments")]
    TooLong(String),
    /// More than [`MAX_PARAMETERS`] parameters.
    #[error("`{0}` has more than {MAX_PARAMETERS} parameters")]
    TooManyParameters(String),
}

impl FromStr for PathPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for PathPattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        let pattern = Self(text);
        let text = pattern.as_str();
        if pattern.base().contains('*') {
            return Err(InvalidPattern::Star(text.to_owned()));
        }
        if text.bytes().filter(|octet| *octet == b'/').count() >= MAX_SEGMENTS {
            return Err(InvalidPattern::TooLong(text.to_owned()));
        }
        let brace = |octet| matches!(octet, b'{' | b'}');
        if !path::is_normal_beside(text, brace) {
            // A letter in each one's place leaves the rest to judge.
            let literal = text.replace(['{', '}'], "x");
            let normal = path::normalise(&literal)
                .map_err(|error| InvalidPattern::Path(text.to_owned(), error))?;
            if normal != literal {
                return Err(InvalidPattern::NotNormal(
                    text.to_owned(),
                    normal.into_owned(),
                ));
            }
        }
        if !text.bytes().any(brace) {
            return Ok(pattern);
        }
        let mut names = Vec::new();
        for part in pattern.base().split('/') {
            match Segment::of(part) {
                Segment::Literal(literal) if literal.contains(['{', '}']) => {
                    return Err(InvalidPattern::Segment(part.to_owned()));
                }
                Segment::Literal(_) => {}
                Segment::Parameter {
                    before,
                    name,
                    after,
                } => {
                    if before.contains('}') || after.contains(['{', '}']) {
                        return Err(InvalidPattern::Segment(part.to_owned()));
                    }
                    let valid =
                        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
                    if name.is_empty() || !name.bytes().all(valid) {
                        return Err(InvalidPattern::Name(name.to_owned()));
                    }
                    if names.contains(&name) {
                        return Err(InvalidPattern::RepeatedName(name.to_owned()));
                    }
                    if names.len() == MAX_PARAMETERS {
                        return Err(InvalidPattern::TooManyParameters(text.to_owned()));
                    }
                    names.push(name);
                }
            }
        }
        Ok(pattern)
    }
}

impl From<PathPattern> for String {
    fn from(pattern: PathPattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
