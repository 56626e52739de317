//! `tidegate fmt`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tidegate_policy_compiler::format::{FormatError, format};
use tidegate_policy_compiler::{diagnostic, files, source};

use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Fmt {
    /// A policy file, or a folder of them
    path: PathBuf,
    /// Change nothing; name the files that would change, and exit with 1 where there are any
    #[arg(long)]
    check: bool,
}

impl Fmt {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let mut outcome = ExitCode::SUCCESS;
        for source in source::read(&self.path)? {
            let laid_out = match format(&source) {
                Ok(laid_out) => laid_out,
                Err(error) => {
                    if let FormatError::Malformed(_, diagnostics) = &error {
                        let sources = std::slice::from_ref(&source);
                        let report = diagnostic::render_human(diagnostics, sources, false);
                        output::complain(report.trim_end());
                    }
                    output::complain(&format!("error: {error}"));
                    outcome = ExitCode::FAILURE;
                    continue;
                }
            };
            if laid_out == source.text {
                continue;
            }
            output::print(&source.path.display().to_string());
            if self.check {
                outcome = ExitCode::FAILURE;
            } else {
                let written = files::write(&source.path, laid_out.as_bytes());
                written.map_err(|error| {
                    format!("cannot write `{}`: {error}", source.path.display())
                })?;
            }
        }
        Ok(outcome)
    }
}
