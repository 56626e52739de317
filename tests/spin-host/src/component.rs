//! The component: compiled once, instantiated as often as requests ask for.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::Semaphore;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::handler::Proxy;
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::outbound::Outbound;
use crate::reuse::Lifetime;
use crate::spin::{self, Platform};

pub(crate) struct Component {
    engine: Engine,
    service: ServicePre<State>,
    platform: Platform,
    outbound: Outbound,
    pub(crate) lifetime: Lifetime,
    pub(crate) instances: Arc<Semaphore>,
}

impl Component {
    pub(crate) fn load(
        path: &Path,
        platform: Platform,
        outbound: Outbound,
        lifetime: Lifetime,
    ) -> anyhow::Result<Self> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mut config = Config::new();
        config.wasm_component_model_async(true);
        let engine = Engine::new(&config)?;
        let component = wasmtime::component::Component::new(&engine, &bytes)?;

        let mut linker = Linker::new(&engine);
        // The standard library still speaks WASI 0.2, the gateway 0.3.
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
        spin::add_to_linker(&mut linker)?;
        let service = ServicePre::new(linker.instantiate_pre(&component)?)?;

        Ok(Self {
            engine,
            service,
            platform,
            outbound,
            instances: Arc::new(Semaphore::new(lifetime.instances)),
            lifetime,
        })
    }

    pub(crate) async fn new_instance(&self) -> wasmtime::Result<(Store<State>, Proxy)> {
        // Standard output is the host's own: it carries the `listening` line.
        let wasi = WasiCtxBuilder::new()
            .stdout(std::io::stderr())
            .inherit_stderr()
            .build();
        let mut store = Store::new(
            &self.engine,
            State {
                table: ResourceTable::new(),
                wasi,
                http: WasiHttpCtx::new(),
                platform: self.platform.clone(),
                outbound: self.outbound.clone(),
            },
        );
        let service = self.service.instantiate_async(&mut store).await?;
        Ok((store, Proxy::P3(service)))
    }
}

/// What one instance holds on the host's side.
pub(crate) struct State {
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    pub(crate) platform: Platform,
    outbound: Outbound,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outbound,
        }
    }
}
