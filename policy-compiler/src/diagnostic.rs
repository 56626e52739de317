//! Diagnostics: what is wrong, where, and what would be right. All of them at once.

mod human;
mod json;
mod sarif;

use serde::Serialize;

use crate::source::Span;

pub use human::render as render_human;
pub use json::render as render_json;
pub use sarif::render as render_sarif;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Worth a look; the policy compiles.
    Warning,
    /// The policy does not compile.
    Error,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable name of the kind of finding.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What to say at the place itself.
    pub label: String,
    /// Other places that explain it.
    pub related: Vec<(Span, String)>,
    /// What would be right.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            span,
            label: String::new(),
            related: Vec::new(),
            help: None,
        }
    }

    /// A warning.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, span, message)
        }
    }

    /// A note.
    pub fn note(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::error(code, span, message)
        }
    }

    /// Says something at the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Points at another place.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// Says what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says which of the known names was probably meant, or lists them.
    #[must_use]
    pub fn suggest<'n>(self, name: &str, known: impl IntoIterator<Item = &'n str>) -> Self {
        match suggestion(name, known) {
            Some(help) => self.help(help),
            None => self,
        }
    }
}

/// Which of the known names was probably meant, or all of them.
pub(crate) fn suggestion<'n>(
    name: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    let distance = |candidate: &&str| strsim::damerau_levenshtein(name, candidate);
    let nearest = known.iter().copied().min_by_key(distance)?;
    let tolerance = (name.chars().count() / 3).max(2);
    if distance(&nearest) <= tolerance {
        Some(format!("did you mean `{nearest}`?"))
    } else {
        (known.len() <= 24).then(|| format!("known here: `{}`", known.join("`, `")))
    }
}

/// All findings of a run.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

/// More findings than this help nobody.
const MAX_FINDINGS: usize = 1_000;

impl Diagnostics {
    /// Adds one, unless it is there already: what an API says is read for each of its routes.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.0.len() < MAX_FINDINGS && !self.0.contains(&diagnostic) {
            self.0.push(diagnostic);
        }
    }

    /// Adds more, and puts all in the order of the places.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Diagnostic>) {
        more.into_iter()
            .for_each(|diagnostic| self.push(diagnostic));
        self.sort();
    }

    /// Whether one is an error.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many there are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.0
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    }

    /// In the order of the places.
    pub fn sort(&mut self) {
        self.0
            .sort_by_key(|diagnostic| (diagnostic.span.file(), diagnostic.span.start()));
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }
}
