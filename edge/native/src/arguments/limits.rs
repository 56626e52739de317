//! Where limits are kept that hold for several gateways.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tidegate_edge_native::{
    AuthorityConfig, AuthorityServer, AuthorityToken, LimitAuthority, TlsFiles, now,
};
use tracing::info;

use crate::{Failure, read};

/// Where limits are kept.
#[derive(Debug, clap::Args)]
pub(crate) struct LimitArguments {
    /// Where `leased` and `strict` limits of several gateways are kept together: a Redis or Valkey
    /// server that evicts no keys, as redis://USER:PASSWORD@HOST, or a gateway with
    /// `--serve-limits`, as https://HOST:PORT; else this process keeps them
    #[arg(
        long,
        value_name = "URL",
        env = "TIDEGATE_LIMITS",
        hide_env_values = true
    )]
    limits: Option<String>,
    /// Keep the limits of other gateways too, and listen for them here; over TLS where clients
    /// are served over TLS
    #[arg(long, value_name = "ADDR")]
    serve_limits: Option<SocketAddr>,
    /// The file of the token by which gateways may ask each other about limits; else
    /// `TIDEGATE_LIMITS_TOKEN` has it
    #[arg(long, value_name = "FILE")]
    limits_token: Option<PathBuf>,
}

impl LimitArguments {
    /// The token, which is asked for where it is needed.
    fn token(&self) -> Result<String, Failure> {
        match &self.limits_token {
            Some(file) => Ok(String::from_utf8(read(file)?)?),
            None => std::env::var("TIDEGATE_LIMITS_TOKEN").map_err(|_| {
                "gateways ask each other about limits with a token: `--limits-token FILE`".into()
            }),
        }
    }

    pub(crate) fn authority(&self) -> Result<LimitAuthority, Failure> {
        let invalid = |error| format!("cannot use the address of `--limits`: {error}");
        match self.limits.as_deref() {
            Some(address) if address.starts_with("http") => {
                Ok(LimitAuthority::server(address, &self.token()?).map_err(invalid)?)
            }
            Some(address) => Ok(LimitAuthority::redis(address).map_err(invalid)?),
            None if self.serve_limits.is_some() => Ok(LimitAuthority::recovering(now())),
            None => Ok(LimitAuthority::embedded()),
        }
    }

    /// The server for other gateways, where there is to be one.
    pub(crate) async fn server(
        &self,
        authority: &Arc<LimitAuthority>,
        tls: Option<TlsFiles>,
    ) -> Result<Option<AuthorityServer>, Failure> {
        let Some(listen) = self.serve_limits else {
            return Ok(None);
        };
        let config = AuthorityConfig {
            listen,
            // Clients' certificates say who calls an API, and no more.
            tls: tls.map(|files| TlsFiles {
                client_authorities: None,
                ..files
            }),
            token: AuthorityToken::new(&self.token()?)?,
            authority: Arc::clone(authority),
        };
        let server = AuthorityServer::bind(config).await?;
        info!(address = %server.local_addr()?, "limits are kept for other gateways");
        Ok(Some(server))
    }
}
