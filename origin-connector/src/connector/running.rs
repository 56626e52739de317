//! What a running connector does beside serving, and how the next generation takes the place of the
//! one in force.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::ports::{Bound, NewPort, Ports, plan};
use super::{BindError, ReloadError};
use crate::admin::Observed;
use crate::config::Config;
use crate::dial::Gateway;
use crate::generation::{Begun, Generation, Ground, Next};
use crate::server::Server;
use crate::tls::reload::Loaded;

/// How long a gateway's old tunnels wait for new ones that take their place.
const HANDOVER: Duration = Duration::from_secs(10);

/// Everything that has been started. It ends along with this.
#[derive(Debug)]
pub(super) struct Running {
    ground: Ground,
    server: Arc<Server>,
    ports: Ports,
    admin: Option<(SocketAddr, AbortOnDropHandle<()>)>,
    keepers: Keepers,
    gateways: Vec<(Arc<Gateway>, DropGuard)>,
    /// Listeners, and whoever keeps tunnels open.
    pub(super) accepting: TaskTracker,
    /// Whoever sends spans.
    exporting: TaskTracker,
    /// There will be no more of them.
    finish: CancellationToken,
}

/// Listeners that a generation needs and the one before does not have.
#[derive(Debug)]
pub(super) struct NewPorts {
    pub(super) ports: Vec<NewPort>,
    pub(super) admin: Option<Bound>,
}

/// A change that only has to be made.
#[derive(Debug)]
pub(super) struct Change {
    next: Next,
    certificates: Loaded,
    new: NewPorts,
}

impl NewPorts {
    pub(super) async fn bind(config: &Config) -> Result<Self, BindError> {
        Self::beside(config, &Ports::default(), None).await
    }

    async fn beside(
        config: &Config,
        ports: &Ports,
        admin: Option<SocketAddr>,
    ) -> Result<Self, BindError> {
        Ok(Self {
            ports: ports.bind(plan(config)).await?,
            admin: match config.admin.filter(|wanted| admin != Some(*wanted)) {
                Some(wanted) => Some(Bound::new(wanted).await?),
                None => None,
            },
        })
    }
}

impl Running {
    /// Starts the generation that the server has.
    pub(super) fn start(ground: Ground, server: Arc<Server>, new: NewPorts, begun: Begun) -> Self {
        let mut running = Self {
            ground,
            server,
            ports: Ports::default(),
            admin: None,
            keepers: Keepers::default(),
            gateways: Vec::new(),
            accepting: TaskTracker::new(),
            exporting: TaskTracker::new(),
            finish: CancellationToken::new(),
        };
        running.follow(new, begun);
        running
    }

    /// Has the last spans sent, for so long at most.
    pub(super) async fn flush(&self, patience: Duration) {
        self.finish.cancel();
        self.exporting.close();
        let flushed = tokio::time::timeout(patience, self.exporting.wait()).await;
        if flushed.is_err() {
            tracing::warn!("the collector has not taken the last spans");
        }
    }

    /// Makes of a configuration all that can fail. What is in force is not touched.
    pub(super) async fn prepare(&self, config: Config) -> Result<Change, ReloadError> {
        let checked = config.clone();
        let check = tokio::task::spawn_blocking(move || checked.check_files()).await;
        check.map_err(|_| ReloadError::Ended)??;
        let before = Some(self.ground.reloader.as_ref());
        let certificates = Loaded::read(config.tls.clone(), &self.ground.metrics, before).await?;
        let admin = self.admin.as_ref().map(|(wanted, _)| *wanted);
        let new = NewPorts::beside(&config, &self.ports, admin).await?;
        let before = self.server.generation();
        Ok(Change {
            next: Generation::make(config, &self.ground, Some(&before)).await?,
            certificates,
            new,
        })
    }

    /// Makes the change. From here on nothing can fail, and nothing is waited for.
    pub(super) fn put(&mut self, change: Change) {
        let Change {
            next,
            certificates,
            new,
        } = change;
        let before = self.server.generation();
        self.server.reloader.replace(certificates);
        let (generation, begun) = next.settle();
        self.server.current.store(generation.clone());
        self.follow(new, begun);
        leave(&before, &generation);
    }

    /// Starts what the generation in force has more than what is running, and stops what it has not.
    fn follow(&mut self, new: NewPorts, begun: Begun) {
        let Begun { reading, exporter } = begun;
        let generation = self.server.generation();
        self.serve_admin(generation.config.admin.is_some(), new.admin);
        let plan = plan(&generation.config);
        self.ports
            .follow(plan, new.ports, &self.server, &self.accepting);
        let mut kept = std::mem::take(&mut self.keepers);
        let reloader = &self.ground.reloader;
        let keep = || reloader.clone().watch();
        self.keepers.take(&mut kept, reloader, keep);
        let proxy = &generation.proxy;
        for upstream in &proxy.upstreams {
            let keep = || upstream.clone().keep();
            self.keepers.take(&mut kept, upstream, keep);
        }
        for upstream in generation.doors.values().flat_map(|door| door.upstreams()) {
            let keep = || upstream.clone().keep();
            self.keepers.take(&mut kept, &upstream, keep);
        }
        if let Some(verifier) = &proxy.verifier {
            let keep = || verifier.clone().keep(self.ground.metrics.clone());
            self.keepers.take(&mut kept, verifier, keep);
        }
        match (&proxy.policy, reading) {
            (Some(policy), Some(reading)) => {
                let keep = || policy.clone().keep(reading);
                self.keepers.take(&mut kept, policy, keep);
            }
            (Some(policy), None) => self.keepers.keep(&mut kept, policy),
            (None, _) => {}
        }
        if let Some(exporter) = exporter {
            // The one before ends once the last request has that began with it.
            self.exporting.spawn(exporter.run(self.finish.clone()));
        }
        self.dial(&generation);
    }

    fn serve_admin(&mut self, wanted: bool, bound: Option<Bound>) {
        if let Some(bound) = bound {
            let Bound {
                wanted,
                local,
                listener,
            } = bound;
            tracing::info!(address = %local, "serving health and metrics");
            let serving = tokio::spawn(self.admin(listener));
            self.admin = Some((wanted, AbortOnDropHandle::new(serving)));
        } else if !wanted {
            self.admin = None;
        }
    }

    fn admin(&self, listener: TcpListener) -> impl Future<Output = ()> + use<> {
        let observed = Observed {
            server: self.server.clone(),
            tunnels: self.ground.tunnels.clone(),
        };
        tidegate_admin::serve(listener, Arc::new(observed))
    }

    /// Dials who is new, and lets go of who is not there any more.
    fn dial(&mut self, generation: &Generation) {
        let mut left = std::mem::take(&mut self.gateways);
        for gateway in &generation.gateways {
            let same = left.iter().position(|(one, _)| Arc::ptr_eq(one, gateway));
            if let Some(index) = same {
                self.gateways.push(left.swap_remove(index));
                continue;
            }
            self.accepting
                .spawn(gateway.clone().keep(self.server.clone()));
            let retired = gateway.retired.clone().drop_guard();
            let named = |(one, _): &(Arc<Gateway>, DropGuard)| one.name() == gateway.name();
            if let Some(index) = left.iter().position(named) {
                let (_, before) = left.swap_remove(index);
                let (reached, drain) = (gateway.reached.clone(), self.ground.drain.clone());
                self.accepting.spawn(async move {
                    tokio::select! {
                        () = reached.cancelled() => {}
                        () = tokio::time::sleep(HANDOVER) => {}
                        () = drain.cancelled() => {}
                    }
                    drop(before);
                });
            }
            self.gateways.push((gateway.clone(), retired));
        }
    }
}

/// Lets go of what was in force and is not any more. Requests and connections that are under way on it
/// go on.
fn leave(before: &Generation, now: &Generation) {
    for upstream in &before.proxy.upstreams {
        upstream.leave(now.proxy.upstream(upstream.name()));
    }
    for (name, door) in &before.doors {
        let after = now.doors.get(name);
        let reached = after.map(|after| after.upstreams()).unwrap_or_default();
        for upstream in door.upstreams() {
            let same = reached.iter().find(|one| one.name() == upstream.name());
            upstream.leave(same);
        }
        if after.is_none() {
            let (abort, patience) = (door.abort.clone(), now.config.drain);
            tokio::spawn(async move {
                tokio::time::sleep(patience).await;
                abort.cancel();
            });
        }
    }
    for gateway in &before.gateways {
        if !now.gateways.iter().any(|one| one.name() == gateway.name()) {
            gateway.leave();
        }
    }
}

/// Tasks that never end, each for something that is in force.
#[derive(Debug, Default)]
struct Keepers(BTreeMap<usize, AbortOnDropHandle<()>>);

impl Keepers {
    /// Has `what` kept, by the task that does so already, if any.
    fn take<T, F>(&mut self, kept: &mut Self, what: &Arc<T>, keep: impl FnOnce() -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // The task holds it: nothing else has its address meanwhile.
        let address = Arc::as_ptr(what).addr();
        let task = kept.0.remove(&address);
        let task = task.unwrap_or_else(|| AbortOnDropHandle::new(tokio::spawn(keep())));
        self.0.insert(address, task);
    }

    /// The same where there is such a task.
    fn keep<T>(&mut self, kept: &mut Self, what: &Arc<T>) {
        let address = Arc::as_ptr(what).addr();
        if let Some(task) = kept.0.remove(&address) {
            self.0.insert(address, task);
        }
    }
}
