use super::*;

#[test]
fn a_good_token_passes() {
    let gateway = gateway_with(issuer(), &["accounts:read"]);
    assert_eq!(verdict(&gateway, &hs256(&claims())), "forward");
    for header in [
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"HS256","typ":"at+jwt"}"#,
        r#"{"alg":"HS256","typ":"application/at+JWT"}"#,
    ] {
        assert_eq!(
            verdict(&gateway, &sign_raw(header, &claims().to_string())),
            "forward",
            "{header}"
        );
    }
    let lower = request("GET /a").with("authorization", format!("bearer  {}", hs256(&claims())));
    assert_eq!(World::new().verdict(&gateway, &lower), "forward");
}

/// RFC 7515 §4.
#[test]
fn headers_that_are_refused() {
    let gateway = gateway_with(issuer(), &[]);
    for header in [
        r#"{"alg":"HS256","typ":["JWT"]}"#,
        r#"{"alg":"HS256","kid":7}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"HS256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","x":{"a":1,"a":2}}"#,
        r#"["HS256"]"#,
        "",
    ] {
        let token = sign_raw(header, &claims().to_string());
        assert_eq!(
            verdict(&gateway, &token),
            "401 credential-invalid",
            "{header}"
        );
    }
}
