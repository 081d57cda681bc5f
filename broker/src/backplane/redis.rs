//! A backplane over Redis, for any number of processes.
//!
//! One connection carries everything (RESP3: what is published comes as pushes between the answers), so that answers and
//! parcels keep their order. It is made again whenever it is lost, with what was listened to. Every key and every channel
//! has the tenant's hash tag, so that a script finds all its keys on one node of a cluster.
//!
//! Of a Redis Cluster, the servers' connections are treated as one (see [`line`]), and what is published is heard where its slot
//! is (`SSUBSCRIBE`, `SPUBLISH`: sharded pub/sub, Redis 7). A single Redis is asked as if there were no clusters.
//!
//! What is kept: `<topic>:n`, a hash of the epoch `e` and the number `s` of counted parcels; `<topic>:i:<name>`, what
//! position a parcel of that name got, for half a minute; `<topic>:o`, a set of the nodes that have somebody there.

mod line;
mod scripts;
mod slots;

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, try_join_all};
use parking_lot::Mutex;
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, PushInfo, PushKind, RedisError, ServerErrorKind,
    Value,
};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::{Instant, sleep},
};

use self::line::{AT_ONCE, Addresses, Batch, Line};
use super::{Ask, Away, Backplane, Count, Grant, Heard, Parcel, Standing, ears};

/// How long Redis may take to answer before it counts as cut off.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// The pause before the second attempt to connect; it doubles up to [`AGAIN_MOST`].
const AGAIN: Duration = Duration::from_millis(50);
const AGAIN_MOST: Duration = Duration::from_secs(2);
/// How often the servers of a cluster are asked whether they are there and have the slots that they had.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a slot may be on its way from one server to another before its cluster counts as away, and how often it is looked.
const MOVES_WITHIN: Duration = Duration::from_millis(1_500);
const MOVES_AGAIN: Duration = Duration::from_millis(20);
/// How long a topic's count is kept after the last change, in milliseconds: two days.
const KEPT: u64 = 2 * 24 * 3_600_000;
/// How long a parcel's name is remembered, in milliseconds.
const NAMED: u64 = 30_000;

/// A node's way to Redis.
pub struct Redis {
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
}

struct Shared {
    addresses: Addresses,
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

/// Why the address of a Redis cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the address of Redis does not read")]
pub struct BadAddress(#[source] RedisError);

impl Redis {
    /// Begins to connect to `url`, and to keep connected. Nothing is waited for: [`Heard::Back`] says when it is there.
    /// Several addresses, separated by commas, are servers of one Redis Cluster; one that is there says which others are, and
    /// that it is one at all. `jitter` is any number that differs from node to node.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn open(url: &str, jitter: u64) -> Result<(Arc<Self>, mpsc::Receiver<Heard>), BadAddress> {
        let addresses = Addresses::read(url).map_err(BadAddress)?;
        let (ears, heard) = ears();
        let shared = Arc::new(Shared {
            addresses,
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
    let (mut pause, mut told) = (AGAIN, false);
    loop {
        match shared.connect().await {
            Ok(number) => {
                (pause, told) = (AGAIN, false);
                tracing::info!("connected to Redis");
                // What is told when the queue is full is told by the end of the connection.
                if shared.ears.send(Heard::Back).await.is_err() {
                    return;
                }
                while let Some(line) = shared.line_at(number) {
                    if !line.is_cluster() {
                        shared.lost.notified().await;
                        continue;
                    }
                    tokio::select! {
                        () = shared.lost.notified() => {}
                        () = sleep(LOOK_EVERY) => shared.look_at(&line).await,
                    }
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%error, "Redis cannot be reached; trying again and again");
                }
                // Those who were cut off together do not all come back in the same moment.
                let share = shared.jitter.wrapping_mul(shared.number.load(Ordering::Relaxed)) % 1024;
                tokio::time::sleep(pause / 2 + pause / 2048 * u32::try_from(share).unwrap_or_default()).await;
                pause = (pause * 2).min(AGAIN_MOST);
            }
        }
    }
}

impl Shared {
    fn line_at(&self, number: u64) -> Option<Line> {
        let line = self.line.lock();
        line.as_ref().filter(|line| line.number == number).cloned()
    }

    /// A server of a cluster may fall silent, or lose slots, without a word to those who only listen there.
    async fn look_at(&self, line: &Line) {
        if let Ok(false) = self.done(line, line.is_whole().await) {
            tracing::info!("slots of the Redis Cluster have gone to other servers");
            self.lose(line.number);
        }
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
        let line = self.addresses.connect(&config, number).await?;
        // Before what is listened to is looked at: whoever wants to hear something from now on says so to this connection.
        *self.line.lock() = Some(line.clone());
        let topics: Vec<_> = self.topics.lock().iter().cloned().collect();
        if let Err(error) = line.subscribe(&topics).await {
            self.lose(number);
            return Err(error);
        }
        Ok(number)
    }

    /// Something came that nobody asked for. Must not wait.
    fn pushed(&self, number: u64, info: PushInfo) {
        match info.kind {
            PushKind::Message | PushKind::SMessage => {
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
            // The slot went elsewhere. Whoever wants to leave a topic has said so here before.
            PushKind::SUnsubscribe => {
                let left = info.data.first().and_then(|topic| match topic {
                    Value::BulkString(topic) => std::str::from_utf8(topic).ok(),
                    _ => None,
                });
                if left.is_some_and(|topic| self.topics.lock().contains(topic)) {
                    self.lose(number);
                }
            }
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

    /// Asks one server. What it has just now to give to another is asked again.
    async fn run(&self, line: &Line, batch: &Batch) -> Result<Vec<Value>, Away> {
        let until = Instant::now() + MOVES_WITHIN;
        loop {
            match line.run(batch).await {
                Err(error) if is_on_its_way(&error) && Instant::now() < until => sleep(MOVES_AGAIN).await,
                answer => return self.done(line, answer),
            }
        }
    }

    /// Asks everybody at once. Answers in the order of the places.
    async fn ask(&self, line: &Line, batches: &[Batch]) -> Result<Vec<Value>, Away> {
        if let [batch] = batches {
            return self.run(line, batch).await;
        }
        let answers = try_join_all(batches.iter().map(|batch| self.run(line, batch))).await?;
        let count = batches.iter().map(|batch| batch.places.len()).sum();
        let mut all = vec![Value::Nil; count];
        for (batch, answers) in batches.iter().zip(answers) {
            for (place, answer) in batch.places.iter().zip(answers) {
                if let Some(slot) = all.get_mut(*place) {
                    *slot = answer;
                }
            }
        }
        Ok(all)
    }

    /// Asks the server that has a topic.
    async fn ask_about<T: FromRedisValue>(
        &self,
        line: &Line,
        topic: &str,
        commands: impl IntoIterator<Item = Cmd>,
    ) -> Result<T, Away> {
        let mut batches = Vec::new();
        for (place, command) in commands.into_iter().enumerate() {
            line.batch(&mut batches, topic, place).add_command(command);
        }
        let answer = self.ask(line, &batches).await?.pop().ok_or(Away)?;
        self.done(line, redis::from_redis_value(answer).map_err(Into::into))
    }
}

/// Whether a slot is on its way to another server: some of its keys are here and some there.
fn is_on_its_way(error: &RedisError) -> bool {
    let moving = [ServerErrorKind::Ask, ServerErrorKind::TryAgain];
    matches!(error.kind(), ErrorKind::Server(kind) if moving.contains(&kind))
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
            let line = self.shared.line()?;
            let publish = line.publish();
            let mut batches = Vec::new();
            for (place, parcel) in parcels.iter().enumerate() {
                let (topic, bytes) = (&*parcel.topic, &parcel.bytes[..]);
                let pipe = line.batch(&mut batches, topic, place);
                let count = format!("{topic}:n");
                match &parcel.count {
                    Count::No => {
                        let mut told = Vec::with_capacity(bytes.len() + 1);
                        told.push(b'=');
                        told.extend_from_slice(bytes);
                        pipe.cmd(publish).arg(topic).arg(told);
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
            let answers = self.shared.ask(&line, &batches).await?;
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
            let line = self.shared.line()?;
            self.shared.done(&line, line.subscribe(&topics).await)
        })
    }

    fn leave(&self, topics: Vec<Arc<str>>) -> BoxFuture<'_, Result<(), Away>> {
        let mut heard = self.shared.topics.lock();
        for topic in &topics {
            heard.remove(topic);
        }
        drop(heard);
        Box::pin(async move {
            let line = self.shared.line()?;
            self.shared.done(&line, line.unsubscribe(&topics).await)
        })
    }

    fn standing(&self, topics: Vec<Arc<str>>, fresh: Box<str>) -> BoxFuture<'_, Result<Vec<Standing>, Away>> {
        Box::pin(async move {
            let line = self.shared.line()?;
            let mut all = Vec::with_capacity(topics.len());
            for some in topics.chunks(AT_ONCE) {
                let mut batches = Vec::new();
                for (place, topic) in some.iter().enumerate() {
                    let mut cmd = evalsha(&line.scripts.stand, &[&format!("{topic}:n")]);
                    cmd.arg(&*fresh).arg(KEPT);
                    line.batch(&mut batches, topic, place).add_command(cmd);
                }
                for answer in self.shared.ask(&line, &batches).await? {
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
            let line = self.shared.line()?;
            let mut cmd = evalsha(&line.scripts.claim, &[&format!("{topic}:o")]);
            cmd.arg(&*node).arg(u8::from(here)).arg(KEPT);
            for other in &living {
                cmd.arg(&**other);
            }
            self.shared.ask_about(&line, &topic, [cmd]).await
        })
    }

    fn settle(&self, ask: Ask) -> BoxFuture<'_, Result<Grant, Away>> {
        Box::pin(async move {
            let line = self.shared.line()?;
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
            let (more, recall, held, unsettled): (usize, usize, i64, bool) =
                self.shared.ask_about(&line, &ask.pool, [cmd]).await?;
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
            let line = self.shared.line()?;
            let enter = now.then(|| redis::Cmd::sadd(&*house, &*node));
            let ask = redis::Cmd::sismember(&*house, &*node);
            let commands = enter.into_iter().chain([ask]);
            self.shared.ask_about(&line, &house, commands).await
        })
    }

    fn is_up(&self) -> bool {
        self.shared.line.lock().is_some()
    }
}
