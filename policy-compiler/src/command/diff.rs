//! `tidegate diff`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tidegate_policy_compiler::diff::{
    Severity, Side, diff, render_human, render_json, render_markdown,
};

use super::{Failure, output, side};

#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The policy before: a file, a folder, or a bundle
    old: PathBuf,
    /// The policy after
    new: PathBuf,
    /// How to show the changes
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Which changes make the exit status 1
    #[arg(long, value_enum, default_value_t = FailOn::Any)]
    fail_on: FailOn,
    /// The keys that bundles must be signed with
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// For people
    Human,
    /// One JSON document
    Json,
    /// A table for a comment
    Markdown,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum FailOn {
    /// What opens something to everyone
    Exposes,
    /// That, and what allows more than before
    Loosens,
    /// All of them
    Any,
}

impl FailOn {
    /// The exit status for changes of these severities.
    pub(super) fn status(self, mut severities: impl Iterator<Item = Severity>) -> ExitCode {
        let mildest = match self {
            Self::Exposes => Severity::Exposes,
            Self::Loosens => Severity::Loosens,
            Self::Any => Severity::Changes,
        };
        if severities.any(|severity| severity <= mildest) {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// The exit status of a comparison: for trouble another one than for changes, as `diff` has it.
pub(super) fn status(compared: Result<ExitCode, Failure>) -> ExitCode {
    compared.unwrap_or_else(|failure| {
        output::complain(&format!("error: {failure}"));
        ExitCode::from(TROUBLE)
    })
}

const TROUBLE: u8 = 2;

impl Diff {
    pub(super) fn run(&self) -> ExitCode {
        status(self.compare())
    }

    fn compare(&self) -> Result<ExitCode, Failure> {
        let changes = diff(&self.side(&self.old)?, &self.side(&self.new)?);
        let report = match self.format {
            Format::Human => render_human(&changes),
            Format::Json => serde_json::to_string_pretty(&render_json(&changes))?,
            Format::Markdown => render_markdown(&changes),
        };
        if !report.is_empty() {
            output::print(report.trim_end());
        }
        let severities = changes.iter().map(|change| change.severity);
        Ok(self.fail_on.status(severities))
    }

    fn side(&self, path: &Path) -> Result<Side, Failure> {
        let bundle = side::bundle(path, self.trust.as_deref())?;
        Ok(Side::new(bundle).map_err(|error| format!("`{}`: {error}", path.display()))?)
    }
}
