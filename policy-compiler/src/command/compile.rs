//! `tidegate compile`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tidegate_shared::digest::Digest;
use tidegate_shared::trust::SigningKey;

use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Compile {
    /// A policy file, or a folder of them
    path: PathBuf,
    /// Where to write the bundle
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The signing key, from `tidegate keys new`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The bundle's place in the order of publications
    #[arg(long, value_name = "N", default_value_t = 1)]
    sequence: u64,
}

impl Compile {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let key: SigningKey = output::read_text(&self.key)?
            .parse()
            .map_err(|error| format!("`{}` is {error}", self.key.display()))?;
        let (Some(ir), _) = output::compile_shown(&self.path)? else {
            return Ok(ExitCode::FAILURE);
        };
        let bundle = ir.sign(self.sequence, &key)?;
        output::write_atomically(&self.output, &bundle)?;
        output::print(&format!("digest  {}", Digest::of(&bundle)));
        output::print(&format!("size    {} octets", bundle.len()));
        output::print(&format!("routes  {}", ir.route_count()));
        Ok(ExitCode::SUCCESS)
    }
}
