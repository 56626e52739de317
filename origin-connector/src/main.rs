//! `tidegate-connector`: the connector as a program.

mod log;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use tidegate_origin_connector::config::Checked;
use tidegate_origin_connector::{Config, Connector};
use tokio::runtime::{self, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::JsonFields;

use log::Lines;
use log::json::Json;

/// Gives the memory of connections that have gone back to the system after some seconds. The C
/// library's keeps it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The mutual TLS terminator at the door of a mesh.
///
/// Takes requests from gateways that present a certificate of a trusted authority, and hands
/// those that the configuration allows to backends. SIGTERM and SIGINT drain, SIGHUP loads the
/// configuration and every file that it names again.
#[derive(Debug, Parser)]
#[command(name = "tidegate-connector", version)]
struct Arguments {
    /// The configuration, a TOML file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Read the configuration and every file that it names, say all that is wrong, and exit.
    #[arg(long)]
    check: bool,
    /// How to log, on standard error. RUST_LOG filters, as `info,access=off`.
    #[arg(long, value_enum, default_value_t = Log::Human)]
    log: Log,
    /// Threads that serve; by default one for each processor.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Log {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "tidegate-connector: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn start(arguments: &Arguments) -> Result<(), Failure> {
    let config = Config::read(&arguments.config)?;
    if arguments.check {
        let Checked { notices, unchecked } = config.check_files()?;
        for notice in notices {
            writeln!(io::stderr(), "expires soon: {notice}")?;
        }
        for sentence in unchecked {
            writeln!(io::stderr(), "not checked: {sentence}")?;
        }
        Runtime::new()?.block_on(config.check_policy())?;
        writeln!(io::stdout(), "{}: ok", arguments.config.display())?;
        return Ok(());
    }
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let (lines, _written_at_the_end) = Lines::to(io::stderr());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines.clone());
    match arguments.log {
        Log::Human => log.with_ansi(false).init(),
        Log::Json => log
            .fmt_fields(JsonFields::new())
            .event_format(Json::default())
            .init(),
    }
    runtime(arguments.threads)?.block_on(serve(config, &arguments.config, lines))
}

/// Where there is one thread alone, nothing is handed from one to another.
fn runtime(threads: Option<u16>) -> io::Result<Runtime> {
    let mut builder = match threads {
        Some(1) => runtime::Builder::new_current_thread(),
        Some(_) | None => runtime::Builder::new_multi_thread(),
    };
    if let Some(threads) = threads {
        builder.worker_threads(threads.into());
    }
    builder.enable_all().build()
}

async fn serve(config: Config, file: &Path, lines: Lines) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let connector = Connector::bind(config).await?;
    connector.count_lost_lines(move || lines.lost());
    let (reload, file) = (connector.reload(), file.to_owned());
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            // What comes of it is in the log.
            let _ = reload.read(&file).await;
        }
    });
    let mut stdout = io::stdout();
    match connector.local_addr() {
        Some(address) => writeln!(stdout, "listening https://{address}")?,
        None => {
            writeln!(stdout, "dialling {}", connector.dials().join(", "))?;
        }
    }
    stdout.flush()?;
    connector
        .run(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await;
    Ok(())
}
