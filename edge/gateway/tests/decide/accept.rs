use crate::kit::*;

#[test]
fn one_reading_or_none() {
    let gateway = gateway(tables(), vec![("/*", route("all"))]);
    let world = World::new();
    for (line, verdict) in [
        ("GET /a/b", "forward"),
        ("GET /a/%7e", "forward"),
        ("GET /?q=%2F", "forward"),
        ("GET /a%2fb", "400 path-invalid"),
        ("GET /a/../../b", "400 path-invalid"),
        ("GET /%00", "400 path-invalid"),
        ("GET /a?q=\"<>", "forward"),
        ("GET /a?q=\u{7f}", "400 path-invalid"),
        ("OPTIONS *", "400 path-invalid"),
        ("TRACE /a", "501 method-refused"),
        ("CONNECT /a", "501 method-refused"),
    ] {
        assert_eq!(world.verdict(&gateway, &request(line)), verdict, "{line}");
    }
    let long = request(&format!("GET /?{}", "a".repeat(16 * 1024)));
    assert_eq!(world.verdict(&gateway, &long), "431 head-too-large");
}

#[test]
fn exactly_one_host() {
    let gateway = gateway(tables(), vec![("/*", route("all"))]);
    let world = World::new();
    for (authority, verdict) in [
        (Some("api.bank.example"), "forward"),
        (Some("API.BANK.EXAMPLE:8443"), "forward"),
        (Some("api.bank.example."), "forward"),
        (Some("api.bank.example, evil.example"), "400 host-invalid"),
        (Some("other.example"), "404 host-unknown"),
        (Some(""), "400 host-invalid"),
        (None, "400 host-invalid"),
    ] {
        let mut request = request("GET /");
        request.authority = authority.map(str::to_owned);
        assert_eq!(world.verdict(&gateway, &request), verdict, "{authority:?}");
    }
}
