//! A response's body with its trailers in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::HeaderMap;

use super::Encoding;

/// Marks a frame that holds trailers and no message.
const TRAILERS: u8 = 0x80;

/// Writes frames. It keeps nothing back: what a backend sends goes on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoder(Encoding);

impl Encoder {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self(encoding)
    }

    /// A piece of a message.
    pub(crate) fn data(self, data: Bytes) -> Bytes {
        match self.0 {
            Encoding::Binary => data,
            Encoding::Text => STANDARD.encode(data).into(),
        }
    }

    /// The last frame: the fields as lines, as HTTP/1.1 would send them, with names in lower case.
    /// `None` where there are more than a frame can tell the length of.
    pub(crate) fn trailers(self, trailers: &HeaderMap) -> Option<Bytes> {
        let mut lines = BytesMut::new();
        for (name, value) in trailers {
            lines.put_slice(name.as_str().as_bytes());
            lines.put_slice(b": ");
            lines.put_slice(value.as_bytes());
            lines.put_slice(b"\r\n");
        }
        let mut frame = BytesMut::with_capacity(5 + lines.len());
        frame.put_u8(TRAILERS);
        frame.put_u32(u32::try_from(lines.len()).ok()?);
        frame.put(lines);
        Some(self.data(frame.freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn trailers_are_a_frame_of_lines() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        trailers.append("X-Two", HeaderValue::from_static("a"));
        trailers.append("X-Two", HeaderValue::from_static("b"));
        let lines = b"grpc-status: 0\r\nx-two: a\r\nx-two: b\r\n";
        let length = u8::try_from(lines.len()).unwrap();
        let frame = [&[0x80, 0, 0, 0, length], lines.as_slice()].concat();
        let binary = Encoder::new(Encoding::Binary);
        assert_eq!(binary.trailers(&trailers).unwrap(), frame);
        let text = Encoder::new(Encoding::Text);
        assert_eq!(text.trailers(&trailers).unwrap(), STANDARD.encode(frame));
    }
}
