//! The end-to-end harness: runs the gateway on its runtimes, as the cases ask.

pub mod workerd;
