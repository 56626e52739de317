//! An authority in Redis or Valkey, for several gateways.

use redis::aio::MultiplexedConnection;
use redis::{Client, InfoDict, RedisError, Script};
use tidegate_edge::PortError;
use tidegate_limits::{
    Answer, Ask, GRACE, Grant, LIFETIME, MAX_HOLDERS, Question, Renewal, Spent, horizon,
};
use tokio::sync::Mutex;
use tracing::{info, warn};

/// Since when a server remembers buckets, and in which of its runs.
const SINCE: &str = "tidegate:limits:since";

/// A connection to a server, which is made when it is needed.
///
/// What the server forgets with a restart, or by a flush, is worked out from when it began: each
/// bucket is full until all leases have ended that nobody remembers. A server must not evict keys.
pub(super) struct RedisAuthority {
    client: Client,
    script: Script,
    connection: Mutex<Connection>,
}

/// How things stand with the server.
enum Connection {
    Open(Session),
    /// Not open, which was said, or not.
    Closed {
        said: bool,
    },
}

/// A connection, and the run of the server that it is to: a restart ends it.
#[derive(Clone)]
struct Session {
    connection: MultiplexedConnection,
    run: String,
}

impl std::fmt::Debug for RedisAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisAuthority").finish_non_exhaustive()
    }
}

impl RedisAuthority {
    pub(super) fn new(address: &str) -> Result<Self, RedisError> {
        Ok(Self {
            client: Client::open(address)?,
            script: Script::new(include_str!("ledger.lua")),
            connection: Mutex::new(Connection::Closed { said: false }),
        })
    }

    pub(super) async fn answer(&self, question: &Question) -> Result<Answer, PortError> {
        let answer = self.ask(question).await;
        if let Err(error) = &answer {
            self.close(error).await;
        }
        answer
    }

    async fn ask(&self, question: &Question) -> Result<Answer, PortError> {
        let mut session = self.session().await.map_err(|error| failed(&error))?;
        let contract = question.contract();
        let mut call = self.script.prepare_invoke();
        call.key(format!("tidegate:limit:{}", hex(&question.bucket)))
            .key(SINCE)
            .arg(&session.run)
            .arg(contract.drain(1))
            .arg(contract.burst())
            .arg(LIFETIME + GRACE)
            .arg(MAX_HOLDERS)
            .arg(horizon(contract))
            .arg(contract.lasts().unwrap_or(0));
        match &question.ask {
            Ask::Spend(tokens) => call.arg("spend").arg(*tokens),
            Ask::Renew(renewal) => call
                .arg("renew")
                .arg(renewal.holder.to_string())
                .arg(renewal.sequence)
                .arg(renewal.used)
                .arg(renewal.left)
                .arg(renewal.want)
                .arg(renewal.demand),
        };
        let numbers: Vec<u32> =
            (call.invoke_async(&mut session.connection).await).map_err(|error| failed(&error))?;
        let answer = match &question.ask {
            Ask::Spend(_) => spent(&numbers),
            Ask::Renew(renewal) => grant(renewal, &numbers),
        };
        answer.ok_or_else(|| PortError(format!("the script answered `{numbers:?}`")))
    }

    async fn session(&self) -> Result<Session, RedisError> {
        let mut connection = self.connection.lock().await;
        if let Connection::Open(session) = &*connection {
            return Ok(session.clone());
        }
        let mut opened = self.client.get_multiplexed_async_connection().await?;
        let server: InfoDict = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut opened)
            .await?;
        let session = Session {
            connection: opened,
            run: server.get("run_id").unwrap_or_default(),
        };
        info!("the authority of limits answers");
        *connection = Connection::Open(session.clone());
        Ok(session)
    }

    /// Notes that the server did not answer, and says so once.
    pub(super) async fn close(&self, error: &PortError) {
        let mut connection = self.connection.lock().await;
        let said = matches!(&*connection, Connection::Closed { said: true });
        if !said {
            warn!(%error, "the authority of limits does not answer");
        }
        *connection = Connection::Closed { said: true };
    }
}

fn failed(error: &RedisError) -> PortError {
    PortError(error.to_string())
}

fn spent(numbers: &[u32]) -> Option<Answer> {
    let [tokens, retry_after, free] = *numbers else {
        return None;
    };
    Some(Answer::Spent(Spent {
        tokens,
        retry_after,
        free,
    }))
}

fn grant(renewal: &Renewal, numbers: &[u32]) -> Option<Answer> {
    let [kept, granted, retry_after, share, free] = *numbers else {
        return None;
    };
    Some(Answer::Grant(Grant {
        holder: renewal.holder,
        sequence: renewal.sequence,
        kept,
        granted,
        retry_after,
        share,
        free,
    }))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
