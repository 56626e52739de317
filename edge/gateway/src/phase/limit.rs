//! *Limit*: how much may they call?

use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use tidegate_shared::bundle::{KeyPart, Limit, Tables};
use tidegate_shared::pattern::Captures;
use tidegate_shared::problem::Problem;
use tidegate_shared::time::UnixMillis;

use crate::decision::HeadEdits;
use crate::head::RequestHead;
use crate::identity::Identity;
use crate::refusal::Refusal;
use crate::state::{Bucket, Standing, State};

/// What limits count by.
pub(crate) struct Caller<'a, H> {
    pub(crate) identity: Option<&'a Identity>,
    pub(crate) head: &'a H,
    pub(crate) captures: Option<Captures<'a, 'a>>,
}

/// Takes one request from every limit of the route, or from none. The answer says how the caller
/// stands, by draft-ietf-httpapi-ratelimit-headers-10.
pub(crate) fn limit<H: RequestHead>(
    limits: &[u32],
    tables: &Tables,
    caller: &Caller<'_, H>,
    state: &State,
    now: UnixMillis,
    response: &mut HeadEdits,
) -> Result<(), Refusal> {
    let limits = limits
        .iter()
        .filter_map(|index| tables.limits.get(usize::try_from(*index).ok()?));
    let limits: Vec<&Limit> = limits.collect();
    let requests = limits
        .iter()
        .map(|limit| Ok((Bucket::new(limit), caller.key(limit)?)))
        .collect::<Result<Vec<_>, Refusal>>()?;
    let (admitted, standings) = state.buckets.take(&requests, now);
    let standings: Vec<(&Limit, Standing)> = limits.into_iter().zip(standings).collect();
    announce(&standings, response);
    if admitted {
        return Ok(());
    }
    let used_up = standings
        .iter()
        .filter(|(_, standing)| standing.remaining == 0);
    let (limit, wait) = used_up
        .max_by_key(|(_, standing)| standing.reset)
        .map_or(("", 1), |(limit, standing)| {
            (limit.name.as_str(), standing.reset)
        });
    let refusal = Refusal::new(Problem::RateLimited, format!("limit `{limit}` is used up"));
    Err(refusal.with(RETRY_AFTER, wait.to_string()))
}

/// `RateLimit-Policy` says what is allowed (`q` requests in `w` seconds), `RateLimit` what is left
/// (`r` requests, fully replenished in `t` seconds).
fn announce(standings: &[(&Limit, Standing)], response: &mut HeadEdits) {
    let list = |item: fn(&(&Limit, Standing)) -> String| {
        let items: Vec<String> = standings.iter().map(item).collect();
        HeaderValue::from_str(&items.join(", ")).ok()
    };
    let policy = list(|(limit, _)| {
        format!(
            "\"{}\";q={};w={}",
            limit.name, limit.rate.count, limit.rate.period
        )
    });
    let standing = list(|(limit, standing)| {
        format!(
            "\"{}\";r={};t={}",
            limit.name, standing.remaining, standing.reset
        )
    });
    let names = [
        HeaderName::from_static("ratelimit-policy"),
        HeaderName::from_static("ratelimit"),
    ];
    let fields = names.into_iter().zip([policy, standing]);
    response
        .set
        .extend(fields.filter_map(|(name, value)| Some((name, value?))));
}

impl<H: RequestHead> Caller<'_, H> {
    /// The octets that name the bucket: the limit and each part of its key, each with its length
    /// before it, so that no two keys run together.
    fn key(&self, limit: &Limit) -> Result<Vec<u8>, Refusal> {
        let mut key = Vec::with_capacity(64);
        push(&mut key, &limit.name);
        for part in &limit.key {
            let unknown = |what: &str| {
                Refusal::new(
                    Problem::Internal,
                    format!("limit `{}` needs {what}, which is not known", limit.name),
                )
            };
            match part {
                KeyPart::Subject => match self.identity {
                    Some(identity) => {
                        push(&mut key, &identity.issuer);
                        push(&mut key, &identity.subject);
                    }
                    // No issuer has an empty name.
                    None => {
                        push(&mut key, "");
                        push(
                            &mut key,
                            &self.address().ok_or_else(|| unknown("the caller"))?,
                        );
                    }
                },
                KeyPart::Issuer => {
                    let issuer = self.identity.map(|identity| identity.issuer.as_str());
                    push(&mut key, issuer.unwrap_or_default());
                }
                KeyPart::Address => {
                    let address = self.address();
                    push(
                        &mut key,
                        &address.ok_or_else(|| unknown("the client's address"))?,
                    );
                }
                KeyPart::Header(name) => {
                    let name =
                        HeaderName::from_bytes(name.as_bytes()).map_err(|_| unknown("a header"))?;
                    push(&mut key, &self.head.header(&name).unwrap_or_default());
                }
                KeyPart::PathParameter(name) => {
                    let parameters = self
                        .captures
                        .iter()
                        .flat_map(|captures| &captures.parameters);
                    let value = parameters
                        .into_iter()
                        .find(|(parameter, _)| parameter == name);
                    push(
                        &mut key,
                        value.ok_or_else(|| unknown("a path parameter"))?.1,
                    );
                }
            }
        }
        Ok(key)
    }

    fn address(&self) -> Option<String> {
        Some(self.head.peer().address?.to_string())
    }
}

fn push(key: &mut Vec<u8>, part: &str) {
    key.extend_from_slice(&part.len().to_be_bytes());
    key.extend_from_slice(part.as_bytes());
}
