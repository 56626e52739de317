//! Parts of routes, prepared: each distinct one of a host once, however many routes have it.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Ordered and not hashed: a hash map takes its seed from the host, and while a component is baked
/// there is none.
#[derive(Debug)]
pub(super) struct Once<K, V>(BTreeMap<K, Arc<V>>);

impl<K: Ord, V> Once<K, V> {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(super) fn prepare(
        &mut self,
        stated: K,
        prepare: impl FnOnce(&K) -> Result<V, String>,
    ) -> Result<Arc<V>, String> {
        if let Some(known) = self.0.get(&stated) {
            return Ok(Arc::clone(known));
        }
        let prepared = Arc::new(prepare(&stated)?);
        self.0.insert(stated, Arc::clone(&prepared));
        Ok(prepared)
    }
}
