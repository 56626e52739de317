//! `tidegate diff`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tidegate_policy_compiler::diff::{
    Severity, Side, diff, render_human, render_json, render_markdown,
};
use tidegate_policy_compiler::{compile, source};
use tidegate_shared::bundle::Bundle;
use tidegate_shared::envelope::Signed;
use tidegate_shared::trust::TrustKeys;

use super::{Failure, output};

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
enum Format {
    /// For people
    Human,
    /// One JSON document
    Json,
    /// A table for a comment
    Markdown,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FailOn {
    /// What opens something to everyone
    Exposes,
    /// That, and what allows more than before
    Loosens,
    /// All of them
    Any,
}

/// The exit status for trouble, as `diff` has it.
const TROUBLE: u8 = 2;

impl Diff {
    pub(super) fn run(&self) -> ExitCode {
        self.compare().unwrap_or_else(|failure| {
            output::complain(&format!("error: {failure}"));
            ExitCode::from(TROUBLE)
        })
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
        let least = match self.fail_on {
            FailOn::Exposes => Severity::Exposes,
            FailOn::Loosens => Severity::Loosens,
            FailOn::Any => Severity::Changes,
        };
        let fails = changes.iter().any(|change| change.severity <= least);
        Ok(if fails {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    fn side(&self, path: &Path) -> Result<Side, Failure> {
        let bundle = match signed(path)? {
            Some(signed) => self.trusted(path, signed)?,
            None => compiled(path)?,
        };
        Ok(Side::new(bundle).map_err(|error| format!("`{}`: {error}", path.display()))?)
    }

    fn trusted(&self, path: &Path, signed: Signed) -> Result<Bundle, Failure> {
        let trust = self.trust.as_ref().ok_or_else(|| {
            let path = path.display();
            format!("`{path}` is a bundle: say with `--trust FILE` whose signature it must have")
        })?;
        let trust: TrustKeys = output::read_text(trust)?.parse()?;
        let verified = signed.verify(&trust);
        Ok(verified
            .map_err(|error| format!("`{}`: {error}", path.display()))?
            .into_content())
    }
}

/// The envelope that a file holds, where it is one: it begins with the CBOR tag of COSE_Sign1
/// (RFC 9052 §2), which no policy does.
fn signed(path: &Path) -> Result<Option<Signed>, Failure> {
    const TAG: u8 = 0xD2;
    if path.is_dir() {
        return Ok(None);
    }
    let octets = std::fs::read(path)
        .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    if octets.first() != Some(&TAG) {
        return Ok(None);
    }
    let signed = Signed::parse(&octets);
    Ok(Some(signed.map_err(|error| {
        format!("`{}`: {error}", path.display())
    })?))
}

/// Compiles a policy; its warnings are for `tidegate check`.
fn compiled(path: &Path) -> Result<Bundle, Failure> {
    let sources = source::read(path)?;
    let output = compile(&sources);
    let Some(ir) = output.ir else {
        output::complain_all(&output, &sources);
        return Err(format!("`{}` does not compile", path.display()).into());
    };
    Ok(ir.bundle(1)?)
}
