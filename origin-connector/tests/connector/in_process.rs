//! The connector as a library.

use tidegate_origin_connector::{Config, Connector, Drained};
use tokio::sync::oneshot;

use crate::authority::GATEWAY_ID;
use crate::client::Client;
use crate::origin::Origin;
use crate::program::{Setup, patient};

#[tokio::test]
async fn a_connector_runs_inside_another_program() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let config = Config::read(&setup.config()).unwrap();
    let connector = Connector::bind(config).await.unwrap();
    let address = connector.local_addr();
    assert!(connector.admin_addr().is_some());
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(connector.run(async {
        let _ = stopped.await;
    }));
    let gateway = setup.edge.issue(&[GATEWAY_ID]);
    let mut client = Client::http2(address, &setup.mesh, &gateway).await;
    assert_eq!(client.get("/").await.0, 200);
    stop.send(()).unwrap();
    assert_eq!(patient(running).await.unwrap(), Drained { cut: 0 });
}
