//! Freezes a bundle into the gateway's Spin component.
//!
//! The component's export `bake` verifies, loads and decodes the bundle; the memory that it
//! leaves behind becomes the memory with which every instance of the new component starts. The
//! export runs without a host: to ask for the time, random numbers or anything else is an error,
//! because the answer would be frozen too.

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};
use wasmtime_wizer::{WasmtimeWizerComponent, Wizer};

/// Why a component cannot be baked.
#[derive(Debug, thiserror::Error)]
pub enum BakeError {
    /// The component refuses the bundle.
    #[error("{0}")]
    Refused(String),
    /// The file is no gateway component, or it asked for a host.
    #[error("not a component that can be baked: {0:#}")]
    Component(#[from] wasmtime::Error),
}

/// The component with `bundle` in it, which a key in `trust` must have signed.
///
/// # Errors
/// [`BakeError`].
pub async fn bake(component: &[u8], bundle: &[u8], trust: &str) -> Result<Vec<u8>, BakeError> {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    let engine = Engine::new(&config)?;
    let wizer = Wizer::new();
    let (context, instrumented) = wizer.instrument_component(component)?;
    let component = Component::new(&engine, &instrumented)?;
    let mut linker = Linker::<()>::new(&engine);
    linker.define_unknown_imports_as_traps(&component)?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate_async(&mut store, &component).await?;
    let bake =
        instance.get_typed_func::<(&[u8], &str), (Result<(), String>,)>(&mut store, "bake")?;
    let (outcome,) = bake.call_async(&mut store, (bundle, trust)).await?;
    outcome.map_err(BakeError::Refused)?;
    let mut instance = WasmtimeWizerComponent {
        store: &mut store,
        instance,
    };
    Ok(wizer.snapshot_component(&context, &mut instance).await?)
}
