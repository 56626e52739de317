//! The connector as a program, over real TLS on the loopback interface, between a gateway and an
//! origin that the tests hold in their hands.
#![cfg(test)]

mod admin;
mod admission;
mod authority;
mod chaos;
mod client;
mod command;
mod dial;
mod dns;
mod docs;
mod drain;
mod endpoints;
mod failure;
mod gateway_signature;
mod grpc;
mod grpc_web;
mod heads;
mod in_process;
mod interop;
mod memory;
mod mesh;
mod origin;
mod overload;
mod policy;
mod program;
mod reconfigure;
mod reload;
mod resumption;
mod revocation;
mod smuggling;
mod streaming;
mod tcp;
mod traces;
mod upgrade;
mod workload_api;
