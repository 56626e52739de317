//! The processor time of another process, or of a thread.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use rustix::param::clock_ticks_per_second;

#[derive(Debug)]
pub struct Processor {
    statistics: PathBuf,
}

impl Processor {
    pub fn of(process: u32) -> Self {
        Self {
            statistics: format!("/proc/{process}/stat").into(),
        }
    }

    /// The thread that asks.
    pub fn of_this_thread() -> Result<Self> {
        let thread = fs::read_link("/proc/thread-self")?;
        Ok(Self {
            statistics: PathBuf::from("/proc").join(thread).join("stat"),
        })
    }

    /// Nanoseconds that all its threads have run, in user space and in the kernel (proc(5)).
    #[expect(clippy::cast_precision_loss, reason = "exact for years")]
    pub fn nanos(&self) -> Result<f64> {
        let statistics = fs::read_to_string(&self.statistics)?;
        // The second field, the program's name in parentheses, may hold anything.
        let (_, rest) = statistics
            .rsplit_once(')')
            .context("malformed statistics")?;
        let mut times = rest.split_ascii_whitespace().skip(11);
        let mut time = || {
            times
                .next()
                .context("malformed statistics")?
                .parse::<u64>()
                .context("malformed statistics")
        };
        let ticks = time()? + time()?;
        Ok(ticks as f64 * 1e9 / clock_ticks_per_second() as f64)
    }
}

/// Octets of memory that a process has to itself.
///
/// # Errors
/// Where the system does not tell (proc(5)).
#[expect(clippy::cast_precision_loss, reason = "exact for petabytes")]
pub fn memory(process: u32) -> Result<f64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let mut private = rollup.lines();
    let private = private.find_map(|line| line.strip_prefix("Private_Dirty:"));
    let kib = private.and_then(|size| size.trim().strip_suffix(" kB"));
    let kib: u64 = kib.context("malformed statistics")?.parse()?;
    Ok(kib as f64 * 1024.0)
}
