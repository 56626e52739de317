//! The command line, one file a command.
//!
//! Exit codes: 0 for success, 1 for a finding or a failure, 2 for a wrong call. Results go to
//! standard output, everything else to standard error.

#[cfg(feature = "bake")]
mod bake;
mod channel;
mod check;
mod compile;
mod completions;
mod credentials;
mod dev;
mod diff;
mod explain;
mod fmt;
mod history;
mod init;
mod inspect;
mod keys;
mod man;
mod output;
mod publish;
mod replay;
mod revocations;
mod rollback;
mod schema;
mod shadow;
mod side;
mod status;
mod store;
mod test;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Compiles, tests and runs gateway policies.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, about, arg_required_else_help = true)]
pub(crate) struct Tidegate {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Begin a small working policy, with keys, tests and a schema
    Init(init::Init),
    /// Show everything that is wrong with a policy
    Check(check::Check),
    /// Lay out the files of a policy in one way; comments stay, and so does the meaning
    Fmt(fmt::Fmt),
    /// Compile a policy into a signed bundle
    Compile(compile::Compile),
    /// Show a bundle as JSON, and whether its signature holds
    Inspect(inspect::Inspect),
    /// Run a policy's own tests, offline
    Test(test::Test),
    /// Show a request's way through a policy: which route, phase by phase, which line decided
    Explain(explain::Explain),
    /// Show what changes for callers between two policies, and not which lines changed
    ///
    /// Exit status: 0 where nothing changes, 1 where something does, 2 for trouble: a policy that
    /// does not compile, a bundle that is not trusted, a wrong call.
    Diff(diff::Diff),
    /// Send requests that were made through two policies, and show whose verdict changes
    ///
    /// Exit status: 0 where no verdict changes, 1 where one does, 2 for trouble.
    Replay(replay::Replay),
    /// Show where a bundle in shadow would have done something else, from access records
    ///
    /// Exit status: 0 where nowhere, 1 where it would, 2 for trouble.
    Shadow(shadow::Shadow),
    /// Put a bundle into a store, and into force on a channel
    ///
    /// Exit status: 0 where it is in force; with `--watch`, 0 once it is for all gateways, 3 where it
    /// was rolled back, 4 where nothing could be decided and the roll-out stays where it is; 1 for
    /// trouble, as where someone else published meanwhile.
    Publish(publish::Publish),
    /// Put into force again what was before, under a new sequence
    Rollback(rollback::Rollback),
    /// Show what is in force on a channel; exit status 1 where it expired
    Status(status::Status),
    /// Show what was in force on a channel, newest first
    History(history::History),
    /// Make keys
    Keys(keys::Keys),
    /// Make, list, replace and revoke the API keys of a store
    Credentials(credentials::Credentials),
    /// Revoke tokens, subjects and keys before their time
    Revocations(revocations::Revocations),
    /// Make a token to test with
    Token(token::Token),
    /// Print the JSON schema of the policy language
    Schema(schema::Schema),
    /// Run a policy here, with connectors over mutual TLS and sample origins
    Dev(dev::Dev),
    /// Freeze a bundle into the gateway's Spin component
    #[cfg(feature = "bake")]
    Bake(bake::Bake),
    /// Print completions for a shell
    Completions(completions::Completions),
    /// Write the manual pages
    Man(man::Man),
}

/// A command failed; the text says how.
type Failure = Box<dyn std::error::Error>;

/// Runs a command.
pub(crate) fn run(tidegate: Tidegate) -> ExitCode {
    let outcome = match tidegate.command {
        Command::Init(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Fmt(command) => command.run(),
        Command::Compile(command) => command.run(),
        Command::Inspect(command) => command.run(),
        Command::Test(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Diff(command) => return command.run(),
        Command::Replay(command) => return command.run(),
        Command::Shadow(command) => return command.run(),
        Command::Publish(command) => command.run(),
        Command::Rollback(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::History(command) => command.run(),
        Command::Keys(command) => command.run(),
        Command::Credentials(command) => command.run(),
        Command::Revocations(command) => command.run(),
        Command::Token(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Dev(command) => command.run(),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(),
        #[cfg(feature = "bake")]
        Command::Bake(command) => command.run(),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            output::complain(&format!("error: {failure}"));
            ExitCode::FAILURE
        }
    }
}
