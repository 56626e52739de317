//! `tidegate credentials`

mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use tidegate_policy_compiler::api_keys::{ApiKeys, Grant, Made};
use tidegate_policy_compiler::publish::{Retrying, Store};
use tidegate_shared::api_key::{ApiKeyId, ApiKeyPrefix};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Span;

use super::channel::{now, wait};
use super::store::GatewayStore;
use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Credentials {
    /// Where the keys' records are: `file:DIR`, or `kv:ACCOUNT/NAMESPACE` of Workers KV, for which
    /// CLOUDFLARE_API_TOKEN has a token
    #[arg(long, value_name = "STORE", global = true)]
    store: Option<GatewayStore>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Human, global = true)]
    format: Format,
    #[command(subcommand)]
    command: CredentialsCommand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One JSON value
    Json,
}

#[derive(Debug, Subcommand)]
enum CredentialsCommand {
    /// Make an API key, and print it: once, as the store keeps its digest alone
    Create(Create),
    /// List the keys of a store
    List,
    /// Make a key that takes the place of another, and print it
    Rotate(Rotate),
    /// Revoke a key; gateways notice within the `refresh` of its ring
    Revoke {
        /// The key's id, as `list` shows it
        key: ApiKeyId,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// The ring of the policy that the key is good in
    #[arg(long)]
    ring: String,
    /// Whose key it is
    #[arg(long)]
    consumer: String,
    /// The plan that the consumer is on
    #[arg(long)]
    plan: Option<String>,
    /// What the key may do; may be given several times
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// How long it is good, as `90d`; for ever where it is absent
    #[arg(long, value_name = "SPAN")]
    expires: Option<Span>,
    /// How long until it is good, as `1d`; at once where it is absent
    #[arg(long, value_name = "SPAN")]
    begins: Option<Span>,
    /// What the ring's keys begin with, as the policy says
    #[arg(long, value_name = "TEXT", default_value_t)]
    prefix: ApiKeyPrefix,
}

#[derive(Debug, Args)]
struct Rotate {
    /// The key's id, as `list` shows it
    key: ApiKeyId,
    /// How long the old key stays good
    #[arg(long, value_name = "SPAN", default_value = "7d")]
    overlap: Span,
    /// How long the new key is good; as long as the old one was made for where it is absent
    #[arg(long, value_name = "SPAN")]
    expires: Option<Span>,
}

impl Credentials {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let store = self
            .store
            .ok_or("name the store: `--store file:DIR` or `--store kv:ACCOUNT/NAMESPACE`")?;
        let now = now();
        let keys = ApiKeys::new(store.open()?, now);
        wait(self.command.act(&keys, self.format, now))??;
        Ok(ExitCode::SUCCESS)
    }
}

impl CredentialsCommand {
    async fn act(
        self,
        keys: &ApiKeys<Retrying<Store>>,
        format: Format,
        now: UnixMillis,
    ) -> Result<(), Failure> {
        match self {
            Self::Create(create) => {
                let Create {
                    ring,
                    consumer,
                    plan,
                    scopes,
                    expires,
                    begins,
                    prefix,
                } = create;
                let grant = Grant {
                    ring,
                    prefix,
                    consumer,
                    plan,
                    scopes,
                    begins,
                    expires,
                };
                hand_out(&keys.create(grant, output::entropy()?).await?, format, now)
            }
            Self::List => {
                let list = keys.list().await?;
                match format {
                    Format::Human => output::print(show::table(&list, now).trim_end()),
                    Format::Json => {
                        let list: Vec<_> = list
                            .iter()
                            .map(|(id, record)| show::json(*id, record, now))
                            .collect();
                        output::print(&serde_json::to_string_pretty(&list)?);
                    }
                }
                Ok(())
            }
            Self::Rotate(Rotate {
                key,
                overlap,
                expires,
            }) => {
                let made = keys
                    .rotate(key, overlap, expires, output::entropy()?)
                    .await?;
                output::complain(&format!("key {key} stays good for {overlap}"));
                hand_out(&made, format, now)
            }
            Self::Revoke { key } => {
                let record = keys.revoke(key).await?;
                match format {
                    Format::Human => output::complain(&format!(
                        "key {key} of {} is revoked; gateways notice within the `refresh` of ring {}",
                        record.consumer, record.ring
                    )),
                    Format::Json => output::print(&show::json(key, &record, now).to_string()),
                }
                Ok(())
            }
        }
    }
}

/// Prints a key, alone on standard output, so that it can be piped to where it is kept.
fn hand_out(made: &Made, format: Format, now: UnixMillis) -> Result<(), Failure> {
    match format {
        Format::Human => {
            let (id, consumer, ring) = (made.id, &made.record.consumer, &made.record.ring);
            let ends = show::ends(&made.record, now);
            output::complain(&format!(
                "key {id} of {consumer} in ring {ring}, {ends}; it is not shown again:"
            ));
            output::print(&made.key);
        }
        Format::Json => {
            let mut document = show::json(made.id, &made.record, now);
            if let Some(members) = document.as_object_mut() {
                members.insert("key".to_owned(), made.key.as_str().into());
            }
            output::print(&serde_json::to_string_pretty(&document)?);
        }
    }
    Ok(())
}
