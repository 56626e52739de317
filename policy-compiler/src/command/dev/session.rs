//! A run of `tidegate dev`: a copy of the policy with fresh keys, in a world of its own.

use std::net::SocketAddr;
use std::path::Path;

use tidegate_dev::World;
use tidegate_policy_compiler::Ir;
use tidegate_policy_compiler::credentials::{self, Credentials};
use tidegate_shared::trust::SigningKey;

use super::announce;
use super::gateway::{Gateway, Runtime, Setting};
use crate::command::{Failure, output};

pub(super) struct Session {
    world: World,
    credentials: Credentials,
    key: SigningKey,
    gateway: Gateway,
    sequence: u64,
}

impl Session {
    /// Starts the world and the gateway, and says where it is and what to try.
    pub(super) async fn begin(
        mut ir: Ir,
        runtime: Runtime,
        listen: SocketAddr,
        store: Option<&Path>,
    ) -> Result<Self, Failure> {
        let credentials = Credentials::install(&mut ir)?;
        let given = secrets(&credentials)?;
        let key = SigningKey::from_seed(output::entropy()?);
        let mut world = World::new(runtime.apart(), &key.trust_key())?;
        world.attach(&mut ir.tables, &given).await?;
        world.vouch(&mut ir.tables, credentials::answer).await?;
        let bundle = ir.sign(1, &key)?;
        world.publish(&bundle).await?;
        let setting = Setting {
            listen,
            bundle: &bundle,
            trust: key.trust_key(),
            secrets: given,
            store,
            world: &world,
            tables: &ir.tables,
        };
        let gateway = Gateway::start(runtime, setting).await?;
        output::print(&announce::text(&ir, &credentials, gateway.address()));
        Ok(Self {
            world,
            credentials,
            key,
            gateway,
            sequence: 1,
        })
    }

    /// Puts a changed policy into force. Tokens of issuers that are still there stay good.
    pub(super) async fn replace(&mut self, mut ir: Ir) -> Result<(), Failure> {
        self.credentials.renew(&mut ir)?;
        let given = secrets(&self.credentials)?;
        let world = &mut self.world;
        world.attach(&mut ir.tables, &given).await?;
        world.vouch(&mut ir.tables, credentials::answer).await?;
        self.sequence = self.sequence.saturating_add(1);
        let bundle = ir.sign(self.sequence, &self.key)?;
        world.publish(&bundle).await?;
        self.gateway.replace(&bundle, &self.world, given)
    }

    pub(super) async fn end(self) -> Result<(), Failure> {
        self.gateway.stop().await
    }
}

fn secrets(credentials: &Credentials) -> Result<Vec<(String, String)>, Failure> {
    let secret =
        |(name, secret): (&str, Vec<u8>)| Ok((name.to_owned(), String::from_utf8(secret)?));
    credentials.secrets().map(secret).collect()
}
