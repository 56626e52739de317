//! A file of endpoints: one a line, blank lines and what follows `#` aside.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::endpoints::{InvalidEndpoints, parse};

/// A file that is no list of endpoints.
#[derive(Debug, thiserror::Error)]
pub enum EndpointsFileError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is no endpoint.
    #[error("{}:{line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The first is 1.
        line: usize,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// There are none, or too many.
    #[error("{}: {reason}", path.display())]
    List {
        /// The file.
        path: PathBuf,
        /// Which of the two.
        reason: String,
    },
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<BTreeSet<SocketAddr>, EndpointsFileError> {
    let unreadable = |source| EndpointsFileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    parse_lines(&text).map_err(|(line, reason)| match line {
        Some(line) => EndpointsFileError::Line {
            path: path.to_owned(),
            line,
            reason: reason.to_string(),
        },
        None => EndpointsFileError::List {
            path: path.to_owned(),
            reason: reason.to_string(),
        },
    })
}

/// On failure also the line that is to blame, where one is.
fn parse_lines(text: &str) -> Result<BTreeSet<SocketAddr>, (Option<usize>, InvalidEndpoints)> {
    let entries = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    let entries = entries.enumerate().filter(|(_, entry)| !entry.is_empty());
    parse(entries.clone().map(|(_, entry)| entry)).map_err(|error| {
        let malformed = InvalidEndpoints::Malformed;
        let blamed = entries
            .clone()
            .find(|(_, entry)| error == malformed((*entry).to_owned()));
        (blamed.map(|(index, _)| index + 1), error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_file_of_addresses() {
        let text = "# the ingress\n192.0.2.1:80\n\n  [2001:db8::1]:80 # new\n192.0.2.1:80\n";
        let read: Vec<String> = parse_lines(text)
            .unwrap()
            .iter()
            .map(SocketAddr::to_string)
            .collect();
        assert_eq!(read, ["192.0.2.1:80", "[2001:db8::1]:80"]);
        let empty = Err((None, InvalidEndpoints::Empty));
        assert_eq!(parse_lines("# none\n"), empty);
        let malformed = InvalidEndpoints::Malformed("bank.example:80".to_owned());
        let text = "192.0.2.1:80\n\nbank.example:80 # by name";
        assert_eq!(parse_lines(text), Err((Some(3), malformed)));
        let many: String = (0..1001)
            .map(|port| format!("192.0.2.1:{port}\n"))
            .collect();
        let too_many = Err((None, InvalidEndpoints::TooMany));
        assert_eq!(parse_lines(&many), too_many);
    }
}
