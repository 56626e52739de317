//! Lines of a stream that comes in pieces.

/// The longest line in octets.
pub(super) const MAX_LINE: usize = 1024 * 1024;

/// Puts pieces together to lines. What it holds is bounded.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The beginning of a line. Invariant: at most [`MAX_LINE`] octets.
    begun: Vec<u8>,
    /// Whether the line is too long: the rest of it is passed over.
    too_long: bool,
}

impl Lines {
    /// Takes a piece, and gives each line that it ends: `None` for one that is too long.
    pub(crate) fn take(&mut self, mut piece: &[u8], mut line: impl FnMut(Option<&[u8]>)) {
        while let Some(end) = piece.iter().position(|octet| *octet == b'\n') {
            let (last, rest) = piece.split_at(end);
            piece = rest.get(1..).unwrap_or_default();
            if self.begun.is_empty() && !self.too_long {
                // The usual case: nothing is copied.
                line(Some(last).filter(|last| last.len() <= MAX_LINE));
                continue;
            }
            self.add(last);
            line(Some(&self.begun[..]).filter(|_| !self.too_long));
            self.forget();
        }
        self.add(piece);
    }

    /// Forgets the beginning of a line, as where a file begins anew.
    pub(crate) fn forget(&mut self) {
        self.begun.clear();
        self.too_long = false;
    }

    fn add(&mut self, piece: &[u8]) {
        if self.begun.len().saturating_add(piece.len()) > MAX_LINE {
            self.too_long = true;
            self.begun = Vec::new();
        }
        if !self.too_long {
            self.begun.extend_from_slice(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        let (mut lines, mut read) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.take(piece, |line| read.push(line.map(<[u8]>::to_vec)));
            assert!(lines.begun.len() <= MAX_LINE);
        }
        read
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_the_next_one_is_read() {
        let long = vec![b'a'; MAX_LINE];
        assert_eq!(
            read(&[&long, b"\nb\nc"]),
            [Some(long.clone()), Some(b"b".to_vec())]
        );
        for pieces in [
            vec![&long[..], b"a\nb\n"],
            vec![b"a", &long[..], b"\nb\n"],
            vec![&[&long[..], b"a\nb\n"].concat()[..]],
            vec![&long[..], &long[..], b"aa", b"\n", b"b", b"\n"],
        ] {
            assert_eq!(read(&pieces), [None, Some(b"b".to_vec())]);
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(text in "[ab\n]{0,60}", cuts in prop::collection::vec(0_usize..60, 0..6)) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            cuts.push(text.len());
            let mut from = 0;
            let pieces: Vec<_> = cuts.into_iter().map(|cut| {
                let piece = &text.as_bytes()[from..cut];
                from = cut;
                piece
            }).collect();
            let mut whole: Vec<_> = text.split('\n').map(|line| Some(line.as_bytes().to_vec())).collect();
            whole.pop();
            prop_assert_eq!(read(&pieces), whole);
        }
    }
}
