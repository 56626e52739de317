//! `[traces]`: where spans go (OTLP over HTTP), and of which requests there are some.

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::uri::{Scheme, Uri};
use serde::Deserialize;

use super::Problems;
use super::limits::span;

/// `[traces]`. What OpenTelemetry has environment variables for is taken from these where it is not
/// written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracesFile {
    /// The collector, as `http://collector:4318`; `/v1/traces` is added. By default
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, which is taken as it is, then
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, then `http://localhost:4318`.
    pub endpoint: Option<String>,
    /// The share of the traces that begin here which are recorded, from `0.0` to `1.0`, the default.
    /// Of those that a caller has begun its `sampled` flag decides.
    pub sample: Option<f64>,
    /// The share of the traces which are recorded although their caller does not; `0.0` by default.
    pub unsampled: Option<f64>,
    /// How long spans gather before they are sent; `5s` by default.
    pub every: Option<String>,
}

/// Checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Traces {
    pub(crate) endpoint: Uri,
    /// What the collector wants beside.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) sample: f64,
    pub(crate) unsampled: f64,
    pub(crate) every: Duration,
    /// Whose spans they are.
    pub(crate) resource: BTreeMap<String, String>,
}

impl TracesFile {
    /// `environment` tells the values of variables.
    pub(super) fn check(
        self,
        environment: impl Fn(&str) -> Option<String>,
        problems: &mut Problems,
    ) -> Option<Traces> {
        // The specification takes an empty value for none.
        let environment = |name: &str| environment(name).filter(|value| !value.is_empty());
        let Self {
            endpoint,
            sample,
            unsampled,
            every,
        } = self;
        let base = |base: &str| format!("{}/v1/traces", base.trim_end_matches('/'));
        let endpoint = match endpoint {
            Some(written) => base(&written),
            None => environment("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").unwrap_or_else(|| {
                let general = environment("OTEL_EXPORTER_OTLP_ENDPOINT");
                base(general.as_deref().unwrap_or("http://localhost:4318"))
            }),
        };
        let endpoint = problems.take("traces.endpoint", check_endpoint(&endpoint));
        let sample = problems.take("traces.sample", check_share(sample.unwrap_or(1.0)));
        let unsampled = check_share(unsampled.unwrap_or(0.0));
        let unsampled = problems.take("traces.unsampled", unsampled);
        let second = Duration::from_secs(1);
        let every = span(every.as_deref(), "5s", second / 10..=second * 300);
        let every = problems.take("traces.every", every);
        let pairs = |name: &'static str, problems: &mut Problems| {
            let text = environment(name).unwrap_or_default();
            let pairs = pairs(&text).map_err(|entry| {
                format!("`{name}` in the environment: `{entry}` is no `KEY=VALUE`")
            });
            problems.take("traces", pairs)
        };
        let resource = pairs("OTEL_RESOURCE_ATTRIBUTES", problems);
        // A value may be secret: no message has one.
        let headers = pairs("OTEL_EXPORTER_OTLP_HEADERS", problems).and_then(|pairs| {
            let headers = pairs.into_iter().map(check_header);
            problems.take("traces", headers.collect::<Result<Vec<_>, _>>())
        });
        let mut resource: BTreeMap<String, String> = resource?.into_iter().collect();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        resource.entry("service.version".into()).or_insert(version);
        let name = resource.entry("service.name".into());
        let name = name.or_insert_with(|| "tidegate-connector".to_owned());
        if let Some(own) = environment("OTEL_SERVICE_NAME") {
            *name = own;
        }
        Some(Traces {
            endpoint: endpoint?,
            headers: headers?,
            sample: sample?,
            unsampled: unsampled?,
            every: every?,
            resource,
        })
    }
}

fn check_endpoint(text: &str) -> Result<Uri, String> {
    // What comes before `@` is secret.
    if text.contains('@') {
        return Err("credentials go into `OTEL_EXPORTER_OTLP_HEADERS`".to_owned());
    }
    let uri: Option<Uri> = text.parse().ok();
    uri.filter(|uri| {
        let web = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme());
        web && uri.authority().is_some()
    })
    .ok_or_else(|| format!("`{text}` is no collector: write one as `http://collector:4318`"))
}

fn check_share(share: f64) -> Result<f64, String> {
    match (0.0..=1.0).contains(&share) {
        true => Ok(share),
        false => Err(format!("`{share}` is not between `0.0` and `1.0`")),
    }
}

fn check_header((name, value): (String, String)) -> Result<(HeaderName, HeaderValue), String> {
    let refused = || format!("`OTEL_EXPORTER_OTLP_HEADERS`: `{name}` is no header with a value");
    let header = name.parse().map_err(|_| refused())?;
    let mut value = HeaderValue::try_from(value).map_err(|_| refused())?;
    value.set_sensitive(true);
    Ok((header, value))
}

/// `KEY=VALUE` with commas between, each percent-encoded (as W3C Baggage, without properties). An
/// error is the key that has no value.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let entries = text.split(',').map(str::trim);
    let entries = entries.filter(|entry| !entry.is_empty());
    let pair = |entry: &str| {
        let (key, value) = entry.split_once('=').ok_or(entry)?;
        let decode = |text: &str| percent_decode(text.trim()).ok_or(key.to_owned());
        Ok((decode(key)?, decode(value)?))
    };
    entries.map(pair).collect()
}

fn percent_decode(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let mut decoded = [0];
                hex::decode_to_slice(digits, &mut decoded).ok()?;
                decoded[0]
            }
            plain => plain,
        });
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: TracesFile, environment: &[(&str, &str)]) -> Result<Traces, String> {
        let mut problems = Problems::default();
        let find = |name: &str| {
            let found = environment.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let checked = file.check(find, &mut problems);
        let problems: Vec<String> = problems
            .into_fields()
            .iter()
            .map(ToString::to_string)
            .collect();
        match problems.is_empty() {
            true => Ok(checked.unwrap()),
            false => Err(problems.join("; ")),
        }
    }

    fn at(endpoint: &str) -> TracesFile {
        TracesFile {
            endpoint: Some(endpoint.to_owned()),
            ..TracesFile::default()
        }
    }

    #[test]
    fn the_file_goes_before_the_environment_and_that_before_defaults() {
        let general = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://general:1/");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://own:2/path");
        for (file, environment, expected) in [
            (
                at("http://file:3"),
                &[general, own][..],
                "http://file:3/v1/traces",
            ),
            (TracesFile::default(), &[general, own], "https://own:2/path"),
            (
                TracesFile::default(),
                &[general],
                "http://general:1/v1/traces",
            ),
            (
                TracesFile::default(),
                &[],
                "http://localhost:4318/v1/traces",
            ),
        ] {
            assert_eq!(check(file, environment).unwrap().endpoint, expected);
        }
    }

    #[test]
    fn says_whose_spans_they_are() {
        let named = check(
            TracesFile::default(),
            &[
                ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other, a=1%2C%202"),
                ("OTEL_SERVICE_NAME", "door"),
            ],
        );
        let resource = named.unwrap().resource;
        assert_eq!(resource["service.name"], "door");
        assert_eq!(resource["a"], "1, 2");
        assert!(resource.contains_key("service.version"));
        let own = check(TracesFile::default(), &[("OTEL_SERVICE_NAME", "")]).unwrap();
        assert_eq!(own.resource["service.name"], "tidegate-connector");
    }

    #[test]
    fn refuses_what_cannot_be() {
        for (file, environment, expected) in [
            (
                at("collector:4318"),
                &[][..],
                "traces.endpoint: `collector:4318/v1/traces`",
            ),
            (
                at("http://user:secret@a"),
                &[],
                "traces.endpoint: credentials",
            ),
            (
                TracesFile {
                    sample: Some(1.5),
                    ..TracesFile::default()
                },
                &[],
                "traces.sample: `1.5` is not between",
            ),
            (
                TracesFile::default(),
                &[("OTEL_RESOURCE_ATTRIBUTES", "a=1,b")],
                "`b` is no `KEY=VALUE`",
            ),
            (
                TracesFile::default(),
                &[("OTEL_EXPORTER_OTLP_HEADERS", "a=1,b=se%0Acret")],
                "`b` is no header",
            ),
        ] {
            let error = check(file, environment).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("cret"), "{error}");
        }
    }
}
