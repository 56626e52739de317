//! `tidegate completions`

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Failure, Tidegate, output};

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(
            self.shell,
            &mut Tidegate::command(),
            "tidegate",
            &mut script,
        );
        output::print(String::from_utf8(script)?.trim_end());
        Ok(ExitCode::SUCCESS)
    }
}
