//! A database of Redis or Valkey: where Spin's key-value stores of type `redis` have their keys,
//! each as it is.

use redis::aio::MultiplexedConnection;
use redis::{Client, ErrorKind, IntoConnectionInfo, RedisError};

use super::sink::{Sink, SinkError, Stored, Version};

/// The variable with the password, as `redis-cli` has it.
const PASSWORD: &str = "REDISCLI_AUTH";

/// A database of Redis or Valkey.
#[derive(Clone)]
pub struct Redis(Client);

/// Without the password.
impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let address = self.0.get_connection_info().addr();
        f.debug_tuple("Redis").field(&address.to_string()).finish()
    }
}

impl Redis {
    /// The database of an address as `redis://HOST:6379/0`, which has no password in it;
    /// `password` is the one that the server asks for.
    ///
    /// # Errors
    /// Where the address is none.
    pub fn new(address: &str, password: Option<&str>) -> Result<Self, RedisError> {
        let info = address.into_connection_info()?;
        if info.redis_settings().password().is_some() {
            let reason = "a password is taken from REDISCLI_AUTH alone";
            return Err((ErrorKind::InvalidClientConfig, reason).into());
        }
        let settings = info.redis_settings().clone();
        Ok(Self(Client::open(match password {
            Some(password) => info.set_redis_settings(settings.set_password(password)),
            None => info,
        })?))
    }

    /// As [`new`](Self::new), with the password of the environment.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn open(address: &str) -> Result<Self, RedisError> {
        Self::new(address, std::env::var(PASSWORD).ok().as_deref())
    }

    /// A connection of a call's own: what it watches, nobody else does.
    async fn connection(&self, path: &str) -> Result<MultiplexedConnection, SinkError> {
        let connection = self.0.get_multiplexed_async_connection().await;
        connection.map_err(|error| failed(path, &error))
    }
}

fn failed(path: &str, error: &RedisError) -> SinkError {
    let (path, reason) = (path.to_owned(), error.to_string());
    let passing = error.is_io_error() || error.is_timeout() || error.is_connection_dropped();
    if passing {
        SinkError::Transient { path, reason }
    } else {
        SinkError::Failed { path, reason }
    }
}

async fn get(
    connection: &mut MultiplexedConnection,
    path: &str,
) -> Result<Option<Vec<u8>>, SinkError> {
    let octets = redis::cmd("GET").arg(path).query_async(connection).await;
    octets.map_err(|error| failed(path, &error))
}

impl Sink for Redis {
    async fn read(&self, path: &str) -> Result<Option<Stored>, SinkError> {
        let octets = get(&mut self.connection(path).await?, path).await?;
        Ok(octets.map(|octets| Stored {
            version: Version::of(&octets),
            octets,
        }))
    }

    async fn create(&self, path: &str, octets: &[u8]) -> Result<(), SinkError> {
        let mut connection = self.connection(path).await?;
        let set: Result<Option<String>, _> = redis::cmd("SET")
            .arg(path)
            .arg(octets)
            .arg("NX")
            .query_async(&mut connection)
            .await;
        if set.map_err(|error| failed(path, &error))?.is_some()
            || get(&mut connection, path).await?.as_deref() == Some(octets)
        {
            Ok(())
        } else {
            Err(SinkError::Occupied(path.to_owned()))
        }
    }

    async fn replace(
        &self,
        path: &str,
        octets: &[u8],
        expected: Option<&Version>,
    ) -> Result<(), SinkError> {
        let mut connection = self.connection(path).await?;
        let watched: Result<(), _> = redis::cmd("WATCH")
            .arg(path)
            .query_async(&mut connection)
            .await;
        watched.map_err(|error| failed(path, &error))?;
        let found = get(&mut connection, path).await?;
        if found.as_deref().map(Version::of).as_ref() != expected {
            return Err(SinkError::Changed(path.to_owned()));
        }
        // Nothing is executed where the key has changed since it was watched.
        let done: Result<Option<Vec<String>>, _> = redis::pipe()
            .atomic()
            .cmd("SET")
            .arg(path)
            .arg(octets)
            .query_async(&mut connection)
            .await;
        match done.map_err(|error| failed(path, &error))? {
            Some(_) => Ok(()),
            None => Err(SinkError::Changed(path.to_owned())),
        }
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, SinkError> {
        let mut connection = self.connection(folder).await?;
        let mut names = std::collections::BTreeSet::new();
        let mut cursor = 0_u64;
        loop {
            // Names of channels have nothing that a pattern would take for more.
            let page: Result<(u64, Vec<String>), _> = redis::cmd("SCAN")
                .arg(cursor)
                .arg("MATCH")
                .arg(format!("{folder}*"))
                .arg("COUNT")
                .arg(1_000)
                .query_async(&mut connection)
                .await;
            let (next, keys) = page.map_err(|error| failed(folder, &error))?;
            names.extend(keys);
            if next == 0 {
                return Ok(names.into_iter().collect());
            }
            cursor = next;
        }
    }
}
