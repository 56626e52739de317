//! Whether whoever sends a bound token may have it (RFC 9449 §7, RFC 8705 §3).

use http::header::{CACHE_CONTROL, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use tidegate_shared::bundle::{Binding, Possession};
use tidegate_shared::digest::Digest;
use tidegate_shared::problem::Problem;
use tidegate_shared::replay::NotTaken;
use tidegate_shared::units::Span;

use super::Incoming;
use super::challenge::Scheme;
use crate::confirmation::Confirmation;
use crate::decision::HeadEdits;
use crate::dpop::nonce::{self, Standing};
use crate::dpop::{self, Address, InvalidProof, Proof, Purpose};
use crate::head::RequestHead;
use crate::identity::Identity;
use crate::jws::{InvalidJws, MIN_SECRET};
use crate::ports::Ports;
use crate::refusal::Refusal;

pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Seconds after which the guard against replays may have room.
pub(super) const RETRY_GUARD: &str = "30";

/// A verified token and how it came.
pub(super) struct Bound<'b> {
    pub(super) identity: &'b Identity,
    /// What the policy asks of such tokens.
    pub(super) possession: &'b Possession,
    /// How far clocks may differ.
    pub(super) leeway: Span,
    pub(super) scheme: Scheme,
    pub(super) token: &'b str,
}

impl Bound<'_> {
    /// Refuses a token that is not bound as the policy asks, or whose sender does not prove
    /// to be the one that it is bound to.
    pub(super) async fn check<H: RequestHead, P: Ports>(
        &self,
        incoming: &Incoming<'_, H, P>,
        response: &mut HeadEdits,
    ) -> Result<(), Refusal> {
        let realm = incoming.realm;
        let invalid = |cause: &str| {
            let refusal = Refusal::new(Problem::CredentialInvalid, cause);
            challenged(refusal, self.scheme, realm, "invalid_token")
        };
        let confirmation = Confirmation::of(&self.identity.claims)
            .map_err(|_| invalid("claim `cnf` is malformed, or of no kind that is known"))?;
        let Confirmation { key, certificate } = confirmation;
        let bound = match self.possession.binding {
            None => true,
            Some(Binding::Dpop) => key.is_some(),
            Some(Binding::Certificate) => certificate.is_some(),
            Some(Binding::Any) => key.or(certificate).is_some(),
        };
        if !bound {
            return Err(invalid("the token is not bound as the policy asks"));
        }
        if let Some(bound_to) = certificate {
            let shown = incoming.head.client_certificate();
            if !shown.is_some_and(|shown| shown.equals(&bound_to)) {
                let cause =
                    "the connection is not that of the certificate that the token is bound to";
                let refusal = Refusal::new(Problem::ProofInvalid, cause);
                // RFC 8705 §3.
                return Err(challenged(refusal, self.scheme, realm, "invalid_token"));
            }
        }
        match (key, self.scheme) {
            (None, Scheme::Bearer) => Ok(()),
            (None, Scheme::Dpop) => Err(invalid("the token is bound to no key")),
            // RFC 9449 §7.2: else whoever finds the token could use it.
            (Some(_), Scheme::Bearer) => {
                let cause = "the token is bound to a key, and came without the scheme DPoP";
                let refusal = Refusal::new(Problem::CredentialInvalid, cause);
                Err(challenged(refusal, Scheme::Dpop, realm, "invalid_token"))
            }
            (Some(key), Scheme::Dpop) => {
                let proof = self.proof(key, incoming).await?;
                self.check_nonce(&proof, incoming, response)?;
                take(key, &proof, incoming)
            }
        }
    }

    async fn proof<H: RequestHead, P: Ports>(
        &self,
        key: Digest,
        incoming: &Incoming<'_, H, P>,
    ) -> Result<Proof, Refusal> {
        let Incoming {
            head,
            target,
            realm,
            ports,
            ..
        } = incoming;
        let field = head.header(&DPOP);
        let field = field.ok_or_else(|| unproven("no proof", realm))?;
        // Several fields come as one, with commas between; no proof has a comma in it (RFC 9449
        // §4.3, point 1).
        if field.contains(',') {
            return Err(unproven("several proofs", realm));
        }
        let authority = head.authority().unwrap_or_default();
        let scheme = head.peer().scheme;
        let address = Address::of_request(scheme, &authority, &target.host, &target.path);
        let purpose = Purpose {
            key,
            method: head.method(),
            address: &address,
            token: self.token,
            leeway: self.leeway.0 / 1000,
        };
        let verified = dpop::verify(field.trim(), &purpose, *ports).await;
        verified.map_err(|error| match error {
            InvalidProof::Jws(InvalidJws::Port(_)) => {
                Refusal::new(Problem::Internal, error.to_string())
            }
            InvalidProof::TooLong
            | InvalidProof::Jws(_)
            | InvalidProof::Type
            | InvalidProof::Key(_)
            | InvalidProof::OtherKey
            | InvalidProof::Claim(_)
            | InvalidProof::Date => unproven(error.to_string(), realm),
        })
    }

    /// RFC 9449 §9. The next nonce goes along before the present one is too old (§8.2).
    fn check_nonce<H, P: Ports>(
        &self,
        proof: &Proof,
        incoming: &Incoming<'_, H, P>,
        response: &mut HeadEdits,
    ) -> Result<(), Refusal> {
        let Some(name) = &self.possession.nonce else {
            return Ok(());
        };
        let secret = incoming.ports.secret(name);
        let secret = secret.filter(|secret| secret.len() >= MIN_SECRET);
        let secret = secret.ok_or_else(|| {
            let cause =
                format!("the platform holds no secret `{name}` of {MIN_SECRET} octets or more");
            Refusal::new(Problem::Internal, cause)
        })?;
        let now = incoming.ports.now();
        let nonce = proof.nonce.as_deref();
        match nonce.and_then(|nonce| nonce::standing(nonce, &secret, now)) {
            Some(Standing::Current) => Ok(()),
            Some(Standing::Previous) => {
                let next = HeaderValue::from_str(&nonce::current(&secret, now)).ok();
                response.set.extend(next.map(|next| (DPOP_NONCE, next)));
                // Else a cache would give old nonces to others.
                let private = HeaderValue::from_static("private");
                response.add.push((CACHE_CONTROL, private));
                Ok(())
            }
            None => {
                let refusal = Refusal::new(Problem::ProofNonce, "no nonce, or an old one");
                let refusal = refusal.with(DPOP_NONCE, nonce::current(&secret, now));
                let error = "use_dpop_nonce";
                Err(challenged(refusal, Scheme::Dpop, incoming.realm, error))
            }
        }
    }
}

/// RFC 9449 §11.1: a proof is good once.
fn take<H, P: Ports>(
    key: Digest,
    proof: &Proof,
    incoming: &Incoming<'_, H, P>,
) -> Result<(), Refusal> {
    let now = incoming.ports.now().seconds();
    let proofs = &incoming.memory.state.proofs;
    let taken = proofs.take(&key, &proof.id, now, proof.ends);
    taken.map_err(|not_taken| match not_taken {
        NotTaken::Replayed => unproven("the proof was used before", incoming.realm),
        NotTaken::Full => {
            let cause = "no room to remember another proof";
            Refusal::new(Problem::ProofsExhausted, cause).with(RETRY_AFTER, RETRY_GUARD)
        }
    })
}

fn unproven(cause: impl Into<String>, realm: &str) -> Refusal {
    let refusal = Refusal::new(Problem::ProofInvalid, cause);
    challenged(refusal, Scheme::Dpop, realm, "invalid_dpop_proof")
}

fn challenged(refusal: Refusal, scheme: Scheme, realm: &str, error: &str) -> Refusal {
    refusal.with(WWW_AUTHENTICATE, scheme.challenge(realm, Some(error)))
}
