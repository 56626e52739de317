//! The connector as a library.

use tidegate_origin_connector::config::{
    BackendFile, ConfigFile, DnsFile, DrainFile, LimitsFile, TlsFile,
};
use tidegate_origin_connector::{Config, Connector, Drained};
use tokio::sync::oneshot;

use crate::authority::GATEWAY_ID;
use crate::client::Client;
use crate::origin::Origin;
use crate::program::{Setup, patient};

#[tokio::test]
async fn a_connector_runs_inside_another_program() {
    let origin = Origin::start().await;
    let setup = Setup::new();
    let file = ConfigFile {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        admin: None,
        tls: TlsFile {
            certificate: Some(setup.path("server.pem")),
            private_key: Some(setup.path("server.key")),
            client_authority: Some(setup.path("edge.pem")),
            ..TlsFile::default()
        },
        mesh: None,
        gateway_signature: None,
        policy: None,
        backend: vec![BackendFile {
            name: "accounts".to_owned(),
            address: format!("http://{}", origin.address),
            allow: vec![GATEWAY_ID.to_owned()],
            ..BackendFile::default()
        }],
        tcp: Vec::new(),
        dial: Vec::new(),
        traces: None,
        dns: DnsFile::default(),
        drain: DrainFile::default(),
        limits: LimitsFile::default(),
    };
    let config = Config::try_from(file).unwrap();
    let connector = Connector::bind(config).await.unwrap();
    let address = connector.local_addr().unwrap();
    assert_eq!(connector.admin_addr(), None);
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
