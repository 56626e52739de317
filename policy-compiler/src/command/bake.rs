//! `tidegate bake`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tidegate_policy_compiler::bake::bake;

use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Bake {
    /// The bundle
    bundle: PathBuf,
    /// The gateway's Spin component
    #[arg(long, value_name = "FILE")]
    component: PathBuf,
    /// The keys that may have signed the bundle
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// Where to write the new component
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl Bake {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let read = |path: &PathBuf| {
            std::fs::read(path)
                .map_err(|error| format!("cannot read `{}`: {error}", path.display()))
        };
        let trust = output::read_text(&self.trust)?;
        let (component, bundle) = (read(&self.component)?, read(&self.bundle)?);
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let baked = runtime.block_on(bake(&component, &bundle, &trust))?;
        output::write_atomically(&self.output, &baked)?;
        output::print(&format!("size    {} octets", baked.len()));
        Ok(ExitCode::SUCCESS)
    }
}
