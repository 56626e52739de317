//! All take turns.

use std::path::Path;

use anyhow::{Context, Result, bail};
use tidegate_measure::report::{Report, Row, Unit};
use tidegate_measure::{Outcome, median, ratio};

use crate::client::Speaks;
use crate::contestant::{Contestant, Program, World};
use crate::origin;

/// How often each takes its turn.
const ROUNDS: usize = 7;
/// In a turn: a process' time is counted in hundredths of a second.
const REQUESTS: usize = 32_000;
const HANDSHAKES: usize = 640;

/// Idle connections of which memory is told, and those before them, which are not counted.
const IDLE: usize = 2_000;
const MANY: usize = 10_000;
const WARM: usize = 200;

/// What is done in a turn.
#[derive(Clone, Copy, Debug)]
enum Job {
    Requests(Speaks),
    Handshakes { resumed: bool },
}

/// A job, by its name, and what the ratios to nginx and to HAProxy should not exceed.
struct Contest {
    name: &'static str,
    job: Job,
    full: bool,
    nginx: Option<f64>,
    haproxy: Option<f64>,
}

const CONTESTS: [Contest; 6] = [
    Contest {
        name: "http1",
        job: Job::Requests(Speaks::Http1),
        full: false,
        nginx: Some(0.9),
        haproxy: Some(1.2),
    },
    Contest {
        name: "http1/full",
        job: Job::Requests(Speaks::Http1),
        full: true,
        nginx: Some(0.9),
        haproxy: Some(1.2),
    },
    Contest {
        name: "http2",
        job: Job::Requests(Speaks::Http2),
        full: false,
        nginx: Some(0.9),
        haproxy: Some(1.2),
    },
    Contest {
        name: "http2/full",
        job: Job::Requests(Speaks::Http2),
        full: true,
        nginx: Some(0.9),
        haproxy: Some(1.2),
    },
    Contest {
        name: "handshake",
        job: Job::Handshakes { resumed: false },
        full: true,
        nginx: None,
        haproxy: None,
    },
    Contest {
        name: "handshake/resumed",
        job: Job::Handshakes { resumed: true },
        full: true,
        // 1.6 times as many.
        nginx: Some(0.625),
        haproxy: None,
    },
];

/// Runs what begins with `only`.
pub(crate) async fn run(connector: &Path, peers: &Path, only: &str) -> Result<Report> {
    let world = World::new(connector, peers, origin::serve().await?)?;
    let mut report = Report::begin()?;
    for contest in &CONTESTS {
        if contest.name.starts_with(only) {
            contest.run(&world, &mut report).await?;
        }
    }
    for (name, speaks) in [("idle/http1", Speaks::Http1), ("idle/http2", Speaks::Http2)] {
        if name.starts_with(only) {
            idle(&world, name, speaks, &mut report).await?;
        }
    }
    if report.is_empty() {
        bail!("no row's name begins with `{only}`");
    }
    Ok(report)
}

impl Contest {
    async fn run(&self, world: &World, report: &mut Report) -> Result<()> {
        let mut all = vec![world.start(Program::Connector, true)?];
        for peer in Program::PEERS {
            all.push(world.start(peer, self.full)?);
        }
        for contestant in &all {
            // Warms up: it is not counted.
            self.turn(world, contestant).await?;
        }
        for _ in 0..ROUNDS {
            for contestant in &mut all {
                let took = self.turn(world, contestant).await?;
                contestant.turns.push(took);
            }
        }
        let Some((ours, peers)) = all.split_first() else {
            return Ok(());
        };
        for peer in peers {
            let outcome = Outcome {
                ours: median(ours.turns.clone()),
                peer: median(peer.turns.clone()),
                ratio: ratio(&ours.turns, &peer.turns),
                parts: vec![],
            };
            let name = format!("{}/{}", self.name, peer.program.name());
            report.add(Row {
                name,
                aim: self.aim(peer.program),
                unit: Unit::Time,
                measure: Box::new(move || Ok(outcome)),
            })?;
        }
        Ok(())
    }

    fn aim(&self, peer: Program) -> Option<f64> {
        match peer {
            Program::Nginx => self.nginx,
            Program::Haproxy => self.haproxy,
            Program::Envoy | Program::Connector => None,
        }
    }

    /// Nanoseconds of one operation.
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    async fn turn(&self, world: &World, contestant: &Contestant) -> Result<f64> {
        let (client, to) = (&world.client, contestant.address);
        let before = contestant.nanos()?;
        let (done, times) = match self.job {
            Job::Requests(speaks) => (client.load(to, speaks, REQUESTS).await, REQUESTS),
            Job::Handshakes { resumed } => {
                (client.handshakes(to, resumed, HANDSHAKES).await, HANDSHAKES)
            }
        };
        done.with_context(|| format!("`{}` of {}", self.name, contestant.program.name()))?;
        Ok((contestant.nanos()? - before) / times as f64)
    }
}

/// Memory that connections hold while nothing happens on them.
async fn idle(world: &World, name: &str, speaks: Speaks, report: &mut Report) -> Result<()> {
    let ours = held(world, Program::Connector, speaks, IDLE).await?;
    for peer in Program::PEERS {
        let theirs = held(world, peer, speaks, IDLE).await?;
        report.add(Row {
            name: format!("{name}/{}", peer.name()),
            aim: (peer == Program::Nginx).then_some(0.35),
            unit: Unit::Octets,
            measure: Box::new(move || {
                Ok(Outcome {
                    ours,
                    peer: theirs,
                    ratio: ours / theirs,
                    parts: vec![],
                })
            }),
        })?;
    }
    let many = held(world, Program::Connector, speaks, MANY).await?;
    report.say(&format!(
        "  the connector with {MANY} of them: {:.1} kB each",
        many / 1e3
    ))
}

#[expect(clippy::cast_precision_loss, reason = "some thousands")]
async fn held(world: &World, program: Program, speaks: Speaks, count: usize) -> Result<f64> {
    let contestant = world.start(program, true)?;
    let open = |count| world.client.idle(contestant.address, speaks, count);
    let context = || format!("idle connections of {}", program.name());
    let _warm = open(WARM).await.with_context(context)?;
    let before = contestant.memory()?;
    let _idle = open(count).await.with_context(context)?;
    Ok((contestant.memory()? - before) / count as f64)
}
