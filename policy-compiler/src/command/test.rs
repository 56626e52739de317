//! `tidegate test`

mod coverage;
mod junit;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tidegate_policy_compiler::offline::{self, TestResult};

use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Test {
    /// A policy file, or a folder of them
    path: PathBuf,
    /// How to show the results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Show too which routes the tests reach
    #[arg(long)]
    coverage: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// JUnit's XML, for CI systems
    Junit,
}

impl Test {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let (Some(ir), sources) = output::compile_shown(&self.path)? else {
            return Ok(ExitCode::FAILURE);
        };
        let results = offline::run(&ir)?;
        let coverage = self
            .coverage
            .then(|| coverage::table(&offline::coverage(&ir, &results), &sources));
        match self.format {
            Format::Human => {
                output::print(&report(&results));
                if let Some(coverage) = coverage {
                    output::print(&format!("\n{}", coverage.trim_end()));
                }
            }
            Format::Junit => output::print(junit::report(&ir.name, &results, coverage)?.trim_end()),
        }
        Ok(if results.iter().all(|result| result.failures.is_empty()) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn report(results: &[TestResult]) -> String {
    let mut report = String::new();
    let mut failed = 0_usize;
    for TestResult { name, failures, .. } in results {
        let outcome = if failures.is_empty() { "ok  " } else { "FAIL" };
        report.push_str(&format!("{outcome} {name}\n"));
        for failure in failures {
            report.push_str(&format!("       {failure}\n"));
        }
        failed = failed.saturating_add(usize::from(!failures.is_empty()));
    }
    let passed = results.len().saturating_sub(failed);
    report + &format!("\n{passed} passed, {failed} failed")
}
