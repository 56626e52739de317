//! Mappings that are being filled.

use std::borrow::Cow;
use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

use super::{Entry, Node};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};

/// The entries of a mapping, each key once.
#[derive(Default)]
pub(super) struct Entries<'t> {
    pub(super) entries: Vec<Entry<'t>>,
    /// Where the keys are, once they are more than [`Self::FEW`].
    places: HashMap<Cow<'t, str>, usize, FxBuildHasher>,
}

impl<'t> Entries<'t> {
    /// So many keys are compared faster than looked up.
    const FEW: usize = 16;

    pub(super) fn add(
        &mut self,
        key: Spanned<Cow<'t, str>>,
        node: Node<'t>,
        diagnostics: &mut Diagnostics,
    ) {
        if let Some(first) = self.place(&key.value) {
            let message = format!("the key `{}` stands twice", key.value);
            diagnostics.push(
                Diagnostic::error("duplicate-key", key.span, message)
                    .label("again here")
                    .related(first, "first here"),
            );
            return;
        }
        self.entries.push((key, node));
    }

    /// Where a key stands already.
    fn place(&mut self, key: &str) -> Option<Span> {
        let found = if self.entries.len() <= Self::FEW {
            self.entries.iter().position(|(own, _)| own.value == key)
        } else {
            let unknown = self.entries.iter().enumerate().skip(self.places.len());
            self.places
                .extend(unknown.map(|(place, (own, _))| (own.value.clone(), place)));
            self.places.get(key).copied()
        };
        self.entries.get(found?).map(|(own, _)| own.span)
    }
}
