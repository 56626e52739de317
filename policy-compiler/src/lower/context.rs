//! What lowering needs everywhere: the sources, the findings, and what was referred to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tidegate_shared::units::Span as TimeSpan;

use super::ir::Expiry;
use crate::decode::{Named, Parsed};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{self, Source, Span, Spanned};

/// What lowering needs everywhere.
pub(crate) struct Context<'c> {
    pub(super) sources: &'c [Source],
    pub(crate) diagnostics: &'c mut Diagnostics,
    /// Definitions that something refers to, by kind and place: the others are unused.
    pub(super) used: BTreeSet<(&'static str, usize)>,
    pub(super) expiries: Vec<Expiry>,
}

impl Context<'_> {
    pub(crate) fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.diagnostics
            .push(Diagnostic::error(code, span, message));
    }

    /// The index of a definition.
    pub(super) fn resolve<T>(
        &mut self,
        kind: &'static str,
        name: &Spanned<String>,
        definitions: &Named<T>,
    ) -> Option<u32> {
        let found = definitions.position(name);
        if found.is_none() && !definitions.is_broken(name) {
            let message = format!("there is no {kind} `{}`", name.value);
            let diagnostic = Diagnostic::error("unknown-reference", name.span, message);
            self.diagnostics
                .push(diagnostic.suggest(name, definitions.names()));
        }
        let found = found?;
        self.used.insert((kind, found));
        u32::try_from(found).ok()
    }

    /// Warns of what nothing refers to; not beside errors, which a reference may hide behind.
    pub(super) fn warn_unused<T>(&mut self, kind: &'static str, definitions: &Named<T>) {
        if self.diagnostics.has_errors() {
            return;
        }
        for (place, (name, _)) in definitions.iter().enumerate() {
            if !self.used.contains(&(kind, place)) {
                let message = format!("the {kind} `{}` is never used", name.value);
                self.diagnostics
                    .push(Diagnostic::warning("unused-definition", name.span, message));
            }
        }
    }

    /// Names go into records, file names and variables: they are kept simple.
    pub(super) fn check_names<T>(&mut self, kind: &str, definitions: &Named<T>) {
        for (name, _) in definitions.iter() {
            if !is_name(name) {
                let message = format!("`{}` is not a name for {kind}", name.value);
                self.diagnostics
                    .push(Diagnostic::error("invalid-value", name.span, message).help(
                        "use a small letter, then small letters, digits and `-`, at most 64 in all",
                    ));
            }
        }
    }

    /// Reads a file that a policy names, relative to that policy file.
    pub(super) fn read(&mut self, name: &Spanned<String>) -> Option<Vec<u8>> {
        let policy = self
            .sources
            .get(name.span.file())
            .map_or(Path::new(""), |source| &source.path);
        let path: PathBuf = policy.parent().unwrap_or(Path::new("")).join(&name.value);
        let too_large =
            std::fs::metadata(&path).is_ok_and(|data| data.len() > source::MAX_FILE as u64);
        if too_large {
            self.error(
                "file-too-large",
                name.span,
                format!("`{}` is larger than 1 MiB", path.display()),
            );
            return None;
        }
        match std::fs::read(&path) {
            Ok(content) => Some(content),
            Err(error) => {
                let message = format!("cannot read `{}`: {error}", path.display());
                self.error("file-not-found", name.span, message);
                None
            }
        }
    }

    /// A span of time within bounds, or the default.
    pub(super) fn time(
        &mut self,
        value: Option<&Parsed<TimeSpan>>,
        default: u64,
        most: u64,
    ) -> TimeSpan {
        let Some(value) = value else {
            return TimeSpan(default);
        };
        if value.value.0 == 0 || value.value.0 > most {
            let message = format!(
                "`{}` is out of range: at least 1ms, at most {}",
                value.value,
                TimeSpan(most)
            );
            self.error("invalid-value", value.span, message);
        }
        value.value
    }
}

pub(super) fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
