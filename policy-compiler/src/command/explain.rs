//! `tidegate explain`

mod caller;

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use http::HeaderName;
use tidegate_policy_compiler::explain::{explain, render_human};
use tidegate_policy_compiler::{InvalidRequest, TestRequest};

use super::{Failure, output};
pub(super) use caller::Caller;

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// A policy file, or a folder of them
    path: PathBuf,
    /// The request, as in a policy's tests: `GET https://api.example.com/v1/things`
    #[arg(required = true)]
    request: Vec<String>,
    /// A header field of the request
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = field)]
    headers: Vec<(HeaderName, String)>,
    /// Who calls: `jwt:ISSUER,subject=alice,scope=read`, `api_key:RING,consumer=acme`,
    /// or `certificate:NAME,consumer=acme`, each with `,revoked` if it is; several for several
    /// credentials in one request
    #[arg(long = "as", value_name = "CALLER")]
    callers: Vec<Caller>,
    /// The client's address
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// How to show the explanation
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One JSON document
    Json,
}

impl Explain {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let sent: TestRequest = self
            .request
            .join(" ")
            .parse()
            .map_err(|error: InvalidRequest| format!("{error}: {}", InvalidRequest::HELP))?;
        let (Some(ir), sources) = output::compile_shown(&self.path)? else {
            return Ok(ExitCode::FAILURE);
        };
        let request = TestRequest {
            headers: self.headers.clone(),
            callers: {
                let callers = self.callers.iter();
                callers
                    .map(|caller| caller.resolve(&ir))
                    .collect::<Result<_, _>>()?
            },
            from: self.from.unwrap_or(sent.from),
            ..sent
        };
        let explanation = explain(&ir, &sources, &request)?;
        output::print(&match self.format {
            Format::Human => render_human(&explanation).trim_end().to_owned(),
            Format::Json => serde_json::to_string_pretty(&explanation)?,
        });
        Ok(ExitCode::SUCCESS)
    }
}

/// A field as it stands in a message.
fn field(text: &str) -> Result<(HeaderName, String), String> {
    let invalid = || format!("`{text}` is not a header field: write `name: value`");
    let (name, value) = text.split_once(':').ok_or_else(invalid)?;
    let name = name.trim().parse().map_err(|_| invalid())?;
    Ok((name, value.trim().to_owned()))
}
