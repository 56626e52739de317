//! Endpoints that DNS tells of.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use http::Request;
use tokio::net::{TcpListener, UdpSocket};

use crate::admin::{admin_address, ask};
use crate::client::{Client, full, problem, read};
use crate::origin::Origin;
use crate::program::{Running, Setup, patient};

type Zone = BTreeMap<(Name, RecordType), Vec<(u32, RData)>>;

/// A server that answers from a list, for tests.
#[derive(Clone)]
struct NameServer {
    address: SocketAddr,
    /// `None`: it does not answer.
    zone: Arc<Mutex<Option<Zone>>>,
    /// Questions for A records so far.
    asked: Arc<AtomicUsize>,
}

impl NameServer {
    async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: socket.local_addr().unwrap(),
            zone: Arc::new(Mutex::new(Some(Zone::new()))),
            asked: Arc::default(),
        };
        tokio::spawn(server.clone().serve(socket));
        server
    }

    async fn serve(self, socket: UdpSocket) {
        let mut datagram = [0; 1500];
        loop {
            let (length, peer) = socket.recv_from(&mut datagram).await.unwrap();
            let question = Message::from_vec(&datagram[..length]).unwrap();
            if let Some(answer) = self.answer(&question) {
                let answer = answer.to_vec().unwrap();
                socket.send_to(&answer, peer).await.unwrap();
            }
        }
    }

    fn answer(&self, question: &Message) -> Option<Message> {
        let zone = self.zone.lock().unwrap();
        let zone = zone.as_ref()?;
        let query = question.queries.first().unwrap();
        if query.query_type() == RecordType::A {
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.add_query(query.clone());
        match zone.get(&(query.name().clone(), query.query_type())) {
            Some(records) => {
                let name = query.name();
                let record = |(ttl, data): &(u32, RData)| {
                    Record::from_rdata(name.clone(), *ttl, data.clone())
                };
                answer.add_answers(records.iter().map(record));
            }
            None => answer.metadata.response_code = ResponseCode::NXDomain,
        }
        Some(answer)
    }

    fn set(&self, name: &str, records: Vec<(u32, RData)>) {
        let kind = records[0].1.record_type();
        let mut zone = self.zone.lock().unwrap();
        let zone = zone.get_or_insert_default();
        zone.insert((Name::from_ascii(name).unwrap(), kind), records);
    }

    fn silence(&self) {
        *self.zone.lock().unwrap() = None;
    }
}

fn a(ttl: u32, last: u8) -> (u32, RData) {
    (ttl, RData::A(A(Ipv4Addr::new(127, 0, 0, last))))
}

fn srv(priority: u16, port: u16, target: &str) -> (u32, RData) {
    let target = Name::from_ascii(target).unwrap();
    (60, RData::SRV(SRV::new(priority, 1, port, target)))
}

/// Two origins at one port of different addresses, as two hosts would be.
async fn twins() -> (Origin, Origin) {
    loop {
        let one = Origin::start().await;
        let other = SocketAddr::from(([127, 0, 0, 2], one.address.port()));
        if let Ok(listener) = TcpListener::bind(other).await {
            return (one, Origin::start_on(listener));
        }
    }
}

/// Asked again after a tenth of a second at the least.
async fn connector(server: &NameServer, backend: &str, more: &str) -> Running {
    let dns = format!(
        "[dns]\nservers = [\"{}\"]\nmin_ttl = \"100ms\"\ntimeout = \"100ms\"\n{more}\n",
        server.address
    );
    Setup::new()
        .backend_at("accounts", "http://accounts.bank.test:80", backend)
        .with(&dns)
        .start()
        .await
}

async fn get(client: &mut Client) -> u16 {
    let request = Request::get("/").body(full("")).unwrap();
    read(client.send(request).await).await.0
}

#[tokio::test]
async fn an_answer_is_used_as_long_as_it_says() {
    let (one, two) = twins().await;
    let server = NameServer::start().await;
    server.set("accounts.bank.test.", vec![a(1, 1)]);
    server.set("long.bank.test.", vec![a(86_400, 1)]);
    let port = one.address.port();
    let dns = format!("[dns]\nservers = [\"{}\"]\n", server.address);
    let mut connector = Setup::new()
        .backend_at("accounts", &format!("http://accounts.bank.test:{port}"), "")
        .backend_at(
            "long",
            &format!("http://long.bank.test:{port}"),
            "host = \"long.test\"",
        )
        .with(&dns)
        .start()
        .await;
    let admin = admin_address(&mut connector).await;
    let mut client = connector.http2().await;
    assert_eq!(get(&mut client).await, 200);
    assert_eq!((one.seen().len(), two.seen().len()), (1, 0));
    server.set("accounts.bank.test.", vec![a(1, 2)]);
    server.set("long.bank.test.", vec![a(1, 2)]);
    let line = connector.logged("endpoints changed").await;
    assert_eq!(line["backend"], "accounts");
    assert_eq!(line["addresses"], format!("[{}]", two.address));
    assert_eq!(get(&mut client).await, 200);
    assert_eq!((one.seen().len(), two.seen().len()), (1, 1));
    // The answer with a long life was not asked for again.
    let forwarded = "for=192.0.2.1;host=long.test";
    let request = Request::get("/").header("forwarded", forwarded);
    let request = request.body(full("")).unwrap();
    assert_eq!(client.send(request).await.status(), 200);
    assert_eq!((one.seen().len(), two.seen().len()), (2, 1));
    let (_, metrics) = ask(admin, "/metrics").await;
    let found = "tidegate_connector_lookups_total{backend=\"accounts\",result=\"found\"}";
    assert!(metrics.contains(found), "{metrics}");
}

#[tokio::test]
async fn a_service_is_where_its_first_priority_is_and_elsewhere_when_that_is_gone() {
    let (main, spare) = (Origin::start().await, Origin::start().await);
    let server = NameServer::start().await;
    server.set("dc1.bank.test.", vec![a(60, 1)]);
    server.set("dc2.bank.test.", vec![a(60, 1)]);
    let service = "_http._tcp.accounts.bank.test";
    let records = vec![
        srv(10, main.address.port(), "dc1.bank.test."),
        srv(20, spare.address.port(), "dc2.bank.test."),
        srv(10, 1, "nowhere.bank.test."),
    ];
    server.set(&format!("{service}."), records);
    let more = format!("srv = \"{service}\"");
    let connector = connector(&server, &more, "").await;
    let mut client = connector.http2().await;
    for _ in 0..20 {
        assert_eq!(get(&mut client).await, 200);
    }
    assert_eq!((main.seen().len(), spare.seen().len()), (20, 0));
    main.stop().await;
    assert_eq!(get(&mut client).await, 200);
    assert_eq!(spare.seen().len(), 1);
}

#[tokio::test]
async fn the_last_answer_is_kept_while_there_is_none_but_not_for_ever() {
    let origin = Origin::start().await;
    let server = NameServer::start().await;
    server.set("dc1.bank.test.", vec![a(0, 1)]);
    let records = vec![srv(0, origin.address.port(), "dc1.bank.test.")];
    server.set("_http._tcp.accounts.bank.test.", records);
    let service = "srv = \"_http._tcp.accounts.bank.test\"";
    let mut connector = connector(&server, service, "stale = \"1s\"").await;
    let mut client = connector.http2().await;
    connector.logged("endpoints changed").await;
    server.silence();
    let line = connector.logged("the old endpoints stay in use").await;
    assert!(
        line["error"].as_str().unwrap().contains("timed out"),
        "{line}"
    );
    assert_eq!(get(&mut client).await, 200);
    let line = connector.logged("endpoints changed").await;
    assert_eq!(line["addresses"], "[]");
    let request = Request::get("/").body(full("")).unwrap();
    let refusal = problem(client.send(request).await).await;
    assert_eq!(refusal, (502, "origin-unreachable".into()));
}

#[tokio::test]
async fn a_name_that_is_unknown_at_the_start_is_found_later() {
    let origin = Origin::start().await;
    let server = NameServer::start().await;
    let service = "srv = \"_http._tcp.accounts.bank.test\"";
    let mut connector = connector(&server, service, "").await;
    connector.logged("no endpoints yet").await;
    let records = vec![srv(0, origin.address.port(), "dc1.bank.test.")];
    server.set("dc1.bank.test.", vec![a(60, 1)]);
    server.set("_http._tcp.accounts.bank.test.", records);
    connector.logged("endpoints changed").await;
    let asked = server.asked.load(Ordering::Relaxed);
    assert!(asked > 0);
    let mut client = connector.http2().await;
    assert_eq!(patient(get(&mut client)).await, 200);
}
