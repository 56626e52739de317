//! `tidegate token`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jwt_simple::claims::Claims;
use jwt_simple::common::HeaderOptions;
use jwt_simple::reexports::coarsetime::Duration;
use serde_json::{Map, Value};
use tidegate_policy_compiler::token_key::TokenKey;
use tidegate_shared::units::Span;

use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Token {
    /// The secret key, from `tidegate keys new --for tokens`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// `iss`: as the policy has it
    #[arg(long)]
    issuer: String,
    /// `aud`: one that the policy accepts
    #[arg(long)]
    audience: String,
    /// `sub`: who calls
    #[arg(long, default_value = "test")]
    subject: String,
    /// A scope; may be given several times
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// `typ`, as `at+jwt`
    #[arg(long = "type", value_name = "TYPE", default_value = "JWT")]
    token_type: String,
    /// A claim with a value in JSON, as `tier=\"gold\"`; may be given several times
    #[arg(long = "claim", value_name = "NAME=JSON", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// How long the token is good, as `90s`, `15m` or `1h`
    #[arg(long, value_name = "SPAN", default_value = "1h")]
    expires: Span,
}

impl Token {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let text = output::read_text(&self.key)?;
        let key = TokenKey::from_jwk(text.trim())
            .map_err(|error| format!("`{}` is no secret key (JWK): {error}", self.key.display()))?;
        let mut custom: Map<String, Value> = self.claims.iter().cloned().collect();
        custom.insert("scope".to_owned(), self.scopes.join(" ").into());
        let custom = Value::Object(custom);
        let claims = Claims::with_custom_claims(custom, Duration::from_millis(self.expires.0))
            .with_issuer(&self.issuer)
            .with_audience(&self.audience)
            .with_subject(&self.subject);
        let header = HeaderOptions {
            content_type: None,
            signature_type: Some(self.token_type.clone()),
        };
        output::print(&key.sign(claims, &header)?);
        Ok(ExitCode::SUCCESS)
    }
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=JSON")?;
    let value = serde_json::from_str(value).map_err(|error| error.to_string())?;
    Ok((name.to_owned(), value))
}
