//! Bodies on their way through: never collected, never waited for without end.

mod request;
mod response;
mod stall;

pub(crate) use request::{Progress, RequestBody};
pub(crate) use response::ResponseBody;
pub(crate) use stall::Stall;
