use super::*;

fn parsed(text: &str) -> Read {
    read(text.as_bytes()).unwrap()
}

const RECORD: &str = r#"{"time":1,"request_id":"r","trace_id":"t","policy":"p","bundle":"b","method":"GET","host":"a.example","path":"/x","consumer":"alice","client":"192.0.2.7","decision":"refuse","phase":"limit","problem":"limit-exceeded","status":429,"attempts":0,"duration_ms":1,"end":"complete"}"#;

#[test]
fn records_are_counted_and_what_is_none_is_told_by_its_line() {
    let native = serde_json::json!({ "target": "access", "record": RECORD }).to_string();
    let started = r#"{"level":"INFO","message":"started"}"#;
    let unknown = RECORD.replace(r#""host":"a.example","#, "");
    let lines = [started, RECORD, "", &native, "GET /x 200", "[1]", &unknown];
    let read = parsed(&lines.join("\n"));
    let calls: Vec<_> = read.requests.calls().collect();
    let [(call, made)] = calls[..] else {
        panic!("{calls:?}");
    };
    assert_eq!(made, Made { first: 2, times: 2 });
    assert_eq!(call.who, Who::Consumer("alice".to_owned()));
    assert_eq!(call.from, Some([192, 0, 2, 7].into()));
    let recorded = call.recorded.as_ref().unwrap();
    assert!(recorded.refused && recorded.by_limit && !recorded.lacks_scope);
    assert_eq!(read.other, 1);
    let wrong: Vec<u64> = read.malformed.iter().map(|line| line.number).collect();
    assert_eq!(wrong, [5, 6, 7]);
}

/// An archive is told from records by its beginning, on one line or on many.
#[test]
fn an_archive_gives_fields_and_the_claims_of_a_token() {
    let claims = base64::Engine::encode(
        &base64::prelude::BASE64_URL_SAFE_NO_PAD,
        r#"{"iss":"https://id.example","sub":"alice"}"#,
    );
    let entry = |url: &str| {
        serde_json::json!({ "request": { "method": "POST", "url": url, "headers": [
            { "name": ":authority", "value": "a.example" },
            { "name": "Authorization", "value": format!("Bearer e30.{claims}.c2ln") },
            { "name": "X-Tier", "value": "gold" },
        ] } })
    };
    let entries = [
        entry("https://a.example/x?y=z#part"),
        entry("about:blank"),
        serde_json::json!({}),
    ];
    let archive = serde_json::json!({ "log": { "version": "1.2", "entries": entries } });
    for text in [
        archive.to_string(),
        serde_json::to_string_pretty(&archive).unwrap(),
    ] {
        let read = parsed(&text);
        let (call, _) = read.requests.calls().next().unwrap();
        assert_eq!(call.path_and_query, "/x?y=z");
        assert_eq!(
            call.headers,
            [("x-tier".parse().unwrap(), "gold".to_owned())]
        );
        assert_eq!(
            call.who,
            Who::Bearer(r#"{"iss":"https://id.example","sub":"alice"}"#.to_owned())
        );
        let wrong: Vec<u64> = read.malformed.iter().map(|entry| entry.number).collect();
        assert_eq!(wrong, [2, 3]);
    }
}

#[test]
fn what_has_no_end_is_refused() {
    let long = vec![b'a'; MAX_LINE + 1];
    assert!(matches!(read(&long[..]), Err(ReadError::Line(1))));
    assert!(matches!(read(&b"{"[..]), Err(ReadError::Neither(_))));
}
