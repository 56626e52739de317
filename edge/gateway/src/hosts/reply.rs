//! Fixed replies, prepared: each distinct one of a host once, however many routes give it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tidegate_shared::bundle;

use super::route::fields;
use crate::decision::Reply;

/// Ordered and not hashed: a hash map takes its seed from the host, and while a component is baked
/// there is none.
#[derive(Debug, Default)]
pub(super) struct Replies(BTreeMap<bundle::Reply, Arc<Reply>>);

impl Replies {
    pub(super) fn prepare(&mut self, reply: bundle::Reply) -> Result<Arc<Reply>, String> {
        if let Some(known) = self.0.get(&reply) {
            return Ok(Arc::clone(known));
        }
        let prepared = Arc::new(Reply {
            status: reply.status,
            headers: fields(reply.headers.clone())?,
            body: Bytes::copy_from_slice(&reply.body),
        });
        self.0.insert(reply, Arc::clone(&prepared));
        Ok(prepared)
    }
}
