//! `tidegate history`

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tidegate_shared::channel::Statement;

use super::channel::{self, Place};
use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct History {
    #[command(flatten)]
    place: Place,
    /// How many, newest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// How to show them
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// For people
    Human,
    /// One JSON document
    Json,
}

impl History {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let store = self.place.channel()?;
        let statements = channel::wait(store.history(self.limit))??;
        output::print(&match self.format {
            Format::Human => table(&statements),
            Format::Json => {
                let documents: Vec<_> = statements.iter().map(channel::document).collect();
                serde_json::to_string_pretty(&documents)?
            }
        });
        Ok(ExitCode::SUCCESS)
    }
}

fn table(statements: &[Statement]) -> String {
    let lines = statements.iter().map(|statement| {
        format!(
            "{:>8}  {:>6}%  {}",
            statement.sequence, statement.rollout.0, statement.bundle
        )
    });
    let head = "sequence  rollout  bundle".to_owned();
    std::iter::once(head)
        .chain(lines)
        .collect::<Vec<_>>()
        .join("\n")
}
