//! A request with an HS256 token, against Hono with its JWT middleware.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::contest::{Contest, REQUESTS};
use super::{ANSWERED, FORWARDED, http};
use crate::measure::Outcome;
use crate::policy::{self, SignedBundle};
use crate::report::{Row, Unit};
use crate::request::SECRET;
use crate::token;

pub(super) fn rows(directory: &Path) -> Vec<Row> {
    let row = |name: &str, path, peer, aim| {
        let directory = directory.to_owned();
        Row {
            name: format!("workers/{name}"),
            aim,
            unit: Unit::Time,
            measure: Box::new(move || measure(directory, path, peer)),
        }
    };
    vec![
        row("hs256-forward", FORWARDED, "hono", Some(0.5)),
        row("hs256-forward-whole-job", FORWARDED, "hono-whole-job", None),
        row("hs256-reply", ANSWERED, "hono", None),
        row("hs256-reply-whole-job", ANSWERED, "hono-whole-job", None),
    ]
}

fn measure(directory: PathBuf, path: &str, peer: &'static str) -> Result<Outcome> {
    let origin = format!("http://{}", http::serve()?);
    let contest = Contest {
        directory,
        bundle: SignedBundle::with_tokens("/v1/accounts/{id}", &origin, ANSWERED)?,
        variables: vec![("ORIGIN".to_owned(), origin)],
        secrets: vec![("customers".to_owned(), String::from_utf8(SECRET.to_vec())?)],
        peer,
    };
    let request = http::request(&policy::host(0), path, &token::hs256(token::now()?)?);
    contest.run(|| Ok(vec![request.clone(); REQUESTS]))
}
