//! Where access records come from: files that grow, and standard input.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::mpsc::{self, Receiver, TryRecvError};

use super::lines::Lines;

/// Octets that are read at once.
const PIECE: usize = 64 * 1024;
/// Pieces of a source that are taken in one go, so that one that never ends holds nothing up.
const PIECES: usize = 1024;
/// Pieces of standard input that wait; its writer waits then.
const WAITING: usize = 64;

/// A source of access records, as people write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    /// `-`: standard input.
    Input,
    /// A file that grows.
    File(PathBuf),
}

impl FromStr for Records {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "-" => Self::Input,
            path => Self::File(path.into()),
        })
    }
}

/// Access records as they come.
#[derive(Debug)]
pub struct Feed(Vec<(Source, Lines)>);

#[derive(Debug)]
enum Source {
    Growing(Growing),
    /// `None` once it has ended.
    Input(Option<Receiver<Vec<u8>>>),
}

/// A file that is written to its end.
#[derive(Debug)]
struct Growing {
    path: PathBuf,
    file: Option<File>,
    /// Whether a file that is found is read from its beginning: it came while this ran.
    whole: bool,
}

impl Feed {
    /// Begins at the end of what is there: what was before says nothing of what is to be decided.
    ///
    /// # Errors
    /// Where a file is there and cannot be read.
    pub fn open(records: &[Records]) -> io::Result<Self> {
        let sources = records.iter().map(|records| {
            let source = match records {
                Records::Input => Source::Input(Some(input())),
                Records::File(path) => {
                    let mut growing = Growing {
                        path: path.clone(),
                        file: None,
                        whole: false,
                    };
                    growing.find().map_err(|error| growing.failed(&error))?;
                    growing.whole = true;
                    Source::Growing(growing)
                }
            };
            Ok((source, Lines::default()))
        });
        Ok(Self(sources.collect::<io::Result<_>>()?))
    }

    /// Gives the lines that came since the last time; `None` for one that is too long.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn take(&mut self, mut line: impl FnMut(Option<&[u8]>)) -> io::Result<()> {
        for (source, lines) in &mut self.0 {
            match source {
                Source::Growing(growing) => {
                    let taken = growing.take(lines, &mut line);
                    taken.map_err(|error| growing.failed(&error))?;
                }
                Source::Input(input) => take_input(input, lines, &mut line),
            }
        }
        Ok(())
    }

    /// Whether nothing comes any more.
    pub fn ended(&self) -> bool {
        let ended = |source: &Source| matches!(source, Source::Input(None));
        self.0.iter().all(|(source, _)| ended(source))
    }
}

impl Growing {
    /// Opens the file, if it is there.
    fn find(&mut self) -> io::Result<()> {
        match File::open(&self.path) {
            Ok(file) if file.metadata()?.is_dir() => Err(ErrorKind::IsADirectory.into()),
            Ok(mut file) => {
                if !self.whole {
                    file.seek(SeekFrom::End(0))?;
                }
                self.file = Some(file);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn failed(&self, error: &io::Error) -> io::Error {
        let told = format!("cannot read `{}`: {error}", self.path.display());
        io::Error::new(error.kind(), told)
    }

    fn take(&mut self, lines: &mut Lines, line: &mut impl FnMut(Option<&[u8]>)) -> io::Result<()> {
        if self.file.is_none() {
            self.find()?;
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        // One that was cut begins anew.
        if file.metadata()?.len() < file.stream_position()? {
            file.seek(SeekFrom::Start(0))?;
            lines.forget();
        }
        let mut piece = vec![0; PIECE];
        for _ in 0..PIECES {
            let octets = file.read(&mut piece)?;
            if octets == 0 {
                return self.renew(lines);
            }
            lines.take(piece.get(..octets).unwrap_or_default(), &mut *line);
        }
        Ok(())
    }

    /// Where the log was put aside, the file of that name is another one.
    fn renew(&mut self, lines: &mut Lines) -> io::Result<()> {
        let (Some(file), Ok(found)) = (&self.file, std::fs::metadata(&self.path)) else {
            return Ok(());
        };
        if !same(&file.metadata()?, &found) {
            self.file = None;
            lines.forget();
        }
        Ok(())
    }
}

#[cfg(unix)]
fn same(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn same(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    one.created().ok() == other.created().ok()
}

/// Reads standard input beside everything else; reading cannot be given up, so it has a thread.
fn input() -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::sync_channel(WAITING);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        let mut piece = vec![0; PIECE];
        while let Ok(octets @ 1..) = input.read(&mut piece) {
            let read = piece.get(..octets).unwrap_or_default();
            if sender.send(read.to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

fn take_input(
    input: &mut Option<Receiver<Vec<u8>>>,
    lines: &mut Lines,
    line: &mut impl FnMut(Option<&[u8]>),
) {
    let Some(receiver) = input else {
        return;
    };
    for _ in 0..PIECES {
        match receiver.try_recv() {
            Ok(piece) => lines.take(&piece, &mut *line),
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => {
                *input = None;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_is_followed_where_it_grows_is_cut_or_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let [path, aside] = ["records", "aside"].map(|name| folder.path().join(name));
        let append = |path: &std::path::Path, text: &str| {
            let file = File::options().append(true).create(true).open(path);
            file.unwrap().write_all(text.as_bytes()).unwrap();
        };
        append(&path, "before\n");
        let later = folder.path().join("later");
        let records = [&path, &later].map(|path| Records::File(path.clone()));
        let mut feed = Feed::open(&records).unwrap();
        let mut read = || {
            let mut read = Vec::new();
            let line = |line: Option<&[u8]>| {
                read.push(String::from_utf8(line.unwrap().to_vec()).unwrap());
            };
            feed.take(line).unwrap();
            read
        };
        assert!(read().is_empty());
        append(&path, "one\ntw");
        assert_eq!(read(), ["one"]);
        append(&path, "o\n");
        append(&later, "other\n");
        assert_eq!(read(), ["two", "other"]);
        std::fs::rename(&path, &aside).unwrap();
        append(&aside, "last of the old\n");
        assert_eq!(read(), ["last of the old"]);
        append(&path, "first of the new\n");
        assert!(read().is_empty());
        assert_eq!(read(), ["first of the new"]);
        std::fs::write(&path, "cut\n").unwrap();
        assert_eq!(read(), ["cut"]);
        assert!(!feed.ended());
    }
}
