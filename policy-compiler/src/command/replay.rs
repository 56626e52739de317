//! `tidegate replay`

use std::fs::File;
use std::io::{BufReader, stdin};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tidegate_policy_compiler::replay::{
    Played, Read, read, render_human, render_json, render_markdown, replay,
};

use super::diff::{self, FailOn, Format};
use super::explain::Caller;
use super::{Failure, output, side};

/// Malformed lines that are shown.
const SHOWN: usize = 10;

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The policy before: a file, a folder, or a bundle
    old: PathBuf,
    /// The policy after
    new: PathBuf,
    /// The requests: access records, one JSON object a line, or an HTTP Archive; `-` for standard
    /// input
    #[arg(long, value_name = "FILE")]
    requests: PathBuf,
    /// Who made every request, in place of whom the file names: `jwt:ISSUER,subject=alice,scope=read`,
    /// or `api_key:RING,consumer=acme`
    #[arg(long = "as", value_name = "CALLER")]
    caller: Option<Caller>,
    /// How to show what came of it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Which changes make the exit status 1
    #[arg(long, value_enum, default_value_t = FailOn::Any)]
    fail_on: FailOn,
    /// The keys that bundles must be signed with
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

impl Replay {
    pub(super) fn run(&self) -> ExitCode {
        diff::status(self.compare())
    }

    fn compare(&self) -> Result<ExitCode, Failure> {
        let sides = [&self.old, &self.new].map(|path| side::policy(path, self.trust.as_deref()));
        let [old, new] = sides;
        let (old, new) = (old?, new?);
        let read = self.read()?;
        let played = |ir| {
            let caller = self.caller.as_ref();
            Ok::<_, Failure>(Played {
                ir,
                caller: caller.map(|caller| caller.resolve(ir)).transpose()?,
            })
        };
        let replayed = replay(&played(&old)?, &played(&new)?, &read.requests)?;
        let report = match self.format {
            Format::Human => render_human(&replayed),
            Format::Json => serde_json::to_string_pretty(&render_json(&replayed))?,
            Format::Markdown => render_markdown(&replayed),
        };
        output::print(report.trim_end());
        let severities = replayed.differences.iter().map(|group| group.severity);
        Ok(self.fail_on.status(severities))
    }

    fn read(&self) -> Result<Read, Failure> {
        let name = self.requests.display();
        let read = if self.requests == Path::new("-") {
            read(stdin().lock())
        } else {
            File::open(&self.requests)
                .map_err(Into::into)
                .and_then(|file| read(BufReader::new(file)))
        };
        let read = read.map_err(|error| format!("cannot read `{name}`: {error}"))?;
        for line in read.malformed.iter().take(SHOWN) {
            output::complain(&format!("warning: {name}:{line}; left out"));
        }
        let more = read.malformed.len().saturating_sub(SHOWN);
        if more > 0 {
            output::complain(&format!("warning: {name}: {more} more are left out"));
        }
        if read.requests.is_empty() {
            return Err(format!("`{name}` has no request to replay").into());
        }
        Ok(read)
    }
}
