//! `tidegate check`

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tidegate_policy_compiler::analysis::analyse;
use tidegate_policy_compiler::{compile, connector_promise, diagnostic, promise, source};

use super::channel::now;
use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Check {
    /// A policy file, or a folder of them
    path: PathBuf,
    /// How to show what was found
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people, on standard error
    Human,
    /// One JSON object a finding, on standard output
    Json,
    /// One SARIF 2.1.0 log, on standard output, for code scanning
    Sarif,
}

impl Check {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let sources = source::read(&self.path)?;
        let mut result = compile(&sources);
        if let Some(ir) = &result.ir {
            result.diagnostics.extend(analyse(ir, now()));
        }
        match self.format {
            Format::Human => {
                output::complain_all(&result, &sources);
                if let Some(ir) = &result.ir {
                    output::print(&format!(
                        "policy `{}`: {} routes",
                        ir.name,
                        ir.route_count()
                    ));
                    // A limit may stand there several times, once for each scope.
                    let promises: BTreeSet<String> = {
                        let limits = ir.tables.limits.iter();
                        limits.map(|limit| promise(limit, &ir.tables)).collect()
                    };
                    for promise in promises {
                        output::print(&promise);
                    }
                    for upstream in &ir.tables.upstreams {
                        let rules = upstream.connector.iter();
                        for limit in rules.flat_map(|rules| &rules.limits) {
                            output::print(&connector_promise(&upstream.name, limit));
                        }
                    }
                }
            }
            Format::Json => {
                let report = diagnostic::render_json(&result.diagnostics, &sources);
                if !report.is_empty() {
                    output::print(report.trim_end());
                }
            }
            Format::Sarif => {
                let log = diagnostic::render_sarif(&result.diagnostics, &sources);
                output::print(&serde_json::to_string_pretty(&log)?);
            }
        }
        Ok(if result.diagnostics.has_errors() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}
