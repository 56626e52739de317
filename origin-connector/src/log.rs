//! The log's way out. Lines wait in memory, and a thread writes all that wait at once: an exchange
//! costs a copy, and neither a write of its own nor the waking of a thread. Who reads the log slowly
//! must not hold requests up: lines are lost then, and counted.

pub(crate) mod json;

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Octets that may wait to be written, beside those that are being written: some 5,000 lines.
const MOST: usize = 2 << 20;

/// How long lines gather after some were written. The first line of a quiet time goes out at once.
const PAUSE: Duration = Duration::from_millis(10);

/// How long the end waits for what has not been written.
const FAREWELL: Duration = Duration::from_secs(1);

/// Takes lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    change: Condvar,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    text: Vec<u8>,
    /// The thread has nothing to do and must be woken.
    asleep: bool,
    over: bool,
}

/// Has the rest written when it is dropped.
#[derive(Debug)]
pub(crate) struct Rest(Lines, Receiver<()>);

impl Lines {
    /// Begins to write to `output`.
    pub(crate) fn to(output: impl Write + Send + 'static) -> (Self, Rest) {
        let lines = Self::default();
        let (ended, end) = channel();
        let writing = lines.clone();
        thread::spawn(move || {
            writing.0.write(output);
            drop(ended);
        });
        (lines.clone(), Rest(lines, end))
    }

    /// Lines that nobody took in time.
    pub(crate) fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, mut output: impl Write) {
        let mut text = Vec::new();
        loop {
            let mut waiting = self.lock();
            while waiting.text.is_empty() {
                if waiting.over {
                    return;
                }
                waiting.asleep = true;
                let woken = self.change.wait(waiting);
                waiting = woken.unwrap_or_else(PoisonError::into_inner);
                waiting.asleep = false;
            }
            std::mem::swap(&mut waiting.text, &mut text);
            drop(waiting);
            // There is nowhere to tell of an error.
            let _ = output.write_all(&text);
            text.clear();
            thread::sleep(PAUSE);
        }
    }
}

impl Write for &Lines {
    /// Takes one line: the subscriber writes each as a whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.0.lock();
        if waiting.text.len().saturating_add(line.len()) > MOST {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        } else {
            waiting.text.extend_from_slice(line);
        }
        if waiting.asleep {
            self.0.change.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        let Self(Lines(shared), end) = self;
        shared.lock().over = true;
        shared.change.notify_one();
        // An error is that it has ended.
        let _ = end.recv_timeout(FAREWELL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_in_order() {
        let written = Written::default();
        let (lines, rest) = Lines::to(written.clone());
        for number in 0..1000 {
            writeln!(&lines, "{number}").unwrap();
        }
        drop(rest);
        let expected: String = (0..1000).map(|number| format!("{number}\n")).collect();
        let written = written.0.lock().unwrap().clone();
        assert_eq!(String::from_utf8(written).unwrap(), expected);
        assert_eq!(lines.lost(), 0);
    }

    #[test]
    fn what_nobody_takes_is_bounded_and_counted() {
        let (reader, writer) = io::pipe().unwrap();
        let (lines, _rest) = Lines::to(writer);
        let line = [b'x'; 1024];
        for _ in 0..10_000 {
            assert_eq!((&lines).write(&line).unwrap(), line.len());
        }
        // All but what waits, what is being written and what the pipe holds.
        assert!(lines.lost() > 10_000 - 2 * 2048 - 128, "{}", lines.lost());
        assert!(lines.0.lock().text.len() <= MOST);
        drop(reader);
    }
}
