//! Runs cases on a runtime and says what was not as expected.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::Value;
use tidegate_policy_compiler::credentials::Carried;
use tidegate_shared::message_signature::SignedFields;

use crate::case::{Case, Expectation, Recorded, Seen};
use crate::client::{self, Answer};
use crate::credential;
use crate::runtime::Runtime;
use crate::signature;
use crate::stage::Stage;

/// Runs every case.
///
/// # Errors
/// Where a case cannot be run at all.
pub async fn run(cases: &[Case], stage: &Stage, runtime: &Runtime) -> Result<Ran> {
    let mut ran = Ran::default();
    for case in cases {
        let found = one(case, stage, runtime, &mut ran)
            .await
            .with_context(|| case.name.clone())?;
        ran.failures.extend(
            found
                .into_iter()
                .map(|failure| format!("{}: {failure}", case.name)),
        );
    }
    Ok(ran)
}

/// What came of the cases.
#[derive(Debug, Default)]
pub struct Ran {
    /// A line for each thing that was not as expected.
    pub failures: Vec<String>,
    /// Every token, proof, key and signature that was sent.
    pub credentials: Vec<String>,
    /// The records that must be in the log.
    pub records: Vec<Awaited>,
}

/// What the record of a request must say.
#[derive(Clone, Debug)]
pub struct Awaited {
    /// The case's name.
    pub case: String,
    /// The request's id.
    pub id: String,
    /// What the record must say.
    pub record: Recorded,
}

impl Awaited {
    /// What of the record is not as expected, in a log that has it in a line of its own.
    pub fn differences(&self, log: &str) -> Vec<String> {
        let mut lines = log.lines().filter(|line| line.contains(&self.id));
        let record = lines.find_map(|line| {
            let record = parse_record(line)?;
            (record.get("request_id")?.as_str()? == self.id).then_some(record)
        });
        let Some(record) = record else {
            return vec![format!("{}: no record of `{}`", self.case, self.id)];
        };
        let text = |value: &Value, name: &str| {
            let text = value.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let shadow = record.get("shadow").and_then(Value::as_array);
        let shadow = shadow.into_iter().flatten();
        let shadow: Vec<String> = shadow
            .map(|one| format!("{} {}", text(one, "phase"), text(one, "problem")))
            .collect();
        let mut check = Check::default();
        for (what, expected) in [
            ("consumer", &self.record.consumer),
            ("problem", &self.record.problem),
        ] {
            if let Some(expected) = expected {
                check.equal(what, expected, Some(&text(&record, what)));
            }
        }
        if let Some(expected) = &self.record.shadow {
            check.that(*expected == shadow, || {
                format!("shadow: expected {expected:?}, found {shadow:?}")
            });
        }
        let failures = check.failures.into_iter();
        failures
            .map(|failure| format!("{}: record: {failure}", self.case))
            .collect()
    }
}

/// The JSON object in a line of a log, there as it is or, in the log of this process, as a text.
fn parse_record(line: &str) -> Option<Value> {
    if let Some(begin) = line.find("\"{\\\"") {
        let mut texts = serde_json::Deserializer::from_str(line.get(begin..)?).into_iter();
        let text: String = texts.next()?.ok()?;
        return serde_json::from_str(&text).ok();
    }
    let object = line.get(line.find('{')?..)?;
    let mut objects = serde_json::Deserializer::from_str(object).into_iter();
    objects.next()?.ok()
}

async fn one(case: &Case, stage: &Stage, runtime: &Runtime, ran: &mut Ran) -> Result<Vec<String>> {
    let before = stage.world.requests();
    let mut answer = None;
    for _ in 0..case.repeat {
        let carried = credential::carried(case, stage)?;
        ran.credentials.extend(carried.iter().flat_map(secrets));
        let signing = case.sign.as_ref();
        let signed = signing.map(|signing| signature::fields(case, signing, stage));
        let signed = signed.transpose()?;
        ran.credentials
            .extend(signed.as_ref().map(|signed| signed.signature.clone()));
        let request = request(case, carried, signed)?;
        answer = Some(client::exchange(runtime.address(), request).await?);
    }
    let answer = answer.context("a case that sends nothing")?;
    let reached = stage.world.requests().saturating_sub(before);
    if let Some(record) = &case.record {
        ran.records.push(Awaited {
            case: case.name.clone(),
            id: answer.field("x-request-id").context("no request id")?,
            record: record.clone(),
        });
    }
    let mut check = Check::default();
    check.client(&case.expect, &answer);
    match &case.origin {
        Some(seen) => {
            check.that(reached > 0, || "nothing reached the origin".to_owned());
            if !seen.unseen {
                check.origin(seen, &answer);
            }
        }
        None => check.that(reached < u64::from(case.repeat), || {
            format!("{reached} requests reached the origin")
        }),
    }
    Ok(check.failures)
}

/// The tokens and keys themselves, without the scheme or the cookie's name.
fn secrets(carried: &Carried) -> Vec<String> {
    if let Carried::Parameter(_, value) = carried {
        return vec![value.clone()];
    }
    let secret = |(_, value): (_, String)| {
        let value = value.rsplit(' ').next().unwrap_or_default();
        let cookie = value.split_once('=');
        let cookie = cookie.filter(|(name, _)| !name.contains('.'));
        cookie.map_or(value, |(_, secret)| secret).to_owned()
    };
    carried.clone().fields().into_iter().map(secret).collect()
}

fn request(
    case: &Case,
    credentials: Vec<Carried>,
    signed: Option<SignedFields>,
) -> Result<Request<Full<Bytes>>> {
    let (method, target) = case.send.split_once(' ').context("method and target")?;
    let target = credentials
        .iter()
        .fold(target.to_owned(), |target, credential| {
            credential.address(&target)
        });
    let mut builder = Request::builder()
        .method(method)
        .uri(target)
        .header("host", &case.host);
    for (name, value) in &case.headers {
        builder = builder.header(name, value);
    }
    for (name, value) in credentials.into_iter().flat_map(Carried::fields) {
        builder = builder.header(name, value);
    }
    if let Some(SignedFields { input, signature }) = signed {
        builder = builder
            .header("signature-input", input)
            .header("signature", signature);
    }
    Ok(builder.body(Full::from(case.body.clone()))?)
}

#[derive(Default)]
struct Check {
    failures: Vec<String>,
}

impl Check {
    fn that(&mut self, holds: bool, failure: impl FnOnce() -> String) {
        if !holds {
            self.failures.push(failure());
        }
    }

    fn equal(&mut self, what: &str, expected: &str, found: Option<&str>) {
        self.that(found == Some(expected), || {
            format!("{what}: expected `{expected}`, found {found:?}")
        });
    }

    fn client(&mut self, expect: &Expectation, answer: &Answer) {
        self.equal(
            "status",
            &expect.status.to_string(),
            Some(&answer.status.to_string()),
        );
        if let Some(problem) = &expect.problem {
            let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let kind = document.get("type").and_then(Value::as_str);
            self.equal("problem", &format!("urn:tidegate:problem:{problem}"), kind);
            let media = answer.field("content-type");
            self.equal("content-type", "application/problem+json", media.as_deref());
        }
        for (name, value) in &expect.headers {
            self.equal(name, value, answer.field(name).as_deref());
        }
        for name in &expect.present {
            self.that(answer.headers.contains_key(name), || {
                format!("`{name}` is not there")
            });
        }
        for name in &expect.absent {
            self.that(!answer.headers.contains_key(name), || {
                format!("`{name}` is there: {:?}", answer.field(name))
            });
        }
        if let Some(body) = &expect.body {
            self.equal("body", body, std::str::from_utf8(&answer.body).ok());
        }
    }

    /// The sample origin tells what it saw in its answer.
    fn origin(&mut self, expect: &Seen, answer: &Answer) {
        let Ok(seen) = serde_json::from_slice::<Value>(&answer.body) else {
            self.failures.push(format!(
                "the answer does not say what the origin saw: {:?}",
                answer.body
            ));
            return;
        };
        let member = |name: &str| seen.get(name).and_then(Value::as_str);
        let expected = [
            ("upstream", &expect.upstream),
            ("origin", &expect.origin),
            ("method", &expect.method),
            ("path", &expect.path),
        ];
        for (name, value) in expected {
            if let Some(value) = value {
                self.equal(&format!("origin: {name}"), value, member(name));
            }
        }
        let field = |name: &str| {
            seen.get("headers")
                .and_then(|headers| headers.get(name))
                .and_then(Value::as_str)
        };
        for (name, value) in &expect.headers {
            self.equal(&format!("origin: {name}"), value, field(name));
        }
        for name in &expect.present {
            self.that(field(name).is_some(), || {
                format!("origin: `{name}` is not there")
            });
        }
        for name in &expect.absent {
            self.that(field(name).is_none(), || {
                format!("origin: `{name}` is there: {:?}", field(name))
            });
        }
        let contains = |name: &str, text: &str| field(name).map(|value| value.contains(text));
        let texts = expect.containing.iter().map(|entry| (entry, true));
        let texts = texts.chain(expect.without.iter().map(|entry| (entry, false)));
        for ((name, text), expected) in texts {
            self.that(contains(name, text) == Some(expected), || {
                let with = if expected { "with" } else { "without" };
                format!(
                    "origin: {name}: expected one {with} `{text}`, found {:?}",
                    field(name)
                )
            });
        }
    }
}
