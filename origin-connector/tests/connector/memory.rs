//! What an idle connection costs.

use crate::client::Client;
use crate::origin::Origin;
use crate::program::in_front_of;

/// More than this in octets would make the default limit of connections a gigabyte.
const MOST: u64 = 100 * 1024;

/// Opens connections, has one exchange on each, and tells how much memory each holds then.
async fn idle(http2: bool) -> u64 {
    const WARM: u64 = 50;
    const MORE: u64 = 200;
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let mut open = Vec::new();
    let mut before = 0;
    for count in 0..WARM + MORE {
        if count == WARM {
            before = connector.memory();
        }
        let mut client: Client = match http2 {
            true => connector.http2().await,
            false => connector.http1().await,
        };
        assert_eq!(client.get("/").await.0, 200);
        // Lines that nobody reads are memory.
        connector.logged("request").await;
        open.push(client);
    }
    (connector.memory() - before) / MORE
}

/// The figures are printed with `--nocapture`.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn an_idle_connection_is_cheap() {
    for (version, http2) in [("HTTP/1.1", false), ("HTTP/2", true)] {
        let octets = idle(http2).await;
        println!("an idle connection over TLS with {version}: {octets} octets");
        assert!(octets < MOST, "{version}: {octets}");
    }
}
