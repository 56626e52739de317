//! Which other paths a request may be for, where none of the most specific path's routes takes
//! it: found in a tree of segments, so that ten thousand routes are not compared pairwise.

use std::cmp::Ordering;
use std::collections::HashMap;

use tidegate_shared::bundle::HostRoutes;
use tidegate_shared::method::MethodSet;
use tidegate_shared::pattern::{PathPattern, Segment};

use super::super::Context;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The most paths to try after another; more would make a request slow.
const MAX_OTHERS: usize = 256;

/// A place in the tree; paths that end here, complete or as a prefix.
#[derive(Default)]
struct Place<'p> {
    literals: HashMap<&'p str, Self>,
    parameters: Vec<(Segment<'p>, Self)>,
    ends: Vec<usize>,
    prefix_ends: Vec<usize>,
    /// Whether a prefix ends here or below.
    has_prefixes: bool,
}

/// Fills in `otherwise` of every entry.
pub(super) fn link(arranged: &mut HostRoutes, spans: &[Span], cx: &mut Context<'_>) {
    let mut root = Place::default();
    for (index, entry) in arranged.paths.iter().enumerate() {
        root.insert(&entry.pattern, index);
    }
    let mut links = Vec::new();
    for ((entry, span), place) in arranged.paths.iter().zip(spans).zip(0_usize..) {
        let pattern = &entry.pattern;
        let last = entry
            .routes
            .last()
            .and_then(|index| arranged.routes.get(usize::try_from(*index).ok()?));
        let takes_all = last.is_some_and(|route| {
            route.methods == MethodSet::ANY && route.headers.is_empty() && route.query.is_empty()
        });
        if takes_all {
            continue;
        }
        let segments: Vec<Segment<'_>> = pattern.segments().collect();
        let mut others = Vec::new();
        root.collect(&segments, pattern.is_prefix(), Ordering::Equal, &mut others);
        let less =
            |other: &PathPattern| other.overlaps(pattern) && other.cmp_specificity(pattern).is_lt();
        let mut others: Vec<(usize, &PathPattern)> = others
            .into_iter()
            .filter_map(|index| Some((index, &arranged.paths.get(index)?.pattern)))
            .filter(|(_, other)| less(other))
            .collect();
        if others.len() > MAX_OTHERS {
            let message = format!("more than {MAX_OTHERS} other paths overlap `{pattern}`");
            cx.diagnostics.push(
                Diagnostic::error("conflicting-path", *span, message)
                    .help("replace parameters by literals, or give the APIs hosts of their own"),
            );
            continue;
        }
        if others.is_empty() {
            continue;
        }
        others.sort_by(|(_, a), (_, b)| b.cmp_specificity(a));
        let others = others.into_iter();
        let others = others.filter_map(|(index, _)| u32::try_from(index).ok());
        links.push((place, others.collect()));
    }
    for (place, others) in links {
        if let Some(entry) = arranged.paths.get_mut(place) {
            entry.otherwise = others;
        }
    }
}

impl<'p> Place<'p> {
    fn insert(&mut self, pattern: &'p PathPattern, index: usize) {
        let mut place = self;
        for segment in pattern.segments() {
            place.has_prefixes |= pattern.is_prefix();
            place = match segment {
                Segment::Literal(literal) => place.literals.entry(literal).or_default(),
                Segment::Parameter { .. } => place.below(segment),
            };
        }
        place.has_prefixes |= pattern.is_prefix();
        if pattern.is_prefix() {
            place.prefix_ends.push(index)
        } else {
            place.ends.push(index)
        }
    }

    /// The place below a parameter. Its name tells nothing: `{a}` and `{b}` are one place.
    fn below(&mut self, segment: Segment<'p>) -> &mut Self {
        let shape = |segment: &Segment<'p>| match *segment {
            Segment::Literal(literal) => (literal, literal),
            Segment::Parameter { before, after, .. } => (before, after),
        };
        let found = self
            .parameters
            .iter()
            .position(|(other, _)| shape(other) == shape(&segment));
        let index = found.unwrap_or(self.parameters.len());
        if found.is_none() {
            self.parameters.push((segment, Place::default()));
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "the index was found or has just been pushed"
        )]
        &mut self.parameters[index].1
    }

    /// Collects candidates that may overlap a pattern of these segments and be less specific.
    ///
    /// `way` says how specific the segments that led here are beside the pattern's. Below more
    /// specific ones, prefixes alone are less specific, and only than a complete pattern.
    fn collect(
        &self,
        segments: &[Segment<'p>],
        prefix: bool,
        way: Ordering,
        others: &mut Vec<usize>,
    ) {
        let pointless = way.is_gt() && (prefix || !self.has_prefixes);
        if pointless || others.len() > MAX_OTHERS.saturating_mul(8) {
            return;
        }
        others.extend(&self.prefix_ends);
        let Some((segment, rest)) = segments.split_first() else {
            if way.is_le() {
                others.extend(&self.ends);
            }
            if prefix && way.is_lt() {
                let below = self
                    .literals
                    .values()
                    .chain(self.parameters.iter().map(|(_, place)| place));
                for place in below {
                    place.collect(&[], true, way, others);
                }
            }
            return;
        };
        match segment {
            Segment::Literal(literal) => {
                if let Some(place) = self.literals.get(literal) {
                    place.collect(rest, prefix, way, others);
                }
            }
            Segment::Parameter { .. } => {
                for place in self.literals.values() {
                    place.collect(rest, prefix, way.then(Ordering::Greater), others);
                }
            }
        }
        for (own, place) in &self.parameters {
            let way = way.then_with(|| own.cmp_specificity(segment));
            place.collect(rest, prefix, way, others);
        }
    }
}
