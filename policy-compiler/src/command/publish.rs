//! `tidegate publish`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::channel::{self, Holds, Place};
use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Publish {
    /// The bundle, from `tidegate compile`
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    holds: Holds,
}

impl Publish {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let bundle = std::fs::read(&self.file)
            .map_err(|error| format!("cannot read `{}`: {error}", self.file.display()))?;
        let key = self.place.key()?;
        let (store, terms) = (self.place.channel()?, self.holds.terms(&key));
        let statement = channel::wait(store.publish(&bundle, &terms))??;
        output::print(&channel::show(&statement));
        Ok(ExitCode::SUCCESS)
    }
}
