//! The question (RFC 7662 §2.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::byte_serialize;
use http::{Request, header};
use tidegate_shared::bundle::{ClientMethod, Introspection};

/// # Errors
/// Where the definition makes no request: no compiler makes such a one.
pub(super) fn request(
    by: &Introspection,
    secret: &[u8],
    token: &str,
) -> Result<Request<Vec<u8>>, http::Error> {
    let (id, secret) = (encode(by.client.id.as_bytes()), encode(secret));
    let mut form = format!(
        "token={}&token_type_hint=access_token",
        encode(token.as_bytes())
    );
    let mut request = Request::post(&by.url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json");
    match by.client.method {
        // RFC 6749 §2.3.1: each is encoded as in a form before they are joined.
        ClientMethod::Basic => {
            let credential = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
            request = request.header(header::AUTHORIZATION, credential);
        }
        ClientMethod::Post => form.push_str(&format!("&client_id={id}&client_secret={secret}")),
    }
    request.body(form.into_bytes())
}

fn encode(octets: &[u8]) -> String {
    byte_serialize(octets).collect()
}

#[cfg(test)]
mod tests {
    use tidegate_shared::bundle::{IntrospectionClient, Possession, TokenSource};
    use tidegate_shared::units::Span;

    use super::*;

    fn asked(method: ClientMethod) -> (Option<String>, String) {
        let by = Introspection {
            name: "sessions".to_owned(),
            url: "https://id.example/introspect".to_owned(),
            client: IntrospectionClient {
                id: "edge:gateway".to_owned(),
                secret: "unused".to_owned(),
                method,
            },
            audiences: vec![],
            issuer: None,
            cache: Span(0),
            negative: Span(0),
            keep: Span(0),
            source: TokenSource::default(),
            possession: Possession::default(),
            plan: None,
        };
        let request = request(&by, "p&ss wörd".as_bytes(), "a+b/c==").unwrap();
        let field = request.headers().get(header::AUTHORIZATION);
        let credential = field.map(|value| {
            let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
            String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
        });
        (credential, String::from_utf8(request.into_body()).unwrap())
    }

    #[test]
    fn a_client_shows_its_secret_as_the_policy_says() {
        let token = "token=a%2Bb%2Fc%3D%3D&token_type_hint=access_token";
        let basic = Some("edge%3Agateway:p%26ss+w%C3%B6rd".to_owned());
        assert_eq!(asked(ClientMethod::Basic), (basic, token.to_owned()));
        let client = "client_id=edge%3Agateway&client_secret=p%26ss+w%C3%B6rd";
        assert_eq!(
            asked(ClientMethod::Post),
            (None, format!("{token}&{client}"))
        );
    }
}
