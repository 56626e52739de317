//! What commands print, and how they write files.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use tidegate_policy_compiler::diagnostic::{self, Severity};
use tidegate_policy_compiler::files;
use tidegate_policy_compiler::source::{self, Source};
use tidegate_policy_compiler::{Ir, Output, compile};

use super::Failure;

/// Prints a result. A reader that has gone away (`| head`) is no failure.
pub(super) fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Says something to the person at the terminal.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Whether to colour what goes to standard error (<https://no-color.org>).
fn colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Compiles a policy and shows its diagnostics to the person at the terminal.
pub(super) fn compile_shown(path: &Path) -> Result<(Option<Ir>, Vec<Source>), Failure> {
    let sources = source::read(path)?;
    let output = compile(&sources);
    complain_all(&output, &sources);
    Ok((output.ir, sources))
}

/// Shows diagnostics, with a summary where there are any.
pub(super) fn complain_all(output: &Output, sources: &[Source]) {
    let report = diagnostic::render_human(&output.diagnostics, sources, colours());
    if !report.is_empty() {
        complain(report.trim_end());
        complain(&format!("\n{}", summary(output)));
    }
}

/// `1 error, 2 warnings`.
pub(super) fn summary(output: &Output) -> String {
    let count = |severity, name: &str| {
        let count = output.diagnostics.count(severity);
        format!("{count} {name}{}", if count == 1 { "" } else { "s" })
    };
    let notes = match output.diagnostics.count(Severity::Note) {
        0 => String::new(),
        _ => format!(", {}", count(Severity::Note, "note")),
    };
    format!(
        "{}, {}{notes}",
        count(Severity::Error, "error"),
        count(Severity::Warning, "warning")
    )
}

/// Writes a file whole or not at all: a reader never sees half of it, and a full disk leaves the
/// old one.
pub(super) fn write_atomically(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed = |error: io::Error| format!("cannot write `{}`: {error}", path.display());
    Ok(files::write(path, content).map_err(failed)?)
}

/// Writes a file that must not be there yet; a secret one for its owner's eyes only.
pub(super) fn write_new(path: &Path, content: &str, secret: bool) -> Result<(), Failure> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if secret { 0o600 } else { 0o644 });
    #[cfg(not(unix))]
    let _ = secret;
    let failed = |error: io::Error| format!("cannot write `{}`: {error}", path.display());
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(content.as_bytes()).map_err(failed)?;
    Ok(())
}

/// Reads a text file that a command line names.
pub(super) fn read_text(path: &Path) -> Result<String, Failure> {
    Ok(fs::read_to_string(path)
        .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?)
}

/// Octets that nobody can foresee.
pub(super) fn entropy<const N: usize>() -> Result<[u8; N], Failure> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(|error| format!("no entropy: {error}"))?;
    Ok(octets)
}
