//! A run of `tidegate dev`: a copy of the policy with fresh keys, in a world of its own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tidegate_dev::{Apart, World};
use tidegate_edge_native::{Config, Identity, LogRecords, NativeGateway, Reloader, Secrets};
use tidegate_policy_compiler::Ir;
use tidegate_policy_compiler::credentials::Credentials;
use tidegate_shared::trust::SigningKey;

use super::announce;
use crate::command::{Failure, output};

pub(super) struct Session {
    world: World,
    credentials: Credentials,
    key: SigningKey,
    ir: Ir,
    reloader: Reloader,
    sequence: u64,
}

impl Session {
    /// Starts the world and binds the gateway.
    pub(super) async fn begin(
        mut ir: Ir,
        listen: SocketAddr,
    ) -> Result<(Self, NativeGateway), Failure> {
        let mut world = World::new(Apart::Ports)?;
        world.attach(&mut ir.tables).await?;
        let credentials = Credentials::install(&mut ir)?;
        let key = SigningKey::from_seed(output::entropy()?);
        let config = Config {
            listen,
            trust: key.trust_key().into(),
            identities: identities(&world),
            secrets: secrets(&credentials),
        };
        let bundle = ir.sign(1, &key)?;
        let gateway = NativeGateway::bind(config, &bundle, Arc::new(LogRecords))
            .await
            .map_err(|error| -> Failure { error })?;
        let reloader = gateway.reloader();
        Ok((
            Self {
                world,
                credentials,
                key,
                ir,
                reloader,
                sequence: 1,
            },
            gateway,
        ))
    }

    /// Puts a changed policy into force. Tokens of issuers that are still there stay good.
    pub(super) async fn replace(&mut self, mut ir: Ir) -> Result<(), Failure> {
        self.world.attach(&mut ir.tables).await?;
        self.credentials.renew(&mut ir)?;
        self.sequence = self.sequence.saturating_add(1);
        let bundle = ir.sign(self.sequence, &self.key)?;
        self.reloader
            .equip(identities(&self.world), secrets(&self.credentials));
        self.reloader.replace(&bundle)?;
        self.ir = ir;
        Ok(())
    }

    /// Says where the gateway is and what to try.
    pub(super) fn announce(&self, address: SocketAddr) {
        output::print(&announce::text(&self.ir, &self.credentials, address));
    }
}

fn identities(world: &World) -> Vec<Identity> {
    let identity = |(name, certificate): (&str, &tidegate_dev::Certificate)| Identity {
        name: name.to_owned(),
        certificates: vec![certificate.der.clone()],
        key: Arc::new(certificate.key()),
    };
    world.identities().map(identity).collect()
}

fn secrets(credentials: &Credentials) -> Secrets {
    let secrets = credentials
        .secrets()
        .map(|(name, secret)| (name.to_owned(), secret));
    Secrets::Given(secrets.collect::<HashMap<_, _>>())
}
