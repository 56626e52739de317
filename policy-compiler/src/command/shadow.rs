//! `tidegate shadow`

use std::fs::File;
use std::io::stdin;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tidegate_policy_compiler::replay::{
    Watched, render_human, render_json, render_markdown, watched,
};

use super::diff::{self, FailOn, Format};
use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Shadow {
    /// Access records, one JSON object a line; `-` for standard input
    records: PathBuf,
    /// How to show what would be different
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Which differences make the exit status 1
    #[arg(long, value_enum, default_value_t = FailOn::Any)]
    fail_on: FailOn,
}

impl Shadow {
    pub(super) fn run(&self) -> ExitCode {
        diff::status(self.report())
    }

    fn report(&self) -> Result<ExitCode, Failure> {
        let name = self.records.display();
        let read = if self.records == Path::new("-") {
            watched(stdin().lock())
        } else {
            File::open(&self.records).and_then(watched)
        };
        let Watched {
            replay,
            bundles,
            malformed,
        } = read.map_err(|error| format!("cannot read `{name}`: {error}"))?;
        if malformed > 0 {
            output::complain(&format!("warning: {name}: {malformed} lines are left out"));
        }
        if replay.requests == 0 {
            return Err(format!("`{name}` has no access record").into());
        }
        if bundles.len() > 1 {
            let bundles = bundles.len();
            output::complain(&format!(
                "warning: {name}: {bundles} bundles were in shadow"
            ));
        }
        let report = match self.format {
            Format::Human => render_human(&replay),
            Format::Json => serde_json::to_string_pretty(&render_json(&replay))?,
            Format::Markdown => render_markdown(&replay),
        };
        output::print(report.trim_end());
        let severities = replay.differences.iter().map(|group| group.severity);
        Ok(self.fail_on.status(severities))
    }
}
