//! Requests from a file: access records, one a line, or an HTTP Archive.

mod archive;
mod record;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, BufRead, Read as _};
use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderName, Method};

use crate::TestRequest;

/// The longest line in octets.
const MAX_LINE: usize = 1024 * 1024;
/// The largest archive in octets.
const MAX_ARCHIVE: usize = 64 * 1024 * 1024;
/// Requests that differ from each other.
const MAX_CALLS: usize = 1_000_000;

/// A request, and what was written down of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// `https`, or `http`; a record does not say.
    pub https: bool,
    /// The authority.
    pub authority: String,
    /// Path and query; a record has no query.
    pub path_and_query: String,
    /// Header fields, without those that carry credentials; a record has none.
    pub headers: Vec<(HeaderName, String)>,
    /// The client's address.
    pub from: Option<IpAddr>,
    /// Who called, as far as that is told.
    pub who: Who,
    /// What became of it; an archive does not say.
    pub recorded: Option<Recorded>,
}

/// Who called, as far as a file tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// Nobody in particular.
    Nobody,
    /// Whom the record names.
    Consumer(String),
    /// The bearer of a token with these claims, a JSON object.
    Bearer(String),
}

/// What a record says of the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recorded {
    /// Whether it was refused.
    pub refused: bool,
    /// Whether a limit did so.
    pub by_limit: bool,
    /// Whether for want of a scope.
    pub lacks_scope: bool,
    /// The status.
    pub status: u16,
    /// The problem.
    pub problem: Option<String>,
}

impl Recorded {
    /// In words.
    pub fn words(&self) -> String {
        match &self.problem {
            Some(problem) => format!("refused with {} `{problem}`", self.status),
            None => format!("let through, {} in the end", self.status),
        }
    }
}

impl Call {
    /// The request, from nobody yet.
    pub(super) fn request(&self) -> TestRequest {
        TestRequest {
            method: self.method.clone(),
            https: self.https,
            authority: self.authority.clone(),
            path_and_query: self.path_and_query.clone(),
            headers: self.headers.clone(),
            callers: vec![],
            // Of the range for documentation (RFC 5737).
            from: self.from.unwrap_or(Ipv4Addr::new(192, 0, 2, 1).into()),
        }
    }
}

/// How often a request was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// The number of the first line or entry with it; counts from 1.
    pub first: u64,
    /// How many there are.
    pub times: u64,
}

/// Requests, each with how often it was made.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    order: Vec<Call>,
    made: HashMap<Call, Made>,
}

impl Requests {
    fn add(&mut self, call: Call, number: u64) -> Result<(), ReadError> {
        let full = self.order.len() >= MAX_CALLS;
        match self.made.entry(call) {
            Entry::Occupied(mut entry) => {
                let made = entry.get_mut();
                made.times = made.times.saturating_add(1);
            }
            Entry::Vacant(_) if full => return Err(ReadError::TooMany),
            Entry::Vacant(entry) => {
                self.order.push(entry.key().clone());
                entry.insert(Made {
                    first: number,
                    times: 1,
                });
            }
        }
        Ok(())
    }

    /// Each request that differs from the others, in the order of the file.
    pub fn calls(&self) -> impl Iterator<Item = (&Call, Made)> {
        let made = |call: &Call| self.made.get(call).copied();
        self.order
            .iter()
            .filter_map(move |call| Some((call, made(call)?)))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The consumers that records name.
    pub(super) fn consumers(&self) -> impl Iterator<Item = &str> {
        self.order.iter().filter_map(|call| match &call.who {
            Who::Consumer(consumer) => Some(consumer.as_str()),
            Who::Nobody | Who::Bearer(_) => None,
        })
    }
}

/// What a file has.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// The requests.
    pub requests: Requests,
    /// Lines or entries that are none, and are left out.
    pub malformed: Vec<Malformed>,
    /// Lines of a log that are about something else.
    pub other: u64,
}

/// A line or entry that is no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{number}: {reason}")]
pub struct Malformed {
    /// The line or entry; counts from 1.
    pub number: u64,
    /// Why.
    pub reason: String,
}

/// A file cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line that is too long to be a record.
    #[error("line {0} has more than {MAX_LINE} octets")]
    Line(u64),
    /// An archive that is too large.
    #[error("an archive may have {MAX_ARCHIVE} octets: split it")]
    Archive,
    /// More requests than are held.
    #[error("more than {MAX_CALLS} requests that differ from each other: split the file")]
    TooMany,
    /// Neither records nor an archive.
    #[error("neither access records, one a line, nor an HTTP Archive: {0}")]
    Neither(String),
}

/// Reads access records, one JSON object a line, or an HTTP Archive.
///
/// # Errors
/// [`ReadError`]; what is wrong with one line of records is no error.
pub fn read(mut input: impl BufRead) -> Result<Read, ReadError> {
    let mut read = Read::default();
    let mut number = 0_u64;
    loop {
        let mut line = Vec::new();
        let bound = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
        let octets = input.by_ref().take(bound).read_until(b'\n', &mut line)?;
        if octets == 0 {
            return Ok(read);
        }
        number = number.saturating_add(1);
        if number == 1 && archive::begins(&line) {
            return archive::read(line, input);
        }
        if octets == MAX_LINE && !line.ends_with(b"\n") {
            return Err(ReadError::Line(number));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match record::parse(&line) {
            Ok(Some(call)) => read.requests.add(call, number)?,
            Ok(None) => read.other = read.other.saturating_add(1),
            Err(reason) => read.malformed.push(Malformed { number, reason }),
        }
        if read.malformed.len() > MAX_CALLS {
            return Err(ReadError::TooMany);
        }
    }
}

#[cfg(test)]
mod tests;
