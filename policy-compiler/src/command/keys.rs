//! `tidegate keys`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use tidegate_policy_compiler::token_key::TokenKey;
use tidegate_shared::api_key::ApiKeyPrefix;
use tidegate_shared::bundle::Algorithm;
use tidegate_shared::digest::Digest;
use tidegate_shared::trust::SigningKey;

use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key
    New(New),
}

#[derive(Debug, Args)]
struct New {
    /// What the key is for
    #[arg(long = "for", value_enum, default_value_t = Purpose::Bundles)]
    purpose: Purpose,
    /// The folder to write to
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// What the files are called, before their endings
    #[arg(long, default_value = "tidegate")]
    name: String,
    /// The algorithm of a key for tokens
    #[arg(long, value_name = "NAME", default_value = "ES256")]
    algorithm: Algorithm,
    /// What an API key begins with
    #[arg(long, value_name = "TEXT", default_value_t)]
    prefix: ApiKeyPrefix,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Purpose {
    /// Signing bundles: NAME.key (secret) and NAME.pub
    Bundles,
    /// Signing test tokens: NAME.jwk (secret) and NAME.jwks.json
    Tokens,
    /// An API key: printed once, with the digest that a policy holds
    Api,
}

impl Keys {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let KeysCommand::New(New {
            purpose,
            dir,
            name,
            algorithm,
            prefix,
        }) = &self.command;
        let made = match purpose {
            Purpose::Bundles => bundles(dir, name)?,
            Purpose::Tokens => tokens(*algorithm, dir, name)?,
            Purpose::Api => api(prefix)?,
        };
        output::print(&made);
        Ok(ExitCode::SUCCESS)
    }
}

/// A key that signs bundles.
pub(super) fn bundles(dir: &Path, name: &str) -> Result<String, Failure> {
    let key = SigningKey::from_seed(output::entropy()?);
    let (secret, public) = (
        dir.join(format!("{name}.key")),
        dir.join(format!("{name}.pub")),
    );
    output::write_new(&secret, &format!("{}\n", key.to_secret_text()), true)?;
    output::write_new(&public, &format!("{}\n", key.trust_key()), false)?;
    Ok(format!(
        "secret  {}\npublic  {}\nkey id  {}",
        secret.display(),
        public.display(),
        key.trust_key().id()
    ))
}

/// A key that signs tokens, and the key set that a policy pins.
pub(super) fn tokens(algorithm: Algorithm, dir: &Path, name: &str) -> Result<String, Failure> {
    let id = hex::encode(output::entropy::<4>()?);
    let key = TokenKey::generate(algorithm, &id)?;
    let public: serde_json::Value = serde_json::from_str(&key.public_jwk())?;
    let set = serde_json::json!({ "keys": [public] });
    let (secret, public) = (
        dir.join(format!("{name}.jwk")),
        dir.join(format!("{name}.jwks.json")),
    );
    output::write_new(&secret, &format!("{}\n", key.to_jwk()), true)?;
    output::write_new(
        &public,
        &format!("{}\n", serde_json::to_string_pretty(&set)?),
        false,
    )?;
    Ok(format!(
        "secret  {}\npublic  {}\nkey id  {id}",
        secret.display(),
        public.display()
    ))
}

fn api(prefix: &ApiKeyPrefix) -> Result<String, Failure> {
    let key = prefix.mint(output::entropy()?);
    Ok(format!(
        "key     {key}\nsha256  {}",
        hex::encode(Digest::of(key.as_bytes()).0)
    ))
}
