//! Connectors of a Worker that may not dial, or behave badly once they have.

use super::*;

/// Dials as whoever has this certificate does.
async fn dial(
    worker: &Worker,
    leaf: Option<&Leaf>,
) -> Result<WebSocketStream<TlsStream<TcpStream>>, Error> {
    let stream = worker.web.connect(worker.edge.address, HOST, leaf).await;
    let mut request = format!("wss://{HOST}/.well-known/tidegate-tunnel").into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", ALPN.parse().unwrap());
    // What only the edge may say.
    headers.insert(PLATFORM, "{}".parse().unwrap());
    headers.insert("tidegate-tunnel", "open 9999999999999 me".parse().unwrap());
    let large = WebSocketConfig::default()
        .max_message_size(None)
        .max_frame_size(None);
    let (socket, _) = client_async_with_config(request, stream, Some(large)).await?;
    Ok(socket)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_dial_is_refused() {
    let scene = Scene::open(&["dc1"]).await;
    let mut worker = Worker::start(&scene).await;
    // The bundle is read with the first request.
    ask(worker.address(), "/").await;
    let nameless = scene.mesh.issue("connector.bank.example");
    let unwanted = scene.mesh.issue(&connector_id("dc9"));
    let good = scene.mesh.issue(&connector_id("dc1"));
    for (leaf, revoked, status, reason) in [
        (None, false, 401, "no-certificate"),
        (Some(&good), true, 401, "no-certificate"),
        (Some(&nameless), false, 403, "no-identity"),
        (Some(&unwanted), false, 403, "unwanted"),
    ] {
        worker.edge.revoke(revoked);
        match dial(&worker, leaf).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status().as_u16(), status, "{reason}"),
            other => panic!("{reason}: {:?}", other.err()),
        }
        let line = worker.logged("tunnel refused").await;
        assert_eq!(line["refused"], reason);
    }
    // A client cannot say that it is one: nobody has verified anything for it.
    let request = Request::get("/.well-known/tidegate-tunnel")
        .header("host", "api.bank.example")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", ALPN)
        .header(
            "tidegate-tunnel",
            format!("open 9999999999999 {}", connector_id("dc1")),
        );
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let answer = client::exchange(worker.address(), request).await.unwrap();
    assert_eq!(answer.status, 401);
    worker.edge.revoke(false);
    let mut connector = worker.connector_as(&scene, &unwanted, "dc9", 1);
    let line = connector.logged("no tunnel").await;
    assert_eq!(line["reason"], "declined");
    let _connector = worker.connector_as(&scene, &good, "dc1", 1);
    worker.logged("tunnel open").await;
    assert_eq!(ask(worker.address(), "/").await.status, 200);
}

/// SETTINGS with 128 streams at once (RFC 9113 §6.5.2).
const SETTINGS: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x80";

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_behaves_badly_loses_its_tunnel_and_nothing_else() {
    let scene = Scene::open(&["dc1"]).await;
    let mut worker = Worker::start(&scene).await;
    let _connector = worker.connected(&scene, "dc1", 1).await;
    let leaf = scene.mesh.issue(&connector_id("dc1"));
    let settings = || Message::Binary(Bytes::from_static(SETTINGS));
    // RFC 9113 §6: data of a stream that nobody has opened, an end that is none, and what is no frame.
    let data = Message::Binary(Bytes::from_static(b"\0\0\x04\0\0\0\0\0\x01data"));
    let preface = Message::Binary(Bytes::from_static(b"HTTP/1.1 200 OK\r\n\r\n"));
    for (message, end) in [
        (Message::text("hello"), true),
        (Message::Binary(vec![0; (1 << 20) + 1].into()), true),
        (Message::Binary(vec![b'x'; 1 << 20].into()), true),
        (data, true),
        (preface, true),
        (Message::Binary(Bytes::new()), false),
    ] {
        let mut socket = dial(&worker, Some(&leaf)).await.unwrap();
        socket.send(settings()).await.unwrap();
        worker.logged("tunnel open").await;
        let _ = socket.send(message).await;
        if end {
            worker.logged("tunnel closed").await;
        }
        for _ in 0..4 {
            assert_eq!(ask(worker.address(), "/").await.status, 200);
        }
    }
    // A flood of PINGs, each of which wants an answer that is not read.
    let mut socket = dial(&worker, Some(&leaf)).await.unwrap();
    socket.send(settings()).await.unwrap();
    worker.logged("tunnel open").await;
    let flood = Bytes::from(b"\0\0\x08\x06\0\0\0\0\0abcdefgh".repeat(1000));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        let message = Message::Binary(flood.clone());
        let sent = tokio::time::timeout(Duration::from_millis(500), socket.send(message));
        if !matches!(sent.await, Ok(Ok(()))) {
            break;
        }
    }
    assert_eq!(ask(worker.address(), "/").await.status, 200);
    drop(socket);
    // As many as one may have, and no more.
    let mut open = Vec::new();
    let full = loop {
        match dial(&worker, Some(&leaf)).await {
            Ok(socket) => open.push(socket),
            Err(error) => break error,
        }
        assert!(open.len() <= 8);
    };
    assert!(matches!(full, Error::Http(answer) if answer.status().as_u16() == 503));
    assert_eq!(ask(worker.address(), "/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_says_nothing_is_given_up() {
    let scene = Scene::open(&["dc1"]).await;
    let mut worker = Worker::start(&scene).await;
    ask(worker.address(), "/").await;
    let leaf = scene.mesh.issue(&connector_id("dc1"));
    let mut socket = dial(&worker, Some(&leaf)).await.unwrap();
    // It does not even begin, so that it gets no requests.
    assert_eq!(ask(worker.address(), "/").await.status, 502);
    let ends = async { while let Some(Ok(_)) = socket.next().await {} };
    tokio::time::timeout(Duration::from_secs(30), ends)
        .await
        .unwrap();
    let line = worker.logged("tunnel closed").await;
    assert_eq!(line["cause"], "the connector is silent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_ends_with_its_certificate() {
    let scene = Scene::open(&["dc1"]).await;
    let mut worker = Worker::start(&scene).await;
    ask(worker.address(), "/").await;
    let id = connector_id("dc1");
    let leaf = scene.mesh.issue_for(&id, Duration::from_secs(5));
    let mut socket = dial(&worker, Some(&leaf)).await.unwrap();
    let settings = Message::Binary(Bytes::from_static(SETTINGS));
    socket.send(settings).await.unwrap();
    worker.logged("tunnel open").await;
    let line = worker.logged("tunnel closed").await;
    assert_eq!(line["cause"], "its time is over");
    // The connector itself opens the next one before, and none is missing.
    let leaf = scene.mesh.issue_for(&id, Duration::from_secs(5));
    let _connector = worker.connector_as(&scene, &leaf, "dc1", 1);
    for _ in 0..2 {
        worker.logged("tunnel open").await;
    }
    assert_eq!(ask(worker.address(), "/").await.status, 200);
}
