//! A connection that works: to the one Redis, or to every server of a Redis Cluster that has slots.
//!
//! Of a cluster, too, all of it is one connection: where one server is lost, or a slot goes to another, the line is given up and
//! made again with what is true then. Only so it is certain that whoever may have missed something is told.

use std::sync::Arc;

use futures_util::future::try_join_all;
use parking_lot::Mutex;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo as _,
    Pipeline, ProtocolVersion, RedisError, ServerErrorKind, Value, aio::MultiplexedConnection,
};

use super::{scripts::Scripts, slots::Slots};

/// Topics in one command.
pub(super) const AT_ONCE: usize = 512;

/// Where Redis is looked for.
pub(super) struct Addresses {
    /// Those that were set.
    set: Vec<ConnectionInfo>,
    /// Servers of the cluster that were there when it was last seen: those that were set may be gone meanwhile.
    seen: Mutex<Vec<ConnectionInfo>>,
}

/// A connection that works.
#[derive(Clone)]
pub(super) struct Line {
    /// One where it is no cluster.
    servers: Arc<[MultiplexedConnection]>,
    /// Which of them has what, where it is a cluster.
    slots: Option<Arc<Slots>>,
    /// The one that was asked for the slots, and what it is called.
    guide: (MultiplexedConnection, Arc<str>),
    pub(super) scripts: Arc<Scripts>,
    pub(super) number: u64,
}

/// Commands for one server.
pub(super) struct Batch {
    server: usize,
    pub(super) pipe: Pipeline,
    /// What place each command's answer has among all.
    pub(super) places: Vec<usize>,
}

impl Addresses {
    /// Reads addresses, separated by commas.
    pub(super) fn read(urls: &str) -> Result<Self, RedisError> {
        let set = urls
            .split(',')
            .map(str::trim)
            .filter(|url| !url.is_empty())
            .map(|url| {
                let info = url.into_connection_info()?;
                let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
                Ok(info.set_redis_settings(settings))
            })
            .collect::<Result<Vec<_>, RedisError>>()?;
        if set.is_empty() {
            return Err(RedisError::from((ErrorKind::InvalidClientConfig, "no address")));
        }
        Ok(Self {
            set,
            seen: Mutex::default(),
        })
    }

    /// Connects to the first one that answers, and learns from it whether there are others.
    pub(super) async fn connect(
        &self,
        config: &AsyncConnectionConfig,
        number: u64,
    ) -> Result<Line, RedisError> {
        let mut last = None;
        let seen = self.seen.lock().clone();
        for info in self.set.iter().chain(&seen) {
            match self.connect_by(info, config, number).await {
                Ok(line) => return Ok(line),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| RedisError::from((ErrorKind::InvalidClientConfig, "no address"))))
    }

    async fn connect_by(
        &self,
        info: &ConnectionInfo,
        config: &AsyncConnectionConfig,
        number: u64,
    ) -> Result<Line, RedisError> {
        let mut first = connect(info, config).await?;
        let asked: Arc<str> = match info.addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.as_str().into(),
            _ => "".into(),
        };
        let Some(slots) = slots(&mut first, &asked).await? else {
            if self.set.len() > 1 {
                let words = "several addresses, and the one that answers is no cluster";
                return Err(RedisError::from((ErrorKind::InvalidClientConfig, words)));
            }
            let scripts = Scripts::load(&mut first, "PUBLISH").await?;
            return Ok(Line {
                servers: [first.clone()].into(),
                slots: None,
                guide: (first, asked),
                scripts: Arc::new(scripts),
                number,
            });
        };
        let infos: Vec<_> = slots
            .masters()
            .iter()
            .map(|(host, port)| info.clone().set_addr(beside(info.addr(), host, *port)))
            .collect();
        self.seen.lock().clone_from(&infos);
        let servers = try_join_all(infos.iter().map(|info| connect(info, config))).await?;
        let loads = servers.iter().map(|server| async move {
            let mut server = server.clone();
            Scripts::load(&mut server, "SPUBLISH").await
        });
        let scripts = try_join_all(loads).await?.pop();
        let scripts = scripts.ok_or((ErrorKind::UnexpectedReturnType, "a cluster without servers"))?;
        Ok(Line {
            servers: servers.into(),
            slots: Some(Arc::new(slots)),
            guide: (first, asked),
            scripts: Arc::new(scripts),
            number,
        })
    }
}

async fn connect(
    info: &ConnectionInfo,
    config: &AsyncConnectionConfig,
) -> Result<MultiplexedConnection, RedisError> {
    let client = Client::open(info.clone())?;
    client.get_multiplexed_async_connection_with_config(config).await
}

/// The address of another server of the same cluster, reached in the same way.
fn beside(known: &ConnectionAddr, host: &str, port: u16) -> ConnectionAddr {
    match known {
        ConnectionAddr::TcpTls {
            insecure, tls_params, ..
        } => ConnectionAddr::TcpTls {
            host: host.to_owned(),
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host.to_owned(), port),
    }
}

/// Who has which slot, or nothing where it is no cluster.
async fn slots(connection: &mut MultiplexedConnection, asked: &str) -> Result<Option<Slots>, RedisError> {
    let answer = redis::cmd("CLUSTER")
        .arg("SLOTS")
        .query_async::<Value>(connection)
        .await;
    match answer {
        Ok(answer) => match Slots::read(&answer, asked) {
            Some(slots) => Ok(Some(slots)),
            None => Err(RedisError::from((
                ErrorKind::UnexpectedReturnType,
                "a cluster not all of whose slots are somebody's",
            ))),
        },
        // It knows no clusters, or none that it would tell us of.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::Server(ServerErrorKind::ResponseError | ServerErrorKind::NoPerm)
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl Line {
    /// Whether it leads to a cluster.
    pub(super) fn is_cluster(&self) -> bool {
        self.slots.is_some()
    }

    /// The command that tells whoever listens.
    pub(super) fn publish(&self) -> &'static str {
        if self.is_cluster() { "SPUBLISH" } else { "PUBLISH" }
    }

    fn server_of(&self, topic: &str) -> usize {
        self.slots.as_ref().map_or(0, |slots| slots.of(topic))
    }

    /// Where the next command goes that is about a topic. What is about one topic stays in its order.
    pub(super) fn batch<'a>(
        &self,
        batches: &'a mut Vec<Batch>,
        topic: &str,
        place: usize,
    ) -> &'a mut Pipeline {
        let server = self.server_of(topic);
        let known = batches.iter().position(|batch| batch.server == server);
        let at = known.unwrap_or(batches.len());
        if known.is_none() {
            batches.push(Batch {
                server,
                pipe: redis::pipe(),
                places: Vec::new(),
            });
        }
        let batch = &mut batches[at];
        batch.places.push(place);
        &mut batch.pipe
    }

    /// Asks one server.
    pub(super) async fn run(&self, batch: &Batch) -> Result<Vec<Value>, RedisError> {
        let mut server = self.server(batch.server)?;
        batch.pipe.query_async(&mut server).await
    }

    fn server(&self, at: usize) -> Result<MultiplexedConnection, RedisError> {
        let missing = || RedisError::from((ErrorKind::Client, "a server that is not there"));
        self.servers.get(at).cloned().ok_or_else(missing)
    }

    /// Hears topics from now on.
    pub(super) async fn subscribe(&self, topics: &[Arc<str>]) -> Result<(), RedisError> {
        if self.is_cluster() {
            return self.each("SSUBSCRIBE", topics).await;
        }
        let mut server = self.server(0)?;
        for some in topics.chunks(AT_ONCE) {
            server.subscribe(names(some)).await?;
        }
        Ok(())
    }

    /// Does not hear topics any more.
    pub(super) async fn unsubscribe(&self, topics: &[Arc<str>]) -> Result<(), RedisError> {
        if self.is_cluster() {
            return self.each("SUNSUBSCRIBE", topics).await;
        }
        let mut server = self.server(0)?;
        for some in topics.chunks(AT_ONCE) {
            server.unsubscribe(names(some)).await?;
        }
        Ok(())
    }

    /// A command for each topic, at the server that has it: topics of several slots cannot be in one.
    async fn each(&self, command: &str, topics: &[Arc<str>]) -> Result<(), RedisError> {
        for some in topics.chunks(AT_ONCE) {
            let mut batches = Vec::new();
            for (place, topic) in some.iter().enumerate() {
                self.batch(&mut batches, topic, place).cmd(command).arg(&**topic);
            }
            try_join_all(batches.iter().map(|batch| self.run(batch))).await?;
        }
        Ok(())
    }

    /// Whether every server of a cluster answers, and each still has the slots that it had. An answer says, too, that
    /// everything that was published there before it was heard.
    pub(super) async fn is_whole(&self) -> Result<bool, RedisError> {
        let pings = self.servers.iter().map(|server| async move {
            let mut server = server.clone();
            redis::cmd("PING").query_async::<Value>(&mut server).await
        });
        try_join_all(pings).await?;
        let (mut guide, asked) = self.guide.clone();
        let now = slots(&mut guide, &asked).await?;
        Ok(now.as_ref() == self.slots.as_deref())
    }
}

fn names(topics: &[Arc<str>]) -> Vec<&str> {
    topics.iter().map(|topic| &**topic).collect()
}
