//! A request's body in base64, back to octets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// Four digits are three octets.
const QUANTUM: usize = 4;

/// Decodes piece by piece. Invariant: what is kept is less than a quantum.
#[derive(Debug, Default)]
pub(crate) struct TextDecoder {
    kept: Vec<u8>,
}

/// The body is no base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request body is no base64")]
pub(crate) struct InvalidText;

impl TextDecoder {
    /// What a piece makes whole. Pieces may end anywhere, and padding may end any quantum: a
    /// client that sends as it goes pads each time.
    pub(crate) fn decode(&mut self, piece: &[u8]) -> Result<Bytes, InvalidText> {
        let mut text = std::mem::take(&mut self.kept);
        text.extend_from_slice(piece);
        self.kept = text.split_off(text.len() - text.len() % QUANTUM);
        let mut octets = Vec::with_capacity(text.len() / QUANTUM * 3);
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            let padding = rest.iter().position(|digit| *digit == b'=');
            let end = padding.map_or(rest.len(), |at| at - at % QUANTUM + QUANTUM);
            let (run, after) = rest.split_at_checked(end).ok_or(InvalidText)?;
            STANDARD
                .decode_vec(run, &mut octets)
                .map_err(|_| InvalidText)?;
            rest = after;
        }
        Ok(octets.into())
    }

    /// The end: nothing may be left.
    pub(crate) fn finish(&self) -> Result<(), InvalidText> {
        match self.kept.as_slice() {
            [] => Ok(()),
            _ => Err(InvalidText),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(pieces: &[&[u8]]) -> Result<Vec<u8>, InvalidText> {
        let mut decoder = TextDecoder::default();
        let mut octets = Vec::new();
        for piece in pieces {
            octets.extend_from_slice(&decoder.decode(piece)?);
        }
        decoder.finish().map(|()| octets)
    }

    #[test]
    fn refuses_what_is_no_base64() {
        for text in ["A", "AA=", "A===", "AA==A", "AA=A", "A A=", "====", "AA\n="] {
            assert_eq!(decode(&[text.as_bytes()]), Err(InvalidText), "{text}");
        }
    }

    proptest! {
        #[test]
        fn decodes_however_it_is_cut_and_padded(
            octets in proptest::collection::vec(any::<u8>(), 0..200),
            encoded in 1..50_usize,
            cut in 1..50_usize,
        ) {
            let text: String = octets.chunks(encoded).map(|run| STANDARD.encode(run)).collect();
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
            prop_assert_eq!(decode(&pieces), Ok(octets));
        }

        #[test]
        fn no_text_is_too_odd_to_refuse(
            pieces in proptest::collection::vec("[A-C=]{0,9}", 0..5),
        ) {
            let pieces: Vec<&[u8]> = pieces.iter().map(String::as_bytes).collect();
            let whole = pieces.concat();
            prop_assert_eq!(decode(&pieces), decode(&[&whole]));
        }
    }
}
