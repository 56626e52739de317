//! Publishing: one suite against every store, what fails midway, and the commands.

#![cfg(test)]

#[path = "publish/cloudflare.rs"]
mod cloudflare;
#[path = "publish/command.rs"]
mod command;
#[path = "publish/deaths.rs"]
mod deaths;
#[path = "publish/document.rs"]
mod document;
#[path = "publish/fated.rs"]
mod fated;
#[path = "publish/faults.rs"]
mod faults;
#[path = "publish/killed.rs"]
mod killed;
#[path = "publish/kit.rs"]
mod kit;
#[path = "program/tidegate.rs"]
mod program;
#[path = "publish/servers.rs"]
mod servers;
#[path = "publish/suite.rs"]
mod suite;
#[path = "publish/watch.rs"]
mod watch;
