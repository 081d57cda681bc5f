//! A backplane over Redis, for any number of processes.
//!
//! One connection carries everything (RESP3: what is published comes as pushes between the answers), so that answers and
//! parcels keep their order. It is made again whenever it is lost, with what was listened to. Every key and every channel
//! has the tenant's hash tag, so that a script finds all its keys on one node of a cluster.
//!
//! What is kept: `<topic>:n`, a hash of the epoch `e` and the number `s` of counted parcels; `<topic>:i:<name>`, what
//! position a parcel of that name got, for half a minute; `<topic>:o`, a set of the nodes that have somebody there.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use redis::{
    AsyncConnectionConfig, Client, Cmd, Pipeline, ProtocolVersion, PushInfo, PushKind, RedisError, Value,
    aio::MultiplexedConnection,
};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};

use super::{Ask, Away, Backplane, Count, Grant, Heard, Parcel, Standing, ears, leases};

/// How long Redis may take to answer before it counts as cut off.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// The pause before the second attempt to connect; it doubles up to [`AGAIN_MOST`].
const AGAIN: Duration = Duration::from_millis(50);
const AGAIN_MOST: Duration = Duration::from_secs(2);
/// Topics in one command.
const AT_ONCE: usize = 512;
/// How long a topic's count is kept after the last change, in milliseconds: two days.
const KEPT: u64 = 2 * 24 * 3_600_000;
/// How long a parcel's name is remembered, in milliseconds.
const NAMED: u64 = 30_000;

/// Counts and tells, in one step. A name that is known already changes nothing.
const SAY: &str = r"
local known = redis.call('GET', KEYS[2])
if known then
  local at = string.find(known, ':', 1, true)
  return {string.sub(known, 1, at - 1), string.sub(known, at + 1)}
end
local e = redis.call('HGET', KEYS[1], 'e')
if not e then
  e = ARGV[2]
  redis.call('HSET', KEYS[1], 'e', e, 's', 0)
end
local s = redis.call('HINCRBY', KEYS[1], 's', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('SET', KEYS[2], e .. ':' .. s, 'PX', ARGV[5])
redis.call('PUBLISH', ARGV[1], '#' .. e .. ':' .. s .. ':' .. ARGV[3])
return {e, s}
";

/// Begins a new epoch, and tells.
const RENEW: &str = r"
redis.call('HSET', KEYS[1], 'e', ARGV[2], 's', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', ARGV[1], '=' .. ARGV[3])
return {ARGV[2], 0}
";

/// Where a topic stands; where it stands nowhere, it begins.
const STAND: &str = r"
local e = redis.call('HGET', KEYS[1], 'e')
if not e then
  e = ARGV[1]
  redis.call('HSET', KEYS[1], 'e', e, 's', 0)
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {e, redis.call('HGET', KEYS[1], 's')}
";

/// Notes who has somebody there, forgets the dead, and answers whether nobody else has.
const CLAIM: &str = r"
local changed
if ARGV[2] == '1' then
  changed = redis.call('SADD', KEYS[1], ARGV[1])
else
  changed = redis.call('SREM', KEYS[1], ARGV[1])
end
local living = {}
for i = 4, #ARGV do living[ARGV[i]] = true end
local others = 0
for _, node in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if node ~= ARGV[1] then
    if living[node] then others = others + 1 else redis.call('SREM', KEYS[1], node) end
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if changed == 1 and others == 0 then return 1 end
return 0
";

/// The names of the scripts at the server.
#[derive(Clone, Debug)]
struct Scripts {
    say: String,
    renew: String,
    stand: String,
    claim: String,
    lease: String,
}

/// A node's way to Redis.
pub struct Redis {
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
}

struct Shared {
    client: Client,
    ears: mpsc::Sender<Heard>,
    line: Mutex<Option<Line>>,
    /// What is heard, or would be.
    topics: Mutex<HashSet<Arc<str>>>,
    /// Counts connections, so that what an old one says is not believed.
    number: AtomicU64,
    /// Differs from node to node.
    jitter: u64,
    lost: Notify,
}

/// A connection that works.
#[derive(Clone)]
struct Line {
    connection: MultiplexedConnection,
    scripts: Arc<Scripts>,
    number: u64,
}

/// Why the address of a Redis cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the address of Redis does not read")]
pub struct BadAddress(#[source] RedisError);

impl Redis {
    /// Begins to connect to `url`, and to keep connected. Nothing is waited for: [`Heard::Back`] says when it is there.
    /// `jitter` is any number that differs from node to node.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn open(url: &str, jitter: u64) -> Result<(Arc<Self>, mpsc::Receiver<Heard>), BadAddress> {
        use redis::IntoConnectionInfo as _;
        let info = url.into_connection_info().map_err(BadAddress)?;
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(settings)).map_err(BadAddress)?;
        let (ears, heard) = ears();
        let shared = Arc::new(Shared {
            client,
            ears,
            line: Mutex::default(),
            topics: Mutex::default(),
            number: AtomicU64::new(0),
            jitter: jitter | 1,
            lost: Notify::new(),
        });
        let keeper = tokio::spawn(keep(Arc::clone(&shared)));
        Ok((Arc::new(Self { shared, keeper }), heard))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// Connects again and again.
async fn keep(shared: Arc<Shared>) {
    let mut pause = AGAIN;
    loop {
        match shared.connect().await {
            Ok(number) => {
                pause = AGAIN;
                tracing::info!("connected to Redis");
                // What is told when the queue is full is told by the end of the connection.
                if shared.ears.send(Heard::Back).await.is_err() {
                    return;
                }
                while shared.is_at(number) {
                    shared.lost.notified().await;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "Redis cannot be reached");
                // Those who were cut off together do not all come back in the same moment.
                let share = shared.jitter.wrapping_mul(shared.number.load(Ordering::Relaxed)) % 1024;
                tokio::time::sleep(pause / 2 + pause / 2048 * u32::try_from(share).unwrap_or_default()).await;
                pause = (pause * 2).min(AGAIN_MOST);
            }
        }
    }
}

impl Shared {
    fn is_at(&self, number: u64) -> bool {
        self.line
            .lock()
            .as_ref()
            .is_some_and(|line| line.number == number)
    }

    async fn connect(self: &Arc<Self>) -> Result<u64, RedisError> {
        let number = self.number.fetch_add(1, Ordering::SeqCst) + 1;
        let weak = Arc::downgrade(self);
        let pushed = move |info: PushInfo| -> Result<(), ()> {
            let shared = weak.upgrade().ok_or(())?;
            shared.pushed(number, info);
            Ok(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_response_timeout(Some(ANSWER_WITHIN))
            .set_push_sender(pushed);
        let mut connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let mut load = redis::pipe();
        for script in [SAY, RENEW, STAND, CLAIM, leases::SCRIPT] {
            load.cmd("SCRIPT").arg("LOAD").arg(script);
        }
        let [say, renew, stand, claim, lease]: [String; 5] = load
            .query_async::<Vec<String>>(&mut connection)
            .await?
            .try_into()
            .map_err(|_| RedisError::from((redis::ErrorKind::UnexpectedReturnType, "five scripts")))?;
        let scripts = Arc::new(Scripts {
            say,
            renew,
            stand,
            claim,
            lease,
        });
        // Before what is listened to is looked at: whoever wants to hear something from now on says so to this connection.
        *self.line.lock() = Some(Line {
            connection: connection.clone(),
            scripts,
            number,
        });
        let topics: Vec<_> = self.topics.lock().iter().cloned().collect();
        for some in topics.chunks(AT_ONCE) {
            let names: Vec<&str> = some.iter().map(|topic| &**topic).collect();
            if let Err(error) = connection.subscribe(names).await {
                self.lose(number);
                return Err(error);
            }
        }
        Ok(number)
    }

    /// Something came that nobody asked for. Must not wait.
    fn pushed(&self, number: u64, info: PushInfo) {
        match info.kind {
            PushKind::Message => {
                if self.number.load(Ordering::SeqCst) != number {
                    return;
                }
                let mut data = info.data.into_iter();
                let (Some(Value::BulkString(topic)), Some(Value::BulkString(bytes))) =
                    (data.next(), data.next())
                else {
                    return;
                };
                let Some(heard) = heard(&topic, bytes) else { return };
                if self.ears.try_send(heard).is_err() {
                    tracing::error!(
                        "more came from Redis than could be worked on; comparing what was missed"
                    );
                    self.lose(number);
                }
            }
            PushKind::Disconnection => self.lose(number),
            _ => {}
        }
    }

    /// A connection is not to be believed any more.
    fn lose(&self, number: u64) {
        let mut line = self.line.lock();
        if line.as_ref().is_none_or(|line| line.number != number) {
            return;
        }
        *line = None;
        // What it still says is older than what the next one says.
        self.number.fetch_add(1, Ordering::SeqCst);
        drop(line);
        tracing::warn!("the connection to Redis is lost");
        if let Err(mpsc::error::TrySendError::Full(cut)) = self.ears.try_send(Heard::Cut) {
            let ears = self.ears.clone();
            tokio::spawn(async move { ears.send(cut).await });
        }
        self.lost.notify_one();
    }

    fn line(&self) -> Result<Line, Away> {
        self.line.lock().clone().ok_or(Away)
    }

    /// What became of something asked.
    fn done<T>(&self, line: &Line, answer: Result<T, RedisError>) -> Result<T, Away> {
        answer.map_err(|error| {
            tracing::warn!(%error, "Redis did not do what it was asked");
            self.lose(line.number);
            Away
        })
    }

    async fn ask(&self, line: &mut Line, pipe: &Pipeline) -> Result<Vec<Value>, Away> {
        let answer = pipe.query_async::<Vec<Value>>(&mut line.connection).await;
        self.done(line, answer)
    }
}

/// Takes a push apart. What does not read is nothing that we sent.
fn heard(topic: &[u8], bytes: Vec<u8>) -> Option<Heard> {
    let topic: Arc<str> = std::str::from_utf8(topic).ok()?.into();
    let bytes = Bytes::from(bytes);
    match bytes.first()? {
        b'=' => Some(Heard::Parcel {
            topic,
            position: None,
            bytes: bytes.slice(1..),
        }),
        b'#' => {
            let colon = |from: usize| {
                let found = bytes.get(from..)?.iter().position(|byte| *byte == b':')?;
                Some(from + found)
            };
            let first = colon(1)?;
            let second = colon(first + 1)?;
            let epoch = std::str::from_utf8(&bytes[1..first]).ok()?.into();
            let offset = std::str::from_utf8(&bytes[first + 1..second])
                .ok()?
                .parse()
                .ok()?;
            Some(Heard::Parcel {
                topic,
                position: Some(Standing { epoch, offset }),
                bytes: bytes.slice(second + 1..),
            })
        }
        _ => None,
    }
}

fn standing(value: Value) -> Result<Standing, Away> {
    let (epoch, offset): (String, i64) = redis::from_redis_value(value).map_err(|_| Away)?;
    Ok(Standing {
        epoch: epoch.into(),
        offset,
    })
}

fn evalsha(script: &str, keys: &[&str]) -> Cmd {
    let mut cmd = redis::cmd("EVALSHA");
    cmd.arg(script).arg(keys.len()).arg(keys);
    cmd
}

impl Backplane for Redis {
    fn send(&self, parcels: Vec<Parcel>) -> BoxFuture<'_, Result<Vec<Option<Standing>>, Away>> {
        Box::pin(async move {
            let mut line = self.shared.line()?;
            let mut pipe = redis::pipe();
            for parcel in &parcels {
                let (topic, bytes) = (&*parcel.topic, &parcel.bytes[..]);
                let count = format!("{topic}:n");
                match &parcel.count {
                    Count::No => {
                        let mut told = Vec::with_capacity(bytes.len() + 1);
                        told.push(b'=');
                        told.extend_from_slice(bytes);
                        pipe.cmd("PUBLISH").arg(topic).arg(told);
                    }
                    Count::Next { once, fresh } => {
                        let name = format!("{topic}:i:{once}");
                        let mut cmd = evalsha(&line.scripts.say, &[&count, &name]);
                        cmd.arg(topic).arg(&**fresh).arg(bytes).arg(KEPT).arg(NAMED);
                        pipe.add_command(cmd);
                    }
                    Count::Renew { fresh } => {
                        let mut cmd = evalsha(&line.scripts.renew, &[&count]);
                        cmd.arg(topic).arg(&**fresh).arg(bytes).arg(KEPT);
                        pipe.add_command(cmd);
                    }
                }
            }
            let answers = self.shared.ask(&mut line, &pipe).await?;
            let position = |(parcel, answer): (&Parcel, Value)| match parcel.count {
                Count::No => Ok(None),
                _ => standing(answer).map(Some),
            };
            parcels.iter().zip(answers).map(position).collect()
        })
    }

    fn listen(&self, topics: Vec<Arc<str>>) -> BoxFuture<'_, Result<(), Away>> {
        // Before the connection is looked at: either this one is asked, or the next one does it by itself.
        self.shared.topics.lock().extend(topics.iter().cloned());
        Box::pin(async move {
            let mut line = self.shared.line()?;
            for some in topics.chunks(AT_ONCE) {
                let names: Vec<&str> = some.iter().map(|topic| &**topic).collect();
                let answer = line.connection.subscribe(names).await;
                self.shared.done(&line, answer)?;
            }
            Ok(())
        })
    }

    fn leave(&self, topics: Vec<Arc<str>>) -> BoxFuture<'_, Result<(), Away>> {
        let mut heard = self.shared.topics.lock();
        for topic in &topics {
            heard.remove(topic);
        }
        drop(heard);
        Box::pin(async move {
            let mut line = self.shared.line()?;
            for some in topics.chunks(AT_ONCE) {
                let names: Vec<&str> = some.iter().map(|topic| &**topic).collect();
                let answer = line.connection.unsubscribe(names).await;
                self.shared.done(&line, answer)?;
            }
            Ok(())
        })
    }

    fn standing(&self, topics: Vec<Arc<str>>, fresh: Box<str>) -> BoxFuture<'_, Result<Vec<Standing>, Away>> {
        Box::pin(async move {
            let mut line = self.shared.line()?;
            let mut all = Vec::with_capacity(topics.len());
            for some in topics.chunks(AT_ONCE) {
                let mut pipe = redis::pipe();
                for topic in some {
                    let mut cmd = evalsha(&line.scripts.stand, &[&format!("{topic}:n")]);
                    cmd.arg(&*fresh).arg(KEPT);
                    pipe.add_command(cmd);
                }
                for answer in self.shared.ask(&mut line, &pipe).await? {
                    all.push(standing(answer)?);
                }
            }
            Ok(all)
        })
    }

    fn claim(
        &self,
        topic: Arc<str>,
        node: Box<str>,
        here: bool,
        living: Vec<Box<str>>,
    ) -> BoxFuture<'_, Result<bool, Away>> {
        Box::pin(async move {
            let mut line = self.shared.line()?;
            let mut cmd = evalsha(&line.scripts.claim, &[&format!("{topic}:o")]);
            cmd.arg(&*node).arg(u8::from(here)).arg(KEPT);
            for other in &living {
                cmd.arg(&**other);
            }
            let answer = cmd.query_async::<bool>(&mut line.connection).await;
            self.shared.done(&line, answer)
        })
    }

    fn settle(&self, ask: Ask) -> BoxFuture<'_, Result<Grant, Away>> {
        Box::pin(async move {
            let mut line = self.shared.line()?;
            let (holders, ends) = (format!("{}:h", ask.pool), format!("{}:u", ask.pool));
            let mut cmd = evalsha(&line.scripts.lease, &[&holders, &ends, &ask.house]);
            cmd.arg(ask.holder.id())
                .arg(&*ask.holder.node)
                .arg(&*ask.holder.process)
                .arg(ask.number)
                .arg(ask.max)
                .arg(ask.holds)
                .arg(ask.needs)
                .arg(ask.wants)
                .arg(u64::try_from(ask.lasts.as_millis()).unwrap_or(u64::MAX));
            for name in &ask.living {
                cmd.arg(&**name);
            }
            let answer = cmd
                .query_async::<(usize, usize, i64, bool)>(&mut line.connection)
                .await;
            let (more, recall, held, unsettled) = self.shared.done(&line, answer)?;
            Ok(Grant {
                more,
                recall,
                held: usize::try_from(held).unwrap_or_default(),
                unsettled,
            })
        })
    }

    fn attend(&self, house: Arc<str>, node: Box<str>, now: bool) -> BoxFuture<'_, Result<bool, Away>> {
        Box::pin(async move {
            let mut line = self.shared.line()?;
            let mut pipe = redis::pipe();
            if now {
                pipe.cmd("SADD").arg(&*house).arg(&*node).ignore();
            }
            pipe.cmd("SISMEMBER").arg(&*house).arg(&*node);
            let answer = pipe.query_async::<(bool,)>(&mut line.connection).await;
            self.shared.done(&line, answer).map(|(there,)| there)
        })
    }

    fn is_up(&self) -> bool {
        self.shared.line.lock().is_some()
    }
}
