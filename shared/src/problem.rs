//! The catalogue of refusals: every RFC 9457 problem that Tidegate answers with.

use std::fmt;
use std::str::FromStr;

macro_rules! catalogue {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $status:literal, $title:literal;)+) => {
        /// A refusal. The name is stable: clients and policies' tests refer to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Problem {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Problem {
            /// Every problem, in the order of the phases that raise them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The stable name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// A short summary for people; the same at every occurrence (RFC 9457 §3.1.3).
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What it means and what to do about it, for the documentation.
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc, "\n"),+),)+ }
            }
        }
    };
}

catalogue! {
    /// The path has no single reading: a malformed percent-encoding, an encoded slash, a control
    /// character, or dot segments that climb above the root.
    PathInvalid = "path-invalid", 400, "The request path is not acceptable";
    /// The request names no host, several, or something that is no host name.
    HostInvalid = "host-invalid", 400, "The request does not name exactly one host";
    /// The request's target or header fields are larger than the gateway reads.
    HeadTooLarge = "head-too-large", 431, "The request head is too large";
    /// `CONNECT` and `TRACE` are never forwarded.
    MethodRefused = "method-refused", 501, "The gateway does not forward this method";
    /// No policy serves this host.
    HostUnknown = "host-unknown", 404, "No API is served on this host";
    /// The host is served, but no route matches the path (and the headers and query, where a
    /// route asks for them).
    RouteNotFound = "route-not-found", 404, "No route matches the request";
    /// The path exists for other methods, which the `Allow` field lists.
    MethodNotAllowed = "method-not-allowed", 405, "The method is not allowed here";
    /// A browser asked whether a page of another origin may make this request. The policy does
    /// not allow that origin, method or header.
    CorsRefused = "cors-refused", 403, "Cross-origin request not allowed";
    /// The route needs a credential and the request carries none.
    CredentialMissing = "credential-missing", 401, "A credential is required";
    /// The request carries several tokens, in one place or in two (RFC 6750 §2). Which of them the
    /// gateway and the origin would believe is not left to chance.
    CredentialAmbiguous = "credential-ambiguous", 400, "The request carries more than one credential";
    /// The credential is malformed, not for this API, not yet valid, or its signature does not
    /// hold or was used before. Which of these is in the operator's record only.
    CredentialInvalid = "credential-invalid", 401, "The credential is not valid";
    /// The token was good and has expired: get a new one.
    CredentialExpired = "credential-expired", 401, "The credential has expired";
    /// The credential is good in all else, and was revoked before its time.
    CredentialRevoked = "credential-revoked", 401, "The credential was revoked";
    /// The token is bound to a key or certificate, and the request does not prove that its sender
    /// has it: there is no proof, it is for another request, made too long ago, or used before.
    ProofInvalid = "proof-invalid", 401, "The proof of possession is not valid";
    /// The proof needs the nonce that the answer's `DPoP-Nonce` has: make a new one with it.
    ProofNonce = "proof-nonce", 401, "The proof of possession needs a nonce";
    /// The gateway, or the connector, remembers as many proofs and signatures as it can, so that none
    /// is used twice. Make a new one after `Retry-After`.
    ProofsExhausted = "proofs-exhausted", 503, "No more proofs are taken now";
    /// The credential is good, but lacks a scope that the route needs.
    ScopeInsufficient = "scope-insufficient", 403, "The credential lacks a required scope";
    /// The credential is good, but its bearer is on no plan of the policy.
    PlanUnknown = "plan-unknown", 403, "The caller is on no known plan";
    /// The policy asks more of a request than a credential, and this one does not meet it.
    ConditionUnmet = "condition-unmet", 403, "The request does not meet a condition of the policy";
    /// The keys that the issuer's tokens are verified with cannot be had, or the server that says
    /// what a token is worth cannot be asked. Try again after `Retry-After`; the credential may
    /// well be good.
    IssuerUnavailable = "issuer-unavailable", 503, "The credential cannot be verified now";
    /// What says whether the credential is good cannot be had: the store of API keys, or the list of
    /// what was revoked. Try again after `Retry-After`; the credential may well be good.
    CredentialsUnavailable = "credentials-unavailable", 503, "The credential cannot be checked now";
    /// The request lacks what a limit counts by, or what it takes cannot be told.
    LimitUndetermined = "limit-undetermined", 400, "The request lacks what a limit counts by";
    /// A limit is used up. `Retry-After` says when the next request will be admitted.
    RateLimited = "rate-limited", 429, "Too many requests";
    /// All that the caller may use in the current day or month is used. `Retry-After` says when the
    /// next one begins.
    QuotaExceeded = "quota-exceeded", 429, "The quota is used up";
    /// As many of the caller's requests as may be are under way. Try again when one of them has
    /// ended.
    ConcurrencyLimited = "concurrency-limited", 429, "Too many requests at once";
    /// What says how much of a limit is left cannot be asked. Try again after `Retry-After`.
    LimitUnavailable = "limit-unavailable", 503, "The limit cannot be checked now";
    /// A header field that the gateway signs for the origin has an octet that cannot be signed:
    /// only visible ASCII, spaces and tabs can.
    FieldInvalid = "field-invalid", 400, "A header field is not acceptable";
    /// This runtime cannot switch to the protocol that `Upgrade` asks for.
    UpgradeUnsupported = "upgrade-unsupported", 501, "The protocol upgrade is not supported";
    /// The connector lets in only what a gateway has signed. The request is not signed, or its
    /// signature does not hold, does not cover enough, is too old, or was used before. Which of these
    /// is in the connector's log only.
    GatewaySignatureInvalid = "gateway-signature-invalid", 403, "The request did not come through a gateway";
    /// The connector's caller is who it says, but is not on the list of those that may reach the
    /// backend.
    CallerRefused = "caller-refused", 403, "The caller may not reach this backend";
    /// No backend of the connector serves the host and path.
    BackendUnknown = "backend-unknown", 404, "No backend serves the request";
    /// The request's body broke off or stood still before its end.
    RequestIncomplete = "request-incomplete", 408, "The request did not arrive completely";
    /// No origin could be reached, or each refused the connection.
    OriginUnreachable = "origin-unreachable", 502, "The origin cannot be reached";
    /// The origin broke off before it had answered.
    OriginFailed = "origin-failed", 502, "The origin failed to answer";
    /// The origin did not answer within the route's timeout.
    OriginTimeout = "origin-timeout", 504, "The origin did not answer in time";
    /// As many requests are under way at the origin as its connector lets it have.
    OriginOverloaded = "origin-overloaded", 503, "The origin has too much to do";
    /// The gateway has no policy to work by yet.
    NotReady = "not-ready", 503, "The gateway is not ready";
    /// The gateway could not decide; it refuses rather than guess.
    Internal = "internal", 500, "The gateway failed";
}

impl Problem {
    /// The `type` member (RFC 9457 §3.1.1): a name, not an address, so that no registration of a
    /// domain can ever change what it means.
    pub fn type_uri(self) -> String {
        format!("urn:tidegate:problem:{self}")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a problem of the catalogue")]
pub struct UnknownProblem(String);

impl FromStr for Problem {
    type Err = UnknownProblem;

    fn from_str(name: &str) -> Result<Self, UnknownProblem> {
        Self::ALL
            .iter()
            .copied()
            .find(|problem| problem.name() == name)
            .ok_or(UnknownProblem(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_parse_back() {
        for problem in Problem::ALL {
            assert_eq!(problem.name().parse(), Ok(*problem));
            assert!((400..600).contains(&problem.status()));
        }
    }

    /// The catalogue for people is generated: run with `UPDATE_EXPECT=1` after a change.
    #[test]
    fn documentation_is_current() {
        let mut text = String::from(
            "# Problems\n\n\
             Every refusal is an [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem: \
             `application/problem+json` with `type`, `title`, `status` and, as `instance`, the \
             request's id, under which the access record has the cause. The `type` is \
             `urn:tidegate:problem:` and the name below; it never changes its meaning.\n",
        );
        for problem in Problem::ALL {
            let (name, status, title) = (problem.name(), problem.status(), problem.title());
            let explanation: Vec<&str> = problem.explanation().lines().map(str::trim).collect();
            text.push_str(&format!(
                "\n## {name}\n\n**{status}** {title}.\n\n{}\n",
                explanation.join("\n").trim()
            ));
        }
        expect_test::expect_file!["../../docs/problems.md"].assert_eq(&text);
    }
}
