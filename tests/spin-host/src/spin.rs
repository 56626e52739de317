//! Spin's own interfaces: the default key-value store and the variables.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::component::{Accessor, FutureReader, HasSelf, Linker, Resource, StreamReader};

use crate::component::State;

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "spin",
        imports: { default: trappable },
        with: { "spin:key-value/key-value.store": super::OpenStore },
    });
}

use bindings::spin::key_value::key_value::{self, Error as KeyValueError};
use bindings::spin::variables::variables::{self, Error as VariableError};

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    bindings::Spin::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

/// What the platform holds for the component, shared by all its instances.
#[derive(Clone)]
pub(crate) struct Platform {
    key_values: Arc<Mutex<HashMap<String, Entry>>>,
    folders: Arc<HashMap<String, PathBuf>>,
    variables: Arc<HashMap<String, String>>,
}

/// The value of a key.
#[derive(Clone)]
enum Entry {
    /// Read at each `get`, so that a test publishes by writing the file.
    File(PathBuf),
    /// Set by the component.
    Value(Vec<u8>),
}

impl Platform {
    pub(crate) fn new(
        key_values: Vec<(String, String)>,
        folders: Vec<(String, String)>,
        variables: Vec<(String, String)>,
    ) -> Self {
        let entry = |(key, file)| (key, Entry::File(PathBuf::from(file)));
        Self {
            key_values: Arc::new(Mutex::new(key_values.into_iter().map(entry).collect())),
            folders: Arc::new(
                folders
                    .into_iter()
                    .map(|(label, folder)| (label, folder.into()))
                    .collect(),
            ),
            variables: Arc::new(variables.into_iter().collect()),
        }
    }

    fn with_key_values<R>(&self, act: impl FnOnce(&mut HashMap<String, Entry>) -> R) -> R {
        act(&mut self
            .key_values
            .lock()
            .unwrap_or_else(PoisonError::into_inner))
    }
}

/// The resource `store`: the folder of files that it is, or the default one.
#[expect(
    unreachable_pub,
    reason = "the generated bindings export it under their own name"
)]
pub struct OpenStore(Option<PathBuf>);

impl key_value::Host for State {}

impl key_value::HostStore for State {
    fn drop(&mut self, store: Resource<OpenStore>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

impl<T: Send> key_value::HostStoreWithStore<T> for HasSelf<State> {
    async fn open(
        accessor: &Accessor<T, Self>,
        label: String,
    ) -> wasmtime::Result<Result<Resource<OpenStore>, KeyValueError>> {
        let folder = platform(accessor).folders.get(&label).cloned();
        if folder.is_none() && label != "default" {
            return Ok(Err(KeyValueError::NoSuchStore));
        }
        accessor.with(|mut access| Ok(Ok(access.get().table.push(OpenStore(folder))?)))
    }

    async fn get(
        accessor: &Accessor<T, Self>,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, KeyValueError>> {
        if let Some(folder) = folder(accessor, &store)? {
            return Ok(match tokio::fs::read(folder.join(key)).await {
                Ok(value) => Ok(Some(value)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(KeyValueError::Other(error.to_string())),
            });
        }
        let platform = platform(accessor);
        let entry = platform.with_key_values(|entries| entries.get(&key).cloned());
        Ok(match entry {
            None => Ok(None),
            Some(Entry::Value(value)) => Ok(Some(value)),
            Some(Entry::File(path)) => tokio::fs::read(path)
                .await
                .map(Some)
                .map_err(|error| KeyValueError::Other(error.to_string())),
        })
    }

    async fn set(
        accessor: &Accessor<T, Self>,
        store: Resource<OpenStore>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), KeyValueError>> {
        if let Some(folder) = folder(accessor, &store)? {
            let written = write(&folder.join(key), &value).await;
            return Ok(written.map_err(|error| KeyValueError::Other(error.to_string())));
        }
        let platform = platform(accessor);
        platform.with_key_values(|entries| entries.insert(key, Entry::Value(value)));
        Ok(Ok(()))
    }

    async fn delete(
        accessor: &Accessor<T, Self>,
        store: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<(), KeyValueError>> {
        if let Some(folder) = folder(accessor, &store)? {
            // What is not there needs no deleting.
            let _ = tokio::fs::remove_file(folder.join(key)).await;
            return Ok(Ok(()));
        }
        platform(accessor).with_key_values(|entries| entries.remove(&key));
        Ok(Ok(()))
    }

    async fn exists(
        accessor: &Accessor<T, Self>,
        _: Resource<OpenStore>,
        key: String,
    ) -> wasmtime::Result<Result<bool, KeyValueError>> {
        Ok(Ok(
            platform(accessor).with_key_values(|entries| entries.contains_key(&key))
        ))
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        _: Resource<OpenStore>,
    ) -> wasmtime::Result<(
        StreamReader<String>,
        FutureReader<Result<(), KeyValueError>>,
    )> {
        let keys: Vec<String> =
            platform(accessor).with_key_values(|entries| entries.keys().cloned().collect());
        accessor.with(|mut access| {
            Ok((
                StreamReader::new(&mut access, keys)?,
                FutureReader::new(&mut access, async { wasmtime::error::Ok(Ok(())) })?,
            ))
        })
    }
}

/// The folder that a store is; `None` for the default one that is in memory.
fn folder<T>(
    accessor: &Accessor<T, HasSelf<State>>,
    store: &Resource<OpenStore>,
) -> wasmtime::Result<Option<PathBuf>> {
    accessor.with(|mut access| {
        let OpenStore(folder) = access.get().table.get(store)?;
        wasmtime::error::Ok(folder.clone())
    })
}

/// A reader sees the old value or the new one, whole.
async fn write(file: &Path, value: &[u8]) -> std::io::Result<()> {
    // Several instances write at once, also the same key.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    if let Some(folder) = file.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let new = file.with_extension(format!("new{number}"));
    tokio::fs::write(&new, value).await?;
    tokio::fs::rename(new, file).await
}

impl variables::Host for State {}

impl<T: Send> variables::HostWithStore<T> for HasSelf<State> {
    async fn get(
        accessor: &Accessor<T, Self>,
        name: String,
    ) -> wasmtime::Result<Result<String, VariableError>> {
        let platform = platform(accessor);
        Ok(platform
            .variables
            .get(&name)
            .cloned()
            .ok_or(VariableError::Undefined(name)))
    }
}

fn platform<T>(accessor: &Accessor<T, HasSelf<State>>) -> Platform {
    accessor.with(|mut access| access.get().platform.clone())
}
