//! W3C Trace Context, Level 1: the `traceparent` field.

use std::fmt;

/// A position in a trace (W3C Trace Context §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The whole trace; never all zeros.
    pub trace_id: [u8; 16],
    /// The caller's span; never all zeros.
    pub parent_id: [u8; 8],
    /// Bit 0: the caller records this trace.
    pub flags: u8,
}

impl TraceContext {
    /// Reads a `traceparent` value. A higher version is read as far as version 00 goes
    /// (§3.2.2.1); anything malformed is `None`, upon which a new trace begins.
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim_matches([' ', '\t']);
        let mut fields = value.split('-');
        let version: [u8; 1] = hex_field(fields.next()?)?;
        let trace_id: [u8; 16] = hex_field(fields.next()?)?;
        let parent_id: [u8; 8] = hex_field(fields.next()?)?;
        let [flags]: [u8; 1] = hex_field(fields.next()?)?;
        let complete = version != [0] || fields.next().is_none();
        let valid = version != [0xff] && trace_id != [0; 16] && parent_id != [0; 8];
        (complete && valid).then_some(Self {
            trace_id,
            parent_id,
            flags,
        })
    }

    /// The same trace from a new span.
    #[must_use]
    pub fn child(self, span: [u8; 8]) -> Self {
        Self {
            parent_id: span,
            ..self
        }
    }
}

/// Hexadecimal digits in lower case only, as §3.2.2.2 demands.
fn hex_field<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut octets = [0; N];
    let lower = !text.bytes().any(|octet| octet.is_ascii_uppercase());
    (lower && hex::decode_to_slice(text, &mut octets).is_ok()).then_some(octets)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace_id,
            parent_id,
            flags,
        } = self;
        // Only the two flags that the specification defines are passed on.
        write!(
            f,
            "00-{}-{}-{:02x}",
            hex::encode(trace_id),
            hex::encode(parent_id),
            flags & 0x03
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn reads_and_writes() {
        assert_eq!(TraceContext::parse(VALID).unwrap().to_string(), VALID);
        let future = format!("{}-what-the-future-holds", VALID.replacen("00", "cc", 1));
        assert_eq!(TraceContext::parse(&future).unwrap().to_string(), VALID);
        assert!(TraceContext::parse(&format!("\t {VALID} ")).is_some());
    }

    #[test]
    fn refuses_what_is_malformed() {
        for value in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(value), None, "{value}");
        }
    }
}
