//! The program, as people run it.

use std::path::Path;
use std::process::Command;

/// The program, in a folder and without a token of Cloudflare's.
pub(crate) fn tidegate(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command
        .env_remove("CLOUDFLARE_API_TOKEN")
        .current_dir(folder);
    command
}

/// The exit status, standard output and standard error.
pub(crate) fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}
