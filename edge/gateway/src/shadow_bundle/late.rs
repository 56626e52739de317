//! A record that waits for what a bundle in shadow says.

use std::cell::RefCell;
use std::rc::Rc;

use super::Watched;
use crate::record::AccessRecord;

/// The record of a request that a bundle in shadow is asked about behind the answer, or beside the
/// origin, where a runtime has one thread. Whoever ends the request shares it with whoever asks,
/// and who is the last to let it go delivers the record: nobody waits, and where nothing is asked
/// after all, the record goes out as it is.
#[derive(Debug)]
pub struct LateRecord {
    record: RefCell<Option<AccessRecord>>,
    watched: RefCell<Watched>,
    deliver: fn(&AccessRecord),
}

impl LateRecord {
    /// One that is delivered so.
    pub fn new(deliver: fn(&AccessRecord)) -> Self {
        Self {
            record: RefCell::default(),
            watched: RefCell::default(),
            deliver,
        }
    }

    /// Takes note of what the bundle in shadow said.
    pub fn watched(&self, watched: Watched) {
        self.watched.replace(watched);
    }

    /// Ends a request: its record is delivered, at once where none waits.
    pub fn finish(late: Option<Rc<Self>>, record: AccessRecord, deliver: fn(&AccessRecord)) {
        match late {
            None => deliver(&record),
            Some(late) => late.finished(record),
        }
    }

    /// Takes note of the end of the request.
    pub fn finished(&self, record: AccessRecord) {
        self.watched.borrow_mut().slots.clear();
        self.record.replace(Some(record));
    }
}

impl Drop for LateRecord {
    fn drop(&mut self) {
        // A request that never ends has no record.
        if let Some(mut record) = self.record.take() {
            record.shadow_bundle = self.watched.take().verdict;
            (self.deliver)(&record);
        }
    }
}
