//! A bundle in shadow that comes, goes and is no good, and the one run of it that every reader must
//! stand.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use tidegate_shared::channel::{self, InShadow, SHADOW_FORMAT_VERSION};
use tidegate_shared::digest::Digest;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::Percent;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::kit::{STATEMENT, bundle, closed, forwarding, key, signed, statement};
use crate::store::{Answer, Store};

/// What a reader logs where it lets none decide in shadow.
pub(crate) const NO_SHADOW: &str = "no bundle in shadow";

/// A store that does as it is told, and a reader of it that is asked for its records.
pub(crate) trait Watched {
    /// What the store has from now on.
    fn put(&mut self, path: &str, answer: Answer);

    /// What a request for a path is answered, and its access record.
    async fn record(&mut self, path: &str) -> (String, Value);

    /// How often it has logged that there is no bundle in shadow, for a reason of this name.
    fn warned(&mut self, name: &str) -> usize;
}

/// The lines of a log that were read so far: where records are among them, they say more.
#[derive(Default)]
pub(crate) struct Lines(Vec<String>);

impl Lines {
    /// The next record in a log.
    pub(crate) async fn record(&mut self, log: &mut UnboundedReceiver<String>) -> Value {
        let record = async {
            loop {
                let line = log.recv().await.unwrap();
                match serde_json::from_str::<Value>(&line) {
                    Ok(record) if record.get("request_id").is_some() => return record,
                    Ok(_) | Err(_) => self.0.push(line),
                }
            }
        };
        let record = tokio::time::timeout(Duration::from_secs(10), record).await;
        record.expect("no record")
    }

    /// How often it is said that there is no bundle in shadow, for a reason of this name.
    pub(crate) fn warned(&self, name: &str) -> usize {
        let refused = format!("\"refused\":\"{name}\"");
        let is_warning = |line: &&String| line.contains(NO_SHADOW) && line.contains(&refused);
        self.0.iter().filter(is_warning).count()
    }
}

/// A channel of which a bundle is in force that answers `/status`, and sends `/forwarded` to an
/// origin.
pub(crate) struct Scene {
    in_force: Vec<u8>,
}

impl Scene {
    pub(crate) async fn begin() -> Self {
        let origin = Store::default();
        origin.put("forwarded", Answer::Octets(b"from the origin".to_vec()));
        Self {
            in_force: forwarding("old", origin.start().await),
        }
    }

    /// Puts the bundle, and a statement without a shadow.
    pub(crate) fn publish(&self, put: &mut impl FnMut(&str, Answer)) {
        let path = channel::bundle_path(Digest::of(&self.in_force));
        put(&path, Answer::Octets(self.in_force.clone()));
        self.say(put, 1, None);
    }

    /// Puts a statement.
    pub(crate) fn say(
        &self,
        put: &mut impl FnMut(&str, Answer),
        sequence: u64,
        shadow: Option<&[u8]>,
    ) {
        let mut statement = statement(sequence, &self.in_force);
        statement.shadow = shadow.map(|shadow| InShadow {
            bundle: Digest::of(shadow),
            share: Percent(100),
        });
        if shadow.is_some() {
            statement.format = SHADOW_FORMAT_VERSION;
        }
        put(STATEMENT, Answer::Octets(signed(&statement)));
    }

    /// Waits until records say this of the bundle in shadow. No request fares otherwise for it.
    async fn says(&self, reader: &mut impl Watched, expected: Option<&Value>) {
        let in_force = Digest::of(&self.in_force).to_string();
        let said = async {
            loop {
                let (answer, record) = reader.record("/status").await;
                assert_eq!(answer, "old");
                assert_eq!(record["bundle"], in_force);
                if record.get("shadow_bundle") == expected {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let said = tokio::time::timeout(Duration::from_secs(20), said).await;
        said.unwrap_or_else(|_| panic!("never {expected:?}"));
    }

    /// What is in shadow comes and goes, and one that is no good does no harm.
    pub(crate) async fn decides_beside(&self, reader: &mut impl Watched) {
        let good = closed(&key());
        let path = channel::bundle_path(Digest::of(&good));
        reader.put(&path, Answer::Octets(good.clone()));
        let note = serde_json::json!({
            "bundle": Digest::of(&good).to_string(),
            "decision": "refuse",
            "status": 404,
            "problem": "route-not-found",
            "reason": "no route",
        });
        let mut sequence = 1;
        let mut say = |reader: &mut _, shadow: Option<&[u8]>| {
            sequence += 1;
            let put = &mut |path: &str, answer| Watched::put(reader, path, answer);
            self.say(put, sequence, shadow);
        };

        self.says(reader, None).await;
        say(reader, Some(&good));
        self.says(reader, Some(&note)).await;
        let (answer, record) = reader.record("/forwarded").await;
        assert_eq!(answer, "from the origin");
        assert_eq!(record["decision"], "forward");
        assert_eq!(record["shadow_bundle"], note);

        for (name, named, found) in no_good(&good) {
            if let Some(found) = found {
                reader.put(&channel::bundle_path(Digest::of(&named)), found);
            }
            say(reader, Some(&named));
            let warned = async {
                while reader.warned(name) == 0 {
                    self.says(reader, None).await;
                }
            };
            let warned = tokio::time::timeout(Duration::from_secs(20), warned).await;
            warned.unwrap_or_else(|_| panic!("never `{name}`"));
            // It is said once, however often it is tried.
            for _ in 0..10 {
                self.says(reader, None).await;
            }
            assert_eq!(reader.warned(name), 1, "`{name}`");
            say(reader, Some(&good));
            self.says(reader, Some(&note)).await;
        }
        // What was accepted stays, also in shadow, and goes with the next statement.
        reader.put(STATEMENT, Answer::Status(StatusCode::NOT_FOUND));
        for _ in 0..5 {
            self.says(reader, Some(&note)).await;
        }
        say(reader, None);
        self.says(reader, None).await;
    }
}

/// Bundles that are no good: under which name they are refused, what the statement names, and what
/// the store has for it.
fn no_good(good: &[u8]) -> [(&'static str, Vec<u8>, Option<Answer>); 5] {
    let whole = |octets: &[u8]| Some(Answer::Octets(octets.to_vec()));
    let forged = closed(&SigningKey::from_seed([9; 32]));
    let cut = good[..good.len() - 1].to_vec();
    [
        ("missing", b"missing".to_vec(), None),
        ("stalled", b"stalled".to_vec(), Some(Answer::Silence)),
        ("bundle-not-trusted", forged.clone(), whole(&forged)),
        ("bundle-not-ours", cut.clone(), whole(&cut)),
        (
            "bundle-exchanged",
            b"exchanged".to_vec(),
            whole(&bundle("other")),
        ),
    ]
}
