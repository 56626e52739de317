//! Compares the gateway's work with what it would be at best, and with peers.
//!
//! Each row is a ratio of processor time between two contestants that took turns in one run, so
//! that a busy machine slows both alike. Absolute figures are printed for orientation only.

mod authenticate;
mod compile;
mod condition;
mod decide;
mod limit;
mod load;
mod measure;
mod native;
mod policy;
mod request;
mod scheme;
mod shadow;
mod token;
mod workers;

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Parser;
use tidegate_measure::report::{self, Report};

/// As the `tidegate` command has it, for all contestants alike.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Debug, Parser)]
#[command(about = "The speed of the gateway, as ratios")]
struct Arguments {
    /// Run only the rows whose name begins so
    #[arg(long, value_name = "NAME", default_value = "")]
    only: String,
    /// Also write the rows to a file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where the Workers to compare are built
    #[arg(long, value_name = "DIRECTORY")]
    workers: Option<PathBuf>,
    /// Compile a large policy and print the most memory that it took
    #[arg(long, hide = true)]
    compile_many: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.compile_many {
        writeln!(io::stdout(), "{}", compile::many()?)?;
        return Ok(());
    }
    let workers = arguments.workers.as_deref().map(workers::rows);
    let rows = [
        decide::rows(),
        load::rows(),
        authenticate::rows(),
        condition::rows(),
        limit::rows(),
        native::rows(),
        shadow::rows(),
        compile::rows(),
        workers.unwrap_or_default(),
    ];
    let mut report = Report::begin()?;
    for row in rows.into_iter().flatten() {
        if row.name.starts_with(&arguments.only) {
            report.add(row)?;
        }
    }
    if report.is_empty() {
        bail!("no row's name begins with `{}`", arguments.only);
    }
    match arguments.json {
        Some(file) => report.write_json(&file),
        None => Ok(()),
    }
}
