//! One segment of a pattern, and how two of them relate.

use std::cmp::Ordering;

/// One segment of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment<'a> {
    /// Matches itself.
    Literal(&'a str),
    /// Matches one non-empty segment part between a literal beginning and a literal end, both
    /// possibly empty.
    Parameter {
        /// What the segment begins with.
        before: &'a str,
        /// The parameter's name.
        name: &'a str,
        /// What the segment ends with.
        after: &'a str,
    },
}

impl<'a> Segment<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let parameter = cut(text, b'{').and_then(|(before, rest)| {
            cut(rest, b'}').map(|(name, after)| Self::Parameter {
                before,
                name,
                after,
            })
        });
        parameter.unwrap_or(Self::Literal(text))
    }

    /// The captured value (or `""` for a literal) where the segment matches.
    pub(super) fn capture<'p>(&self, segment: &'p str) -> Option<&'p str> {
        match *self {
            Self::Literal(literal) => (literal == segment).then_some(""),
            Self::Parameter { before, after, .. } => segment
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after))
                .filter(|value| !value.is_empty()),
        }
    }

    /// Greater is more specific: a literal, a parameter with literal parts (a longer literal end
    /// first, then a longer beginning, as the router tries them), a bare parameter.
    pub(super) fn rank(&self) -> (u8, usize, usize) {
        match *self {
            Self::Literal(_) => (3, 0, 0),
            Self::Parameter {
                before: "",
                after: "",
                ..
            } => (1, 0, 0),
            Self::Parameter { before, after, .. } => (2, after.len(), before.len()),
        }
    }

    /// The more specific of two segments is greater: see [`PathPattern::cmp_specificity`](super::PathPattern::cmp_specificity).
    pub fn cmp_specificity(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }

    /// Whether some text matches both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Literal(_), Self::Literal(_)) => self == other,
            (Self::Literal(literal), Self::Parameter { .. }) => other.capture(literal).is_some(),
            (Self::Parameter { .. }, Self::Literal(literal)) => self.capture(literal).is_some(),
            (
                Self::Parameter {
                    before: b1,
                    after: a1,
                    ..
                },
                Self::Parameter {
                    before: b2,
                    after: a2,
                    ..
                },
            ) => {
                (b1.starts_with(b2) || b2.starts_with(b1)) && (a1.ends_with(a2) || a2.ends_with(a1))
            }
        }
    }

    /// Whether every text that matches `other` matches `self` too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Literal(_), Self::Literal(_)) => self == other,
            (Self::Literal(_), Self::Parameter { .. }) => false,
            (Self::Parameter { .. }, Self::Literal(literal)) => self.capture(literal).is_some(),
            (
                Self::Parameter {
                    before: b1,
                    after: a1,
                    ..
                },
                Self::Parameter {
                    before: b2,
                    after: a2,
                    ..
                },
            ) => b2.starts_with(b1) && a2.ends_with(a1),
        }
    }
}

/// What stands before and after the first octet of this value. Short texts, as these are, are looked
/// through faster than searched.
pub(super) fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let before = text.bytes().position(|octet| octet == at)?;
    Some((text.get(..before)?, text.get(before.checked_add(1)?..)?))
}
