//! `tidegate inspect`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use tidegate_shared::bundle::Bundle;
use tidegate_shared::envelope::{Signed, VerifyError};
use tidegate_shared::trust::TrustKeys;

use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The bundle
    file: PathBuf,
    /// The keys to hold its signature against; without them its content is shown unverified
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

impl Inspect {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let octets = std::fs::read(&self.file)
            .map_err(|error| format!("cannot read `{}`: {error}", self.file.display()))?;
        let signed = Signed::parse(&octets)?;
        let (digest, key) = (signed.digest(), signed.key_id());
        let (bundle, signature) = match &self.trust {
            None => (signed.unverified::<Bundle>()?, "not checked".to_owned()),
            Some(file) => {
                let trust: TrustKeys = output::read_text(file)?.parse()?;
                match signed.clone().verify::<Bundle>(&trust) {
                    Ok(verified) => (verified.into_content(), "holds".to_owned()),
                    Err(error @ (VerifyError::UnknownKey(_) | VerifyError::Signature(_))) => (
                        signed.unverified::<Bundle>()?,
                        format!("DOES NOT HOLD: {error}"),
                    ),
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let hosts = bundle.hosts.iter().map(|section| {
            let routes = section.decode(&bundle.tables)?;
            Ok((section.host().to_string(), serde_json::to_value(routes)?))
        });
        let hosts = hosts.collect::<Result<serde_json::Map<String, Value>, Failure>>()?;
        let document = json!({
            "digest": digest,
            "key": key.to_string(),
            "signature": signature,
            "octets": octets.len(),
            "header": bundle.header,
            "tables": bundle.tables,
            "hosts": hosts,
        });
        output::print(&serde_json::to_string_pretty(&document)?);
        let holds = self.trust.is_none() || signature == "holds";
        Ok(if holds {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
