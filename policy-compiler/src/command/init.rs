//! `tidegate init`

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tidegate_policy_compiler::json_schema;
use tidegate_shared::bundle::Algorithm;

use super::{Failure, keys, output};

#[derive(Debug, Args)]
pub(super) struct Init {
    /// The folder to begin in; made where it does not exist, never overwritten
    dir: PathBuf,
}

const POLICY: &str = include_str!("init/policy.yaml");
const IGNORE: &str = "# Secrets stay here.\n*.key\n*.jwk\n";

impl Init {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let failed = |error| format!("cannot make `{}`: {error}", self.dir.display());
        fs::create_dir_all(self.dir.join("keys")).map_err(failed)?;
        output::write_new(&self.dir.join("policy.yaml"), POLICY, false)?;
        let schema = serde_json::to_string_pretty(&json_schema())?;
        output::write_new(
            &self.dir.join("tidegate.schema.json"),
            &format!("{schema}\n"),
            false,
        )?;
        output::write_new(&self.dir.join(".gitignore"), IGNORE, false)?;
        keys::bundles(&self.dir.join("keys"), "bundle")?;
        keys::tokens(Algorithm::ES256, &self.dir.join("keys"), "customers")?;
        let dir = self.dir.display();
        output::print(&format!(
            "A policy is in `{dir}`. Next:\n  \
             tidegate test {dir}\n  \
             tidegate dev {dir}\n  \
             tidegate compile {dir} -o policy.bundle --key {dir}/keys/bundle.key"
        ));
        Ok(ExitCode::SUCCESS)
    }
}
