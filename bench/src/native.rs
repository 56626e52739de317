//! A request that a leased limit counts, against the same without: natively, with the limit's
//! authority in the same process.

use std::net::Ipv4Addr;
use std::sync::{Arc, mpsc};
use std::thread;

use anyhow::{Context, Result, anyhow};
use tidegate_edge_native::{Config, LimitAuthority, LogRecords, NativeGateway, Secrets};

use crate::measure::Outcome;
use crate::policy::SignedBundle;
use crate::report::{Row, Unit};
use crate::workers::process::Processor;
use crate::workers::{http, leased};

pub(crate) fn rows() -> Vec<Row> {
    vec![Row {
        name: "native/leased".to_owned(),
        aim: Some(1.1),
        unit: Unit::Time,
        measure: Box::new(measure),
    }]
}

/// The gateway has a thread of its own, whose time is measured.
fn measure() -> Result<Outcome> {
    let origin = format!("http://{}", http::serve()?);
    let bundle = SignedBundle::leased(leased::LIMITED, &origin, leased::UNLIMITED)?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let config = Config {
                listen: (Ipv4Addr::LOCALHOST, 0).into(),
                tls: None,
                trust: bundle.trust.clone(),
                identities: vec![],
                secrets: Secrets::Platform(None),
                credentials: None,
                limits: Arc::new(LimitAuthority::embedded()),
                tunnels: None,
                admin: None,
            };
            let bound = NativeGateway::bind(config, &bundle.octets, Arc::new(LogRecords)).await;
            let gateway = bound.map_err(|error| anyhow!("{error}"))?;
            sender.send((Processor::of_this_thread()?, gateway.local_addr()?))?;
            gateway.run(std::future::pending()).await;
            Ok::<_, anyhow::Error>(())
        })
    });
    let (thread, address) = receiver.recv().context("the gateway does not start")?;
    leased::compare(&thread, address)
}
