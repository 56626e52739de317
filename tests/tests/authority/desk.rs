//! What a gateway answers that keeps limits for others, to who asks rightly and who does not.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use tidegate_limits::{Answer, Ask, MAX_MESSAGE, Question, Spent};
use tidegate_shared::units::Rate;
use tidegate_tests::authority::{Authority, TOKEN};
use tidegate_tests::client;

fn question() -> Vec<u8> {
    let question = Question {
        bucket: [7; 32],
        rate: Rate {
            count: 60,
            period: 60,
        },
        burst: 5,
        ask: Ask::Spend(2),
    };
    question.encode()
}

async fn asked(
    authority: &Authority,
    method: Method,
    authorization: Option<&str>,
    body: &[u8],
) -> client::Answer {
    let url: http::Uri = authority.url().parse().unwrap();
    let mut request = Request::builder()
        .method(method)
        .uri("/")
        .header("host", "limits.test.example");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let request = request.body(Full::<Bytes>::from(body.to_vec())).unwrap();
    let address = url.authority().unwrap().as_str().parse().unwrap();
    client::exchange(address, request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_the_token_is_answered() {
    let authority = Authority::start().await.unwrap();
    let token = format!("Bearer {TOKEN}");
    let answer = asked(&authority, Method::POST, Some(&token), &question()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.field("content-type").as_deref(),
        Some("application/cbor")
    );
    let spent = Spent {
        tokens: 2,
        retry_after: 0,
        free: 3,
    };
    assert_eq!(Answer::decode(&answer.body).unwrap(), Answer::Spent(spent));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_is_told_nothing() {
    let authority = Authority::start().await.unwrap();
    for shown in [
        None,
        Some("Bearer another-token-of-that-length"),
        Some("Bearer "),
        Some("Basic d2hhdA=="),
        Some(TOKEN),
    ] {
        for body in [question(), vec![], vec![0xff; 9_000]] {
            let answer = asked(&authority, Method::POST, shown, &body).await;
            assert_eq!(answer.status, 401, "{shown:?}");
            assert_eq!(answer.field("www-authenticate").as_deref(), Some("Bearer"));
            assert!(answer.body.is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_question_is_refused() {
    let authority = Authority::start().await.unwrap();
    let token = format!("Bearer {TOKEN}");
    let mut trailing = question();
    trailing.push(0);
    let cases = [
        (Method::POST, vec![], 400),
        (Method::POST, b"{}".to_vec(), 400),
        (Method::POST, trailing, 400),
        (Method::POST, vec![0x9f; MAX_MESSAGE], 400),
        (Method::POST, vec![0; MAX_MESSAGE + 1], 413),
        (Method::POST, vec![0; 9_000], 413),
        (Method::GET, vec![], 405),
        (Method::PUT, question(), 405),
    ];
    for (method, body, expected) in cases {
        let answer = asked(&authority, method, Some(&token), &body).await;
        assert_eq!(answer.status, expected, "{} octets", body.len());
    }
    let answer = asked(&authority, Method::POST, Some(&token), &question()).await;
    assert_eq!(answer.status, 200, "it goes on");
}
