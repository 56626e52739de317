//! `cargo xtask`: the chores that cargo alone does not do.

mod bench;
mod build;
mod chaos;
mod command;
mod conformance;
mod gzip;
mod imports;
mod npm;
mod peers;
mod propagation;
mod python;
mod simulate;
mod spin;
mod targets;
mod test;
mod workers;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The chores of Tidegate")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Install the Rust targets, the pinned tools of npm and PyPI, and the peers that builds and
    /// tests use
    Setup,
    /// Build the gateway for an edge runtime
    Build(build::Build),
    /// Set up what is missing, build the gateway for each runtime, and run every test
    Test,
    /// Run the tests against vectors that others wrote
    Conformance(conformance::Conformance),
    /// Kill, cut, rotate and reset what is around a connector under load, and count at both ends
    Chaos(chaos::Chaos),
    /// Measure how long it takes from an edit of a policy to its effect, for some ten minutes, the build of the Worker among them
    Propagation,
    /// Simulate what a deployment of hundreds of locations does
    Simulate(simulate::Simulate),
    /// Compare the gateway's speed with peers, as ratios of processor time
    Bench(bench::Bench),
}

fn main() -> Result<()> {
    match Arguments::parse().chore {
        Chore::Setup => {
            targets::ensure()?;
            npm::ensure()?;
            peers::ensure(&peers::TESTED)?;
            python::ensure()
        }
        Chore::Build(build) => build.run(),
        Chore::Test => test::run(),
        Chore::Conformance(conformance) => conformance.run(),
        Chore::Chaos(chaos) => chaos.run(),
        Chore::Propagation => propagation::run(),
        Chore::Simulate(simulate) => simulate.run(),
        Chore::Bench(bench) => bench.run(),
    }
}
