//! `tidegate test`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tidegate_policy_compiler::offline;

use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Test {
    /// A policy file, or a folder of them
    path: PathBuf,
}

impl Test {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let (Some(ir), _) = output::compile_shown(&self.path)? else {
            return Ok(ExitCode::FAILURE);
        };
        let results = offline::run(&ir)?;
        let mut failed = 0_usize;
        for result in &results {
            output::print(&format!(
                "{} {}",
                if result.failures.is_empty() {
                    "ok  "
                } else {
                    "FAIL"
                },
                result.name
            ));
            for failure in &result.failures {
                output::print(&format!("       {failure}"));
            }
            failed = failed.saturating_add(usize::from(!result.failures.is_empty()));
        }
        output::print(&format!(
            "\n{} passed, {failed} failed",
            results.len().saturating_sub(failed)
        ));
        Ok(if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
