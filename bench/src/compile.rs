//! Compiling and signing a policy of 10,000 routes, against parsing its YAML alone; comparing two
//! such; how large the bundle is beside its source, and what 100,000 routes take of memory.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use saphyr_parser::Parser;
use tidegate_policy_compiler::diff::{Side, diff};
use tidegate_policy_compiler::source::Source;
use tidegate_policy_compiler::{Ir, compile};
use tidegate_shared::trust::SigningKey;

use crate::measure::{Contest, Outcome, operation};
use crate::report::{Row, Unit};

/// Routes of the policy that is timed.
const ROUTES: usize = 10_000;
/// Routes of the policy whose memory is looked at, on so many hosts.
const MANY: usize = 100_000;
const HOSTS: usize = 10;
/// Routes that stand together.
const EACH: usize = 5;
/// Processor time that a comparison may take, in nanoseconds.
const SECOND: f64 = 1e9;

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "compile+sign/10000".to_owned(),
            aim: Some(3.0),
            unit: Unit::Time,
            measure: Box::new(compiling),
        },
        Row {
            name: "compile-diff/10000".to_owned(),
            aim: Some(1.0),
            unit: Unit::Time,
            measure: Box::new(comparing),
        },
        Row {
            name: "compile-gzip/10000".to_owned(),
            aim: Some(0.6),
            unit: Unit::Octets,
            measure: Box::new(sizes),
        },
        Row {
            name: "compile-memory/100000".to_owned(),
            aim: None,
            unit: Unit::Octets,
            measure: Box::new(memory),
        },
    ]
}

/// A policy as people write them: APIs with a base, a token's scopes, a limit, an upstream. One
/// file a host.
fn sources(hosts: usize, routes: usize, write_scope: &str) -> Result<Vec<Source>> {
    let mut sources = Vec::with_capacity(hosts);
    for host in 0..hosts {
        let mut text = String::new();
        if host == 0 {
            text.push_str(
                "tidegate: v1\nname: bench\n\
                 issuers:\n  customers: { issuer: \"https://id.bank.example\", audiences: [mobile], algorithms: [HS256], secret: one }\n\
                 upstreams:\n  banking: { origins: { dc1: { url: \"https://dc1.bank.example\" } }, timeout: 3s }\n\
                 limits:\n  per-customer: { rate: 60/m, burst: 20, key: auth.subject }\n",
            );
        } else {
            text.push_str("tidegate: v1\n");
        }
        text.push_str("apis:\n");
        for api in 0..routes / EACH {
            let name = format!("{:05}", api * 7919 % 100_000);
            write!(
                text,
                "  product-{host}-{name}:\n    hosts: [api{host}.bank.example]\n    base: /v1/product{name}\n    \
                 auth: {{ jwt: customers, scopes: [\"product{name}:read\"] }}\n    limit: [per-customer]\n    to: banking\n    \
                 routes:\n      - get: /\n      - get: /{{id}}\n      - post: /\n        \
                 auth: {{ jwt: customers, scopes: [\"product{name}:{write_scope}\"] }}\n      \
                 - put: /{{id}}\n        auth: {{ jwt: customers, scopes: [\"product{name}:{write_scope}\"] }}\n      \
                 - get: /{{id}}/history/{{entry}}\n        timeout: 1s\n",
            )?;
        }
        sources.push(Source {
            path: format!("policy{host}.yaml").into(),
            text,
        });
    }
    Ok(sources)
}

fn key() -> SigningKey {
    SigningKey::from_seed([1; 32])
}

fn compiled(sources: &[Source]) -> Result<Ir> {
    let output = compile(sources);
    let first = output.diagnostics.iter().next();
    let words = first.map(|diagnostic| diagnostic.message.clone());
    output.ir.with_context(|| words.unwrap_or_default())
}

fn compiling() -> Result<Outcome> {
    let sources = Rc::new(sources(1, ROUTES, "write")?);
    ensure!(compiled(&sources)?.route_count() == ROUTES);
    let ours = {
        let sources = Rc::clone(&sources);
        operation(move || {
            let ir = compile(black_box(&sources)).ir;
            let _ = black_box(ir.map(|ir| ir.sign(1, &key())));
        })
    };
    let alone = {
        let sources = Rc::clone(&sources);
        operation(move || {
            let _ = black_box(compile(black_box(&sources)).ir);
        })
    };
    let signing = {
        let ir = compiled(&sources)?;
        operation(move || {
            let _ = black_box(ir.sign(1, &key()));
        })
    };
    let peer = operation(move || {
        for source in sources.iter() {
            black_box(Parser::new_from_str(black_box(&source.text)).count());
        }
    });
    let contest = Contest {
        ours,
        peer,
        parts: vec![("compile", alone), ("sign", signing)],
    };
    Ok(contest.run())
}

/// Two policies that differ in every fifth route; the peer is one second.
fn comparing() -> Result<Outcome> {
    let bundle = |scope| Ok::<_, anyhow::Error>(compiled(&sources(1, ROUTES, scope)?)?.bundle(1)?);
    let (old, new) = (bundle("write")?, bundle("change")?);
    let changes = diff(&Side::new(old.clone())?, &Side::new(new.clone())?);
    ensure!(changes.len() == ROUTES / EACH * 2);
    let ours = operation(move || {
        let sides = [&old, &new].map(|bundle| Side::new(bundle.clone()));
        if let [Ok(old), Ok(new)] = sides {
            black_box(diff(&old, &new));
        }
    });
    let contest = Contest {
        ours,
        // There is none to compare with: the aim is a time.
        peer: operation(|| black_box(())),
        parts: vec![],
    };
    let Outcome { ours, .. } = contest.run();
    Ok(Outcome {
        ours,
        peer: SECOND,
        ratio: ours / SECOND,
        parts: vec![],
    })
}

fn sizes() -> Result<Outcome> {
    let sources = sources(1, ROUTES, "write")?;
    let bundle = compiled(&sources)?.sign(1, &key())?;
    let text: String = sources.into_iter().map(|source| source.text).collect();
    compared(gzip(&bundle)?, gzip(text.as_bytes())?)
}

fn gzip(octets: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(octets)?;
    Ok(encoder.finish()?.len())
}

/// The peak of a process that does nothing else, beside the source.
fn memory() -> Result<Outcome> {
    let output = Command::new(std::env::current_exe()?)
        .arg("--compile-many")
        .output()?;
    ensure!(output.status.success(), "it did not compile");
    let peak: usize = String::from_utf8(output.stdout)?.trim().parse()?;
    let sources = sources(HOSTS, MANY / HOSTS, "write")?;
    compared(peak, sources.iter().map(|source| source.text.len()).sum())
}

/// Compiles and signs many routes; the most memory that this process ever had, in octets.
pub(crate) fn many() -> Result<usize> {
    let sources = sources(HOSTS, MANY / HOSTS, "write")?;
    let ir = compiled(&sources)?;
    ensure!(ir.route_count() == MANY);
    black_box(ir.sign(1, &key())?);
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    let kibibytes: usize = kibibytes
        .context("the system does not say")?
        .trim()
        .parse()?;
    Ok(kibibytes * 1024)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn compared(ours: usize, peer: usize) -> Result<Outcome> {
    ensure!(peer > 0);
    let (ours, peer) = (ours as f64, peer as f64);
    Ok(Outcome {
        ours,
        peer,
        ratio: ours / peer,
        parts: vec![],
    })
}
