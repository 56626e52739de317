//! `tidegate man`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory};

use super::{Failure, Tidegate};

#[derive(Debug, Args)]
pub(super) struct Man {
    /// The folder to write them into
    folder: PathBuf,
}

impl Man {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let failed = |error| format!("cannot write into `{}`: {error}", self.folder.display());
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        clap_mangen::generate_to(Tidegate::command(), &self.folder).map_err(failed)?;
        Ok(ExitCode::SUCCESS)
    }
}
