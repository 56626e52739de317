//! What policies say, in plain words.

mod api_keys;
mod certificates;
mod connector;
mod limits;
mod plans;
mod revocations;
mod signatures;
mod signing;

use std::collections::BTreeSet;

use serde_bytes::ByteBuf;
use tidegate_shared::bundle::{
    AllowedOrigins, Binding, CallerFact, CallerFacts, CallerToken, Carrier, ClaimRule, ClaimTest,
    ClaimValue, ClientMethod, FieldPredicate, FieldTest, HeaderEdits, IntrospectionClient,
    KeyLocation, Origin, PathTemplate, PublicKey, RemoteKeys, Reply, Retry, RetryOn, TemplatePart,
    TokenSource, TokenType,
};
use tidegate_shared::digest::Digest;
use tidegate_shared::method::MethodSet;

use crate::meaning::{Answer, Caller, Credential, Meaning, Shadow};

pub(crate) use api_keys::{api_key, key_form, key_place, key_store};
pub(crate) use certificates::{certificate_holder, certificates, distinguished_name};
pub use connector::connector_promise;
pub(crate) use connector::{connector, connector_limit, signature_demand};
pub use limits::promise;
pub(crate) use limits::{key_part, limit};
pub(crate) use plans::{on_plan, plan, plan_claim};
pub(crate) use revocations::revocations;
pub(crate) use signatures::{component, required, signer_key, taken};
pub(crate) use signing::signing;

/// The most of a reply's body that is shown, in characters.
const MAX_BODY: usize = 60;
/// Digits of a digest that tell it from others.
const DIGITS: usize = 12;

pub(crate) fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Items with commas between; `none` where there is none.
pub(crate) fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(", ")
    }
}

/// Items of which the first goes first.
pub(crate) fn ordered(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join(", then ")
}

/// Methods as people write them.
pub(crate) fn methods(methods: MethodSet) -> String {
    if methods == MethodSet::ANY {
        return "any method".to_owned();
    }
    let extensions = methods
        .has_extensions()
        .then(|| "extension methods".to_owned());
    list(
        methods
            .iter()
            .map(|method| method.to_string())
            .chain(extensions),
    )
}

/// What must hold of a header or of a query parameter.
pub(crate) fn predicate(of: &str, FieldPredicate { name, test }: &FieldPredicate) -> String {
    match test {
        FieldTest::Present => format!("{of} `{name}` present"),
        FieldTest::Exact(value) => format!("{of} `{name}: {value}`"),
        // The bundle holds the automaton, not the text.
        FieldTest::Matches(automaton) => format!(
            "{of} `{name}` matches an expression (automaton {})",
            short(&Digest::of(automaton))
        ),
    }
}

fn short(digest: &Digest) -> String {
    let mut digits = hex::encode(digest.0);
    digits.truncate(DIGITS);
    digits
}

pub(crate) fn caller(caller: &Caller<'_>) -> String {
    let Caller::Holder {
        alternatives,
        anonymous,
    } = caller
    else {
        return "everyone".to_owned();
    };
    let alternatives = alternatives.iter().map(|together| self::together(together));
    let nobody = anonymous.then(|| "no credential".to_owned());
    alternatives.chain(nobody).collect::<Vec<_>>().join(", or ")
}

/// Credentials that must all hold.
pub(crate) fn together(credentials: &[Credential<'_>]) -> String {
    credentials
        .iter()
        .map(credential)
        .collect::<Vec<_>>()
        .join(" together with ")
}

pub(crate) fn credential(credential: &Credential<'_>) -> String {
    match credential {
        Credential::Jwt(issuers, scopes) => {
            let issuers = issuers.iter().map(|issuer| code(&issuer.issuer));
            let issuers = issuers.collect::<Vec<_>>().join(" or ");
            format!("a token of {issuers}{}", with(scopes))
        }
        Credential::ApiKey(ring, scopes) => {
            format!("an API key in {}{}", key_place(&ring.source), with(scopes))
        }
        Credential::Introspect(asked, scopes) => format!(
            "a token that {} vouches for{}",
            code(&asked.url),
            with(scopes)
        ),
        Credential::Signature(signers) => {
            let covered = signers.components.iter().map(component);
            format!("a signature over {}", list(covered))
        }
        Credential::Certificate(own) => certificates(own),
    }
}

fn with(scopes: &[String]) -> String {
    let scopes = scopes.iter().map(|scope| code(scope));
    let scopes = scopes.collect::<Vec<_>>().join(" and ");
    let with = if scopes.is_empty() { "" } else { " with " };
    format!("{with}{scopes}")
}

pub(crate) fn introspection_client(client: &IntrospectionClient) -> String {
    let IntrospectionClient { id, secret, method } = client;
    let method = match method {
        ClientMethod::Basic => "in a header field",
        ClientMethod::Post => "in the body",
    };
    format!("{} with the secret {} {method}", code(id), code(secret))
}

pub(crate) fn carrier(carrier: Carrier<'_>) -> String {
    match carrier {
        Carrier::Authorization(scheme) => code(&format!("Authorization: {scheme}")),
        Carrier::Header(name) => format!("the header {}", code(name)),
        Carrier::Cookie(name) => format!("the cookie {}", code(name)),
        Carrier::Query(name) => format!("the query parameter {}", code(name)),
        Carrier::Connection => "the connection".to_owned(),
    }
}

pub(crate) fn answer(answer: &Answer<'_>) -> String {
    match answer {
        Answer::Reply(reply) => format!("the gateway replies {}", self::reply(reply)),
        Answer::Forward(forward) => {
            let origins = forward.upstream.origins.iter();
            format!("goes to {}", ordered(origins.map(origin)))
        }
    }
}

/// Where a request goes, and by which way.
pub(crate) fn origin(origin: &Origin) -> String {
    let Origin {
        // In records alone.
        name: _,
        url,
        tunnel,
    } = origin;
    match tunnel {
        None => code(url),
        Some(connector) => format!(
            "{} by the tunnel of {}",
            code(url),
            code(connector.as_str())
        ),
    }
}

/// Who may call, when, and who answers.
pub(crate) fn summary(meaning: &Meaning<'_>) -> String {
    let (caller, answer) = (caller(&meaning.caller), answer(&meaning.answer));
    format!("{caller}{}; {answer}", when(meaning))
}

/// What is watched, and refuses nobody.
pub(crate) fn shadow(shadow: &Shadow<'_>) -> String {
    let Shadow { caller, conditions } = shadow;
    let caller = caller.as_ref().map(self::caller);
    let conditions = conditions.iter().map(|condition| code(condition.text()));
    list(caller.into_iter().chain(conditions))
}

/// What must hold besides the credential; empty for nothing.
pub(crate) fn when(meaning: &Meaning<'_>) -> String {
    let conditions = meaning.conditions.iter();
    conditions
        .map(|condition| format!(", when {}", code(condition.text())))
        .collect()
}

pub(crate) fn reply(reply: &Reply) -> String {
    let Reply {
        status,
        headers,
        body,
    } = reply;
    let text = String::from_utf8_lossy(body);
    let mut shown: String = text.chars().take(MAX_BODY).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    let fields = headers
        .iter()
        .map(|(name, value)| code(&format!("{name}: {value}")));
    let mut words = format!("{status}");
    if !headers.is_empty() {
        words.push_str(&format!(" with {}", list(fields)));
    }
    if !shown.is_empty() {
        words.push_str(&format!(" and the body {}", code(&shown)));
    }
    words
}

pub(crate) fn public_key(key: &PublicKey) -> String {
    let PublicKey {
        id,
        algorithm,
        material,
    } = key;
    let digest = Digest::of(format!("{material:?}").as_bytes());
    let algorithm = algorithm.map(|algorithm| format!(" for {}", algorithm.name()));
    format!(
        "key {}{} ({})",
        id.as_deref()
            .map_or_else(|| "without an id".to_owned(), code),
        algorithm.unwrap_or_default(),
        short(&digest)
    )
}

pub(crate) fn token_source(source: &TokenSource) -> String {
    match source {
        TokenSource::Authorization => "`Authorization: Bearer`".to_owned(),
        TokenSource::Header(name) => format!("the header {}", code(name)),
        TokenSource::Cookie(name) => format!("the cookie {}", code(name)),
        TokenSource::Query(name) => format!("the query parameter {}", code(name)),
    }
}

pub(crate) fn binding(binding: Option<Binding>) -> &'static str {
    match binding {
        None => "whoever holds the token",
        Some(Binding::Dpop) => "whoever proves to have the token's key",
        Some(Binding::Certificate) => "whoever has the token's certificate",
        Some(Binding::Any) => "whoever proves to have the token's key or certificate",
    }
}

pub(crate) fn proof_nonce(secret: Option<&str>) -> String {
    secret.map_or("no nonce".to_owned(), |name| {
        format!("a nonce by the secret {}", code(name))
    })
}

pub(crate) fn caller_facts(facts: &CallerFacts) -> String {
    let CallerFacts {
        headers,
        token,
        remove_credential,
    } = facts;
    let field = |(name, fact): &(String, CallerFact)| {
        let fact = match fact {
            CallerFact::Subject => "the subject".to_owned(),
            CallerFact::Issuer => "the issuer".to_owned(),
            CallerFact::Scopes => "the scopes".to_owned(),
            CallerFact::Plan => "the plan".to_owned(),
            CallerFact::Claim(name) => format!("the claim {}", code(name)),
            CallerFact::Certificate(name) => format!("the certificate's {}", code(name)),
        };
        format!("{fact} in {}", code(name))
    };
    let token = token.as_ref().map(|token| {
        let CallerToken {
            header,
            secret,
            audience,
            lifetime,
        } = token;
        format!(
            "a token in {} for {}, signed with {}, good for {lifetime}",
            code(header),
            code(audience),
            code(secret)
        )
    });
    let credential = if *remove_credential {
        "not the credential"
    } else {
        "the credential"
    };
    let told = headers.iter().map(field).chain(token);
    list(told.chain([credential.to_owned()]))
}

pub(crate) fn key_source(remote: Option<&RemoteKeys>) -> String {
    let Some(remote) = remote else {
        return "the policy alone".to_owned();
    };
    let RemoteKeys {
        location,
        refresh,
        keep,
    } = remote;
    let place = match location {
        KeyLocation::Set(url) => code(url),
        KeyLocation::Configuration(url) => format!("what {} names", code(url)),
    };
    format!("{place}, every {refresh}, kept for {keep}")
}

pub(crate) fn token_type(token_type: TokenType) -> &'static str {
    match token_type {
        TokenType::Any => "any type",
        TokenType::Jwt => "`JWT`",
        TokenType::AccessToken => "`at+jwt`",
    }
}

pub(crate) fn claim_rule(rule: &ClaimRule) -> String {
    let ClaimRule { name, test } = rule;
    match test {
        ClaimTest::Present => format!("{} present", code(name)),
        ClaimTest::OneOf(values) => {
            let values: BTreeSet<String> = values
                .iter()
                .map(|value| match value {
                    ClaimValue::Text(text) => format!("{text:?}"),
                    ClaimValue::Integer(number) => number.to_string(),
                    ClaimValue::Bool(bool) => bool.to_string(),
                })
                .collect();
            format!("{} one of {}", code(name), list(values))
        }
    }
}

pub(crate) fn origins(origins: &AllowedOrigins) -> String {
    match origins {
        AllowedOrigins::Any => "pages of every origin".to_owned(),
        AllowedOrigins::Listed(listed) => list(listed.iter().map(|origin| code(origin))),
    }
}

pub(crate) fn retry(retry: &Retry) -> String {
    let Retry {
        attempts,
        on,
        budget,
    } = retry;
    let on = on.iter().map(|on| match on {
        RetryOn::Connect => "connect".to_owned(),
        RetryOn::Timeout => "timeout".to_owned(),
        RetryOn::Status(status) => status.to_string(),
    });
    format!("{attempts} attempts, on {}, budget {}%", list(on), budget.0)
}

pub(crate) fn authorities(trust: &BTreeSet<&ByteBuf>) -> String {
    if trust.is_empty() {
        return "the runtime's own authorities".to_owned();
    }
    list(
        trust
            .iter()
            .map(|certificate| format!("certificate {}", short(&Digest::of(certificate)))),
    )
}

pub(crate) fn rewrite(template: Option<&PathTemplate>) -> String {
    let part = |part: &TemplatePart| match part {
        TemplatePart::Literal(text) => text.clone(),
        TemplatePart::Parameter(name) => format!("{{{name}}}"),
        TemplatePart::Rest => "{*}".to_owned(),
    };
    template.map_or_else(
        || "the path as it came".to_owned(),
        |template| code(&template.0.iter().map(part).collect::<String>()),
    )
}

pub(crate) fn header_edits(edits: &HeaderEdits) -> String {
    let HeaderEdits { remove, set, add } = edits;
    let field = |(name, value): &(String, String)| code(&format!("{name}: {value}"));
    let remove = remove.iter().map(|name| format!("remove {}", code(name)));
    let set = set.iter().map(|pair| format!("set {}", field(pair)));
    let add = add.iter().map(|pair| format!("add {}", field(pair)));
    list(remove.chain(set).chain(add))
}
