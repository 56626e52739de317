//! Which other paths a request may be for, where none of the most specific path's routes takes
//! it: found in a tree of segments, so that ten thousand routes are not compared pairwise.

use std::cmp::Ordering;
use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;
use tidegate_shared::bundle::HostRoutes;
use tidegate_shared::method::MethodSet;
use tidegate_shared::pattern::{PathPattern, Segment};

use super::super::Context;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The most paths to try after another; more would make a request slow.
const MAX_OTHERS: usize = 256;

/// A tree of segments. Places refer to each other by their index, so that a tree is few pieces of
/// memory, however large it is.
struct Tree<'p> {
    /// Invariant: never empty; the first is the root.
    places: Vec<Place<'p>>,
    /// What is below a place by a literal.
    literals: HashMap<(usize, &'p str), usize, FxBuildHasher>,
}

/// A place in the tree; paths that end here, complete or as a prefix.
#[derive(Default)]
struct Place<'p> {
    /// The one of the places below by literals that was added last, and the one that was added
    /// before this one to the same place.
    last_literal: Option<usize>,
    sibling: Option<usize>,
    parameters: Vec<(Segment<'p>, usize)>,
    ends: SmallVec<[usize; 2]>,
    prefix_ends: SmallVec<[usize; 2]>,
    /// Whether a prefix ends here or below.
    has_prefixes: bool,
}

/// Fills in `otherwise` of every entry.
pub(super) fn link(arranged: &mut HostRoutes, spans: &[Span], cx: &mut Context<'_>) {
    let mut tree = Tree::of_many(arranged.paths.len());
    for (index, entry) in arranged.paths.iter().enumerate() {
        tree.insert(&entry.pattern, index);
    }
    let mut links = Vec::new();
    let (mut segments, mut found) = (Vec::new(), Vec::new());
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
        segments.clear();
        segments.extend(pattern.segments());
        found.clear();
        tree.collect(
            0,
            &segments,
            pattern.is_prefix(),
            Ordering::Equal,
            &mut found,
        );
        let less =
            |other: &PathPattern| other.overlaps(pattern) && other.cmp_specificity(pattern).is_lt();
        let mut others: Vec<(usize, &PathPattern)> = found
            .iter()
            .filter(|index| **index != place)
            .filter_map(|index| Some((*index, &arranged.paths.get(*index)?.pattern)))
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
        // Of equals, which no request is for both, the order is that of the paths.
        others.sort_unstable_by(|(at, a), (other, b)| b.cmp_specificity(a).then(at.cmp(other)));
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

impl<'p> Tree<'p> {
    /// Empty, and about so many paths to come.
    fn of_many(paths: usize) -> Self {
        let mut places = Vec::with_capacity(paths.saturating_add(1));
        places.push(Place::default());
        Self {
            places,
            literals: HashMap::with_capacity_and_hasher(paths, FxBuildHasher),
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "indices are of places that have been pushed, and none is ever removed"
    )]
    fn insert(&mut self, pattern: &'p PathPattern, index: usize) {
        let is_prefix = pattern.is_prefix();
        let mut at = 0;
        for segment in pattern.segments() {
            self.places[at].has_prefixes |= is_prefix;
            at = match segment {
                Segment::Literal(literal) => {
                    let new = self.places.len();
                    let below = *self.literals.entry((at, literal)).or_insert(new);
                    if below == new {
                        let sibling = self.places[at].last_literal.replace(new);
                        self.places.push(Place {
                            sibling,
                            ..Place::default()
                        });
                    }
                    below
                }
                Segment::Parameter { .. } => self.below(at, segment),
            };
        }
        let place = &mut self.places[at];
        place.has_prefixes |= is_prefix;
        if is_prefix {
            place.prefix_ends.push(index)
        } else {
            place.ends.push(index)
        }
    }

    /// The place below a parameter. Its name tells nothing: `{a}` and `{b}` are one place.
    #[expect(
        clippy::indexing_slicing,
        reason = "indices are of places that have been pushed, and none is ever removed"
    )]
    fn below(&mut self, at: usize, segment: Segment<'p>) -> usize {
        let shape = |segment: &Segment<'p>| match *segment {
            Segment::Literal(literal) => (literal, literal),
            Segment::Parameter { before, after, .. } => (before, after),
        };
        let mut parameters = self.places[at].parameters.iter();
        let found = parameters.find(|(other, _)| shape(other) == shape(&segment));
        if let Some((_, found)) = found {
            return *found;
        }
        let new = self.places.len();
        self.places[at].parameters.push((segment, new));
        self.places.push(Place::default());
        new
    }

    /// The places below one by its literals.
    fn literals(&self, place: &Place<'p>) -> impl Iterator<Item = usize> {
        let sibling = |at: &usize| self.places.get(*at)?.sibling;
        std::iter::successors(place.last_literal, sibling)
    }

    /// Collects candidates that may overlap a pattern of these segments and be less specific.
    ///
    /// `way` says how specific the segments that led here are beside the pattern's. Below more
    /// specific ones, prefixes alone are less specific, and only than a complete pattern.
    fn collect(
        &self,
        at: usize,
        segments: &[Segment<'p>],
        prefix: bool,
        way: Ordering,
        others: &mut Vec<usize>,
    ) {
        let Some(place) = self.places.get(at) else {
            return;
        };
        let pointless = way.is_gt() && (prefix || !place.has_prefixes);
        if pointless || others.len() > MAX_OTHERS.saturating_mul(8) {
            return;
        }
        others.extend(&place.prefix_ends);
        let parameters = place.parameters.iter();
        let Some((segment, rest)) = segments.split_first() else {
            if way.is_le() {
                others.extend(&place.ends);
            }
            if prefix && way.is_lt() {
                let below = self.literals(place).chain(parameters.map(|(_, at)| *at));
                for at in below {
                    self.collect(at, &[], true, way, others);
                }
            }
            return;
        };
        match segment {
            Segment::Literal(literal) => {
                if let Some(below) = self.literals.get(&(at, *literal)) {
                    self.collect(*below, rest, prefix, way, others);
                }
            }
            Segment::Parameter { .. } => {
                for below in self.literals(place) {
                    self.collect(below, rest, prefix, way.then(Ordering::Greater), others);
                }
            }
        }
        for (own, below) in parameters {
            let way = way.then_with(|| own.cmp_specificity(segment));
            self.collect(*below, rest, prefix, way, others);
        }
    }
}
