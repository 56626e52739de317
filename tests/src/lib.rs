//! The end-to-end harness: cases as data, run alike on every runtime.
//!
//! A [`Stage`](stage::Stage) is one policy in a [`World`](tidegate_dev::World) of real connectors
//! and sample origins; a [`Runtime`](runtime::Runtime) is a gateway on it. The
//! [suite](suite::run) sends each [`Case`](case::Case) and says what was not as expected.

pub mod authority;
pub mod case;
pub mod client;
pub mod credential;
pub mod logs;
pub mod runtime;
pub mod signature;
pub mod stage;
pub mod store;
pub mod suite;

pub use tidegate_dev::workerd;
