//! `tidegate status`

use std::process::ExitCode;

use clap::Args;
use tidegate_policy_compiler::publish::PublishError;

use super::channel::{self, Place};
use super::history::Format;
use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    place: Place,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl Status {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let store = self.place.channel()?;
        let current = channel::wait(store.current())??;
        let current = current.ok_or(PublishError::Empty(store.name))?.statement;
        let document = channel::document(&current);
        output::print(&match self.format {
            Format::Human => channel::show(&current),
            Format::Json => serde_json::to_string_pretty(&document)?,
        });
        Ok(if channel::now() >= current.expires {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}
