use super::*;

#[test]
fn shapes_that_are_refused() {
    let gateway = gateway_with(issuer(), &[]);
    let good = hs256(&claims());
    for token in [
        String::new(),
        "a".to_owned(),
        "a.b".to_owned(),
        format!("{good}.x"),
        format!("{good}="),
        format!("{good}\u{e9}"),
        good.replace('.', ".."),
        "x".repeat(1 << 20),
    ] {
        let found = verdict(&gateway, &token);
        assert!(
            found.starts_with("401 "),
            "{found} for {}",
            token.chars().take(40).collect::<String>()
        );
    }
    let basic = request("GET /a").with("authorization", "Basic YTpi");
    assert_eq!(
        World::new().verdict(&gateway, &basic),
        "401 credential-missing"
    );
}

#[test]
fn no_mutation_of_a_good_token_is_accepted() {
    let gateway = gateway_with(issuer(), &[]);
    let good = hs256(&claims());
    for (index, octet) in good.bytes().enumerate() {
        for new in [b'A', b'B', b'_', b'.'] {
            if new == octet {
                continue;
            }
            let mut mutated = good.clone().into_bytes();
            mutated[index] = new;
            let mutated = String::from_utf8(mutated).unwrap();
            assert!(
                verdict(&gateway, &mutated).starts_with("401"),
                "octet {index}"
            );
        }
    }
}
