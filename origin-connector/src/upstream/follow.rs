//! The list of endpoints follows what the source says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::rank::Rank;
use super::source::SourceError;
use super::{Connections, InvalidDestination, Upstream};
use crate::metrics::LookupLabels;

/// How often unused connections are looked for and the endpoints counted.
const SWEEP: Duration = Duration::from_secs(1);

impl<C: Connections> Upstream<C> {
    /// Asks for the endpoints for the first time. Those that were in use before, by the same kind of
    /// connections, keep theirs and their standing.
    ///
    /// # Errors
    /// Where a file does not hold. A name that cannot be resolved yet may be later; that is logged.
    pub(crate) async fn locate(self: Arc<Self>) -> Result<(), InvalidDestination> {
        let located = self.refresh().await;
        let before = self.before.lock();
        let before = before.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(before) = before.filter(|one| self.connections.alike(&one.connections)) {
            let place = |one: &Self| (one.target.address.clone(), one.target.endpoints.clone());
            let all = located.is_err() && place(&self) == place(&before);
            self.balancer.take_over(&before.balancer, all);
        }
        match located {
            Ok(_) => Ok(()),
            Err(error @ SourceError::File(_)) => Err(InvalidDestination::new(&self.name, &error)),
            Err(error @ (SourceError::Dns(_) | SourceError::Cut)) => {
                self.complain(error.to_string());
                Ok(())
            }
        }
    }

    /// Tells how long what was found is good; `None` for ever.
    async fn refresh(&self) -> Result<Option<Duration>, SourceError> {
        let located = self.source.locate().await;
        let result = if located.is_ok() { "found" } else { "failed" };
        let labels = LookupLabels {
            backend: self.name.clone(),
            result,
        };
        self.metrics.lookups.get_or_create(&labels).inc();
        let (endpoints, lifetime) = located?;
        self.replace(&endpoints);
        Ok(lifetime)
    }

    fn replace(&self, endpoints: &BTreeMap<SocketAddr, Rank>) {
        let open = |to| self.connections.open(to);
        if self.balancer.replace(endpoints, open) {
            let addresses = endpoints.keys();
            tracing::info!(backend = self.name, ?addresses, "endpoints changed");
            self.count();
        }
    }

    fn complain(&self, error: String) {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if fault.as_ref() == Some(&error) {
            return;
        }
        let backend = &self.name;
        match self.balancer.endpoints().is_empty() {
            true => tracing::warn!(backend, error, "no endpoints yet"),
            false => tracing::warn!(backend, error, "the old endpoints stay in use"),
        }
        *fault = Some(error);
    }

    /// Asks where the endpoints are again and again, and sweeps up. Never ends.
    pub(super) async fn watch(&self) {
        self.shown.store(true, Ordering::Relaxed);
        self.count();
        let sweep = async {
            loop {
                tokio::time::sleep(SWEEP).await;
                for endpoint in self.balancer.endpoints() {
                    C::sweep(&endpoint.pool);
                }
                self.count();
            }
        };
        tokio::join!(self.follow(), sweep);
    }

    /// Ends where the endpoints are always the same.
    async fn follow(&self) {
        let mut good_until = Instant::now();
        loop {
            let wait = match self.refresh().await {
                Ok(None) => return,
                Ok(Some(lifetime)) => {
                    *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    good_until = Instant::now() + lifetime;
                    lifetime
                }
                Err(error) => {
                    self.complain(error.to_string());
                    let stale = self.source.stale();
                    if stale.is_some_and(|stale| good_until.elapsed() >= stale) {
                        // Who has these addresses by now is anybody's guess.
                        self.replace(&BTreeMap::new());
                    }
                    self.source.pause()
                }
            };
            tokio::time::sleep(wait).await;
        }
    }
}
