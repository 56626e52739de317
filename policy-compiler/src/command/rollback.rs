//! `tidegate rollback`

use std::process::ExitCode;

use clap::Args;

use super::channel::{self, Holds, Place};
use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Rollback {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    holds: Holds,
    /// What was in force at this sequence; else what was before the last change
    #[arg(long, value_name = "N")]
    to_sequence: Option<u64>,
}

impl Rollback {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let key = self.place.key()?;
        let (store, terms) = (self.place.channel()?, self.holds.terms(&key));
        let statement = channel::wait(store.roll_back(self.to_sequence, &terms))??;
        output::print(&channel::show(&statement));
        Ok(ExitCode::SUCCESS)
    }
}
