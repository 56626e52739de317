//! The `tidegate` command.

mod command;

use std::process::ExitCode;

use clap::Parser;

/// A policy of ten thousand routes is some hundred thousand small pieces of memory, which this one
/// gives and takes back in less time than the system's own.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    command::run(command::Tidegate::parse())
}
