//! What a connector that dials and the gateway that it reaches agree on.

/// What is spoken on such a connection, as both ends name it in their handshake (RFC 7301): HTTP/2, where
/// the one that was dialled is the client.
pub const PROTOCOL: &str = "tidegate-tunnel/1";
