//! A gateway's authority of limits that others ask, as a server of a test's own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use tidegate_edge_native::{AuthorityConfig, AuthorityServer, AuthorityToken, LimitAuthority};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What who asks must know.
pub const TOKEN: &str = "what-gateways-know-of-each-other";

/// A server that can be ended, and begun again at the same address. It goes on where it is dropped.
#[derive(Debug)]
pub struct Authority {
    address: SocketAddr,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    end: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Authority {
    /// A server that nobody has asked before.
    ///
    /// # Errors
    /// Where there is no address to be had.
    pub async fn start() -> Result<Self> {
        let mut authority = Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            running: None,
        };
        authority.run(LimitAuthority::embedded()).await?;
        Ok(authority)
    }

    /// Where it is asked.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Ends it, with all that it knows.
    ///
    /// # Errors
    /// Where it has failed.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(Running { end, served }) = self.running.take() {
            let _ = end.send(());
            served.await?;
        }
        Ok(())
    }

    /// Begins at the same address, with what is known.
    ///
    /// # Errors
    /// Where the address is taken.
    pub async fn run(&mut self, known: LimitAuthority) -> Result<()> {
        let config = AuthorityConfig {
            listen: self.address,
            tls: None,
            token: AuthorityToken::new(TOKEN)?,
            authority: Arc::new(known),
        };
        let server = AuthorityServer::bind(config).await;
        let server = server.map_err(|error| anyhow!("{error}"))?;
        self.address = server.local_addr()?;
        let (end, ended) = oneshot::channel::<()>();
        let served = tokio::spawn(server.run(async {
            // Without who may end it, it goes on.
            if ended.await.is_err() {
                std::future::pending().await
            }
        }));
        self.running = Some(Running { end, served });
        Ok(())
    }
}
