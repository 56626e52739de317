//! `tidegate schema`

use std::process::ExitCode;

use clap::Args;
use tidegate_policy_compiler::json_schema;

use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Schema {}

impl Schema {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        output::print(&serde_json::to_string_pretty(&json_schema())?);
        Ok(ExitCode::SUCCESS)
    }
}
