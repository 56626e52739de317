//! What a reader remembers between two starts: the statement that it followed last, with its
//! bundle, and which side of roll-outs it is on.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::following::FollowError;

/// The file: eight octets that decide the side, the length of the statement in four octets, the
/// statement, the bundle. What is not as it was written is found out by the two signatures.
#[derive(Debug)]
pub(crate) struct Memory {
    file: Option<PathBuf>,
    entropy: [u8; 8],
    content: Option<Content>,
}

#[derive(Debug)]
struct Content {
    statement: Vec<u8>,
    bundle: Vec<u8>,
}

impl Memory {
    /// Reads what is there; nothing is no error.
    pub(crate) fn open(file: Option<PathBuf>) -> Result<Self, FollowError> {
        let octets = file.as_ref().and_then(|file| std::fs::read(file).ok());
        let (entropy, content) = octets.as_deref().and_then(parse).unzip();
        let entropy = match entropy {
            Some(entropy) => entropy,
            None => draw()?,
        };
        Ok(Self {
            file,
            entropy,
            content,
        })
    }

    /// What decides the side of roll-outs.
    pub(crate) fn entropy(&self) -> u64 {
        u64::from_be_bytes(self.entropy)
    }

    /// The last statement and its bundle.
    pub(crate) fn last(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        let content = self.content.take()?;
        Some((content.statement, content.bundle))
    }

    /// Remembers; the file is the old or the new one, whole.
    pub(crate) fn keep(&self, statement: &[u8], bundle: &[u8]) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let length = u32::try_from(statement.len()).unwrap_or(u32::MAX);
        let new = file.with_extension("new");
        let mut written = File::create(&new)?;
        for part in [
            &self.entropy[..],
            &length.to_be_bytes()[..],
            statement,
            bundle,
        ] {
            written.write_all(part)?;
        }
        written.sync_all()?;
        std::fs::rename(new, file)
    }
}

fn draw() -> Result<[u8; 8], FollowError> {
    let mut octets = [0; 8];
    getrandom::fill(&mut octets)
        .map_err(|error| FollowError::Here(format!("no entropy: {error}")))?;
    Ok(octets)
}

fn parse(octets: &[u8]) -> Option<([u8; 8], Content)> {
    let (entropy, rest) = octets.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (statement, bundle) = rest.split_at_checked(length)?;
    let content = Content {
        statement: statement.to_vec(),
        bundle: bundle.to_vec(),
    };
    Some((*entropy, content))
}
