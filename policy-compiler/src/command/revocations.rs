//! `tidegate revocations`

mod show;

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use tidegate_policy_compiler::publish::{Retrying, Store};
use tidegate_policy_compiler::revocations::{RevocationList, Signing};
use tidegate_shared::revocation::{Revocation, Revocations as List, Revoked};
use tidegate_shared::trust::{SigningKey, TrustKeys};
use tidegate_shared::units::Span;

use super::channel::{now, wait};
use super::store::GatewayStore;
use super::{Failure, output};

#[derive(Debug, Args)]
pub(super) struct Revocations {
    /// Where the list is: `file:DIR`, or `kv:ACCOUNT/NAMESPACE` of Workers KV, for which
    /// CLOUDFLARE_API_TOKEN has a token
    #[arg(long, value_name = "STORE", global = true)]
    store: Option<GatewayStore>,
    /// The keys whose lists count; else the public half of the signing key
    #[arg(long, value_name = "FILE", global = true)]
    trust: Option<PathBuf>,
    /// The signing key, from `tidegate keys new --name revocations`
    #[arg(
        long,
        value_name = "FILE",
        default_value = "revocations.key",
        global = true
    )]
    key: PathBuf,
    /// How long the list holds: renew it before, or gateways call it stale
    #[arg(long, value_name = "SPAN", default_value = "30d", global = true)]
    valid: Span,
    #[command(subcommand)]
    command: RevocationsCommand,
}

#[derive(Debug, Subcommand)]
enum RevocationsCommand {
    /// Begin an empty list
    Create,
    /// Revoke tokens, subjects or keys
    Add {
        #[command(flatten)]
        what: What,
        /// When what is revoked will have expired by itself, as `30d`, and needs no record any
        /// more; never where it is absent
        #[arg(long, value_name = "SPAN")]
        expires: Option<Span>,
    },
    /// Take revocations back
    Remove {
        #[command(flatten)]
        what: What,
    },
    /// Sign the same list for longer
    Renew,
    /// Show the list
    List {
        /// How to print
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One JSON value
    Json,
}

/// What is revoked; each may be given several times.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct What {
    /// A token of an issuer, by its `jti`
    #[arg(long = "token", value_name = "ISSUER=JTI")]
    tokens: Vec<Named>,
    /// All tokens of a subject, or all keys of a consumer
    #[arg(long = "subject", value_name = "ISSUER=SUBJECT")]
    subjects: Vec<Named>,
    /// All tokens that a key of an issuer has signed, by its `kid`
    #[arg(long = "key-id", value_name = "ISSUER=KID")]
    key_ids: Vec<Named>,
    /// An API key, by its id
    #[arg(long = "credential", value_name = "RING=KEYID")]
    credentials: Vec<Named>,
}

/// Something of an issuer or a ring, as the policy names it.
#[derive(Clone, Debug)]
struct Named(String, String);

/// The text has another form.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a name of the policy, `=`, and what is revoked")]
struct InvalidNamed(String);

impl FromStr for Named {
    type Err = InvalidNamed;

    fn from_str(text: &str) -> Result<Self, InvalidNamed> {
        match text.split_once('=') {
            Some((of, value)) if !of.is_empty() && !value.is_empty() => {
                Ok(Self(of.to_owned(), value.to_owned()))
            }
            Some(_) | None => Err(InvalidNamed(text.to_owned())),
        }
    }
}

impl What {
    fn revoked(self) -> Vec<Revoked> {
        let of = |named: Vec<Named>, kind: fn(String, String) -> Revoked| {
            let named = named.into_iter();
            named.map(move |Named(of, value)| kind(of, value))
        };
        of(self.tokens, Revoked::Token)
            .chain(of(self.subjects, Revoked::Subject))
            .chain(of(self.key_ids, Revoked::Key))
            .chain(of(self.credentials, Revoked::Key))
            .collect()
    }
}

impl Revocations {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let list = self.list()?;
        if let RevocationsCommand::List { format } = self.command {
            let list = wait(list.read())??;
            output::print(&match format {
                Format::Human => show::table(&list, now()),
                Format::Json => serde_json::to_string_pretty(&show::json(&list))?,
            });
            return Ok(ExitCode::SUCCESS);
        }
        let key = self.signing_key()?;
        let signing = Signing {
            key: &key,
            now: now(),
            validity: self.valid,
        };
        let list = wait(self.command.change(&list, signing))??;
        let (sequence, count) = (list.sequence, list.records().len());
        output::complain(&format!(
            "list {sequence} with {count} records is in place; gateways notice within the \
             `refresh` of their policy"
        ));
        Ok(ExitCode::SUCCESS)
    }

    fn list(&self) -> Result<RevocationList<Retrying<Store>>, Failure> {
        let store = self.store.as_ref();
        let store =
            store.ok_or("name the store: `--store file:DIR` or `--store kv:ACCOUNT/NAMESPACE`")?;
        let trust = match &self.trust {
            Some(file) => output::read_text(file)?.parse()?,
            None => TrustKeys::from(self.signing_key()?.trust_key()),
        };
        Ok(RevocationList {
            store: store.open()?,
            trust,
        })
    }

    fn signing_key(&self) -> Result<SigningKey, Failure> {
        Ok(output::read_text(&self.key)?
            .parse()
            .map_err(|error| format!("`{}` is {error}", self.key.display()))?)
    }
}

impl RevocationsCommand {
    async fn change(
        self,
        list: &RevocationList<Retrying<Store>>,
        signing: Signing<'_>,
    ) -> Result<List, Failure> {
        Ok(match self {
            Self::Create => list.create(signing).await?,
            Self::Add { what, expires } => {
                let until = expires.map(|span| signing.now.seconds().saturating_add(span.0 / 1000));
                let records = what.revoked().into_iter();
                let records = records.map(|revoked| Revocation { revoked, until });
                list.add(records.collect(), signing).await?
            }
            Self::Remove { what } => list.remove(&what.revoked(), signing).await?,
            Self::Renew => list.renew(signing).await?,
            Self::List { .. } => list.read().await?,
        })
    }
}
