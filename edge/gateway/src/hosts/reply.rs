//! Fixed replies, prepared: each distinct one of a host once, however many routes give it.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tidegate_shared::bundle;

use super::route::fields;
use crate::decision::Reply;

#[derive(Debug, Default)]
pub(super) struct Replies(HashMap<bundle::Reply, Arc<Reply>>);

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
