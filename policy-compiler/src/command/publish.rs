//! `tidegate publish`

mod show;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tidegate_shared::units::Percent;

use super::channel::{self, Holds, Place};
use super::history::Format;
use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Publish {
    /// The bundle, from `tidegate compile`
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    holds: Holds,
    /// Let it decide in shadow, for this share of requests, 100% if absent: gateways follow what is in
    /// force, and their access records say where this one would have done something else
    #[arg(
        long,
        value_name = "P%",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "100%",
        conflicts_with_all = ["rollout", "records"]
    )]
    shadow: Option<Percent>,
    #[command(flatten)]
    watch: watch::Watch,
    /// How to show what came of it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl Publish {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let bundle = std::fs::read(&self.file)
            .map_err(|error| format!("cannot read `{}`: {error}", self.file.display()))?;
        let key = self.place.key()?;
        let store = self.place.channel()?;
        if self.watch.is_asked_for() {
            return self
                .watch
                .run(&bundle, store, &key, &self.holds, self.format);
        }
        let terms = self.holds.terms(&key);
        let statement = channel::wait(async {
            match self.shadow {
                None => store.publish(&bundle, &terms).await,
                Some(share) => store.shadow(&bundle, share, &terms).await,
            }
        })??;
        output::print(&match self.format {
            Format::Human => channel::show(&statement),
            Format::Json => serde_json::to_string_pretty(&channel::document(&statement))?,
        });
        Ok(ExitCode::SUCCESS)
    }
}
