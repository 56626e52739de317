//! Stopping without harm.

use http::Request;
use tokio::net::TcpStream;

use crate::client::{Client, full, read};
use crate::origin::Origin;
use crate::program::{in_front_of, patient};

async fn finishes_what_is_under_way(http2: bool) {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let mut client = match http2 {
        true => connector.http2().await,
        false => connector.http1().await,
    };
    // One exchange first: the origin has seen the second when there are two.
    assert_eq!(client.get("/").await.0, 200);
    let gate = Request::get("/gate").body(full("")).unwrap();
    let exchange = tokio::spawn(async move { (client.send(gate).await, client) });
    patient(async {
        while origin.seen().len() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    connector.signal("-TERM");
    connector.logged("draining").await;
    origin.gate.add_permits(1);
    let (response, mut client): (_, Client) = patient(exchange).await.unwrap();
    if !http2 {
        assert_eq!(response.headers()["connection"], "close");
    }
    assert_eq!(read(response).await, (200, "opened".into()));
    let late = Request::get("/").body(full("")).unwrap();
    assert!(patient(client.try_send(late)).await.is_err());
    let address = connector.address;
    let (status, rest) = connector.ended().await;
    assert!(status.success());
    let drained = rest.iter().find(|line| line["message"] == "drained");
    assert_eq!(drained.unwrap()["cut"], 0);
    assert!(TcpStream::connect(address).await.is_err());
    assert_eq!(origin.seen().len(), 2);
}

#[tokio::test]
async fn an_http1_exchange_is_finished() {
    finishes_what_is_under_way(false).await;
}

#[tokio::test]
async fn an_http2_exchange_is_finished() {
    finishes_what_is_under_way(true).await;
}
