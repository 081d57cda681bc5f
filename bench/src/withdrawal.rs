//! From a consent withdrawn to nobody being told anything more: how long the call takes, and whether its answer is true.
//!
//! One round is one person, with a socket at every node, who hears messages of two kinds: those that rest on their consent,
//! and those that do not. They withdraw at one node or another while all nodes publish, and their sockets stay open. What each
//! socket read is kept in order. When the answer is there, it is read on until messages of the other kind have come that
//! were published after it; so the socket was alive, and whatever of the first kind could come has come. Of that kind
//! there must be nothing that was published after the answer, and nothing behind the position that the answer
//! names. One node has SQLite and its own memory, three have Postgres and Redis; Postgres does not wait for the disk here, and SQLite
//! does.

use std::{
    io::{Write as _, stderr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use tests::{
    Endpoint, Server, Socket, Tenant,
    backends::{Postgres, Redis},
    socket::Frame,
};
use tokio::{
    task::{AbortHandle, JoinSet},
    time::{sleep, sleep_until},
};

use crate::{nodes, report};

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Persons who withdraw, one after the other.
    #[arg(long, default_value_t = 300)]
    rounds: usize,
    /// Messages per second, of all nodes together.
    #[arg(long, default_value_t = 300)]
    rate: u32,
    /// Others who hear everything all the while.
    #[arg(long, default_value_t = 30)]
    bystanders: usize,
    /// One number of nodes alone: 1, or 3.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=9))]
    nodes: Option<u32>,
    /// Nodes over a Redis Cluster of three instead of one Redis.
    #[arg(long)]
    redis_cluster: bool,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            rounds: 300,
            rate: 300,
            bystanders: 30,
            nodes: None,
            redis_cluster: false,
        }
    }
}

/// The goals for the 99th percentile, in milliseconds.
const GOAL_ALONE: f64 = 50.0;
const GOAL_TOGETHER: f64 = 250.0;
/// Requests that publish at once, at each node.
const HANDS: u32 = 4;
/// What a person has heard of each kind before they withdraw, and of the other kind afterwards.
const ENOUGH: usize = 3;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);
const CONSENT: &str = "news";
const CONTRACT: &str = "service";

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let counts = arguments.nodes.map_or_else(|| vec![1, 3], |count| vec![count]);
    for count in counts {
        if count > 1 && !(Postgres::is_installed() && Redis::is_installed()) {
            writeln!(
                stderr(),
                "withdrawal: skipped with {count} nodes, since postgresql and redis-server are not installed"
            )?;
            continue;
        }
        let nodes = start(count, arguments.redis_cluster).await;
        let figures = measure(&arguments, &nodes).await?;
        show(&arguments, count, &figures)?;
        ensure!(
            figures.after == 0,
            "{} messages were delivered after a withdrawal was answered",
            figures.after
        );
    }
    Ok(())
}

async fn start(count: u32, redis_cluster: bool) -> Vec<Server> {
    if count == 1 {
        return vec![Server::builder().in_folder().start().await];
    }
    let redis = Arc::new(if redis_cluster {
        Redis::start_cluster()
    } else {
        Redis::start()
    });
    let database = Postgres::shared().database();
    let node = |number: u32| {
        Server::builder()
            .env("WEIR_NODE__NAME", format!("node-{number}"))
            .env("WEIR_NODE__NUMBER", number.to_string())
            .database(database.clone())
            .redis(Arc::clone(&redis))
    };
    let mut nodes = vec![node(1).start().await];
    for number in 2..=count {
        let next = node(number).role("api").beside(&nodes[0]).start().await;
        nodes.push(next);
    }
    nodes
}

#[derive(Default)]
struct Figures {
    took_ms: Vec<f64>,
    /// What the persons heard that rested on their consent.
    heard: usize,
    /// Of that, what came after the answer said that nothing would.
    after: usize,
    /// Of that, what lay in the kernel when the answer came: sent before it, read after it.
    underway: usize,
    published: usize,
    refused: usize,
}

/// What somebody's socket read, in order.
#[derive(Default)]
struct Log(Mutex<Vec<Heard>>);

#[derive(Clone, Copy)]
struct Heard {
    number: usize,
    at: Instant,
}

impl Heard {
    /// Even numbers rest on consent, odd ones do not.
    fn rests_on_consent(self) -> bool {
        self.number.is_multiple_of(2)
    }
}

impl Log {
    fn read(&self) -> Vec<Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, heard: Heard) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
    }

    /// Waits until enough was read that is like this.
    async fn has(&self, what: &str, like: impl Fn(&Heard) -> bool) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while self.read().iter().filter(|heard| like(heard)).count() < ENOUGH {
            ensure!(Instant::now() < end, "nobody heard {what} within {PATIENCE:?}");
            sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }
}

/// A socket that somebody listens to. Closed when dropped.
struct Ear {
    log: Arc<Log>,
    task: AbortHandle,
}

impl Ear {
    fn new(mut socket: Socket, tasks: &mut JoinSet<()>) -> Self {
        let log = Arc::<Log>::default();
        let kept = Arc::clone(&log);
        let task = tasks.spawn(async move {
            while let Some(Frame::Text(text)) = socket.within(PATIENCE).await {
                let at = Instant::now();
                if let Ok(number) = text.parse() {
                    kept.push(Heard { number, at });
                }
            }
        });
        Self { log, task }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// All that publishes. Stops when dropped.
struct Flood {
    begun: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Flood {
    fn start(arguments: &Arguments, tenants: &[Tenant], endpoint: &Endpoint) -> anyhow::Result<Self> {
        let (begun, refused) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let mut tasks = JoinSet::new();
        let hands = HANDS * u32::try_from(tenants.len())?;
        let every = Duration::from_secs(1) * hands / arguments.rate.max(1);
        let start = Instant::now();
        for (hand, tenant) in (0..hands).zip(tenants.iter().cycle()) {
            let (tenant, endpoint) = (tenant.clone(), endpoint.clone());
            let (begun, refused) = (Arc::clone(&begun), Arc::clone(&refused));
            tasks.spawn(async move {
                let mut due = start + every * hand / hands;
                loop {
                    sleep_until(due.into()).await;
                    due = (due + every).max(Instant::now());
                    let number = begun.fetch_add(1, Ordering::SeqCst);
                    let purpose = if number.is_multiple_of(2) {
                        CONSENT
                    } else {
                        CONTRACT
                    };
                    let message = json!({ "data": number.to_string(), "purpose": purpose });
                    let said = tenant.publish(&endpoint, message).await;
                    if !said.is_success() {
                        refused.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        Ok(Self {
            begun,
            refused,
            _tasks: tasks,
        })
    }

    /// The next message's number: whatever has it or a higher one was published after this moment.
    fn next(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

async fn measure(arguments: &Arguments, nodes: &[Server]) -> anyhow::Result<Figures> {
    let home = nodes.first().context("a node")?;
    let tenant = home.tenant("acme").await;
    let consent = tenant.purpose(CONSENT).await;
    let contract = json!({
        "slug": CONTRACT, "name": CONTRACT, "lawful_basis": "contract", "description": "to do what was ordered",
    });
    tenant.create("/purposes", contract).await;
    let body =
        json!({ "slug": "chat", "kind": "channel", "purpose_id": consent, "on_withdrawal": "silence" });
    let endpoint = tenant.endpoint(body).await;
    let tenants: Vec<Tenant> = nodes
        .iter()
        .map(|node| Tenant {
            owner: node.nobody().with_token(tenant.owner.token()),
            ..tenant.clone()
        })
        .collect();
    let mut tasks = JoinSet::new();
    let mut others = Vec::new();
    for (number, node) in (0..arguments.bystanders).zip(nodes.iter().cycle()) {
        let name = format!("bystander-{number}");
        given(&tenant, &name, "given").await?;
        let socket = nodes::connect(node, home, &tenant, &endpoint, &name).await?;
        others.push(Ear::new(socket, &mut tasks));
    }
    let flood = Flood::start(arguments, &tenants, &endpoint)?;
    let mut figures = Figures::default();
    for round in 0..arguments.rounds {
        let name = format!("person-{round}");
        given(&tenant, &name, "given").await?;
        let mut ears = Vec::new();
        for node in nodes {
            let socket = nodes::connect(node, home, &tenant, &endpoint, &name).await?;
            ears.push(Ear::new(socket, &mut tasks));
        }
        for ear in &ears {
            ear.log
                .has("what they consented to", |heard| heard.rests_on_consent())
                .await?;
        }
        let here = tenants.get(round % tenants.len()).context("a node")?;
        let asked = Instant::now();
        let answer = given(here, &name, "withdrawn").await?;
        let answered = Instant::now();
        let boundary = flood.next();
        figures.took_ms.push((answered - asked).as_secs_f64() * 1e3);
        for ear in &ears {
            ear.log
                .has("what does not rest on consent", |heard| {
                    !heard.rests_on_consent() && heard.number >= boundary
                })
                .await?;
        }
        let logs: Vec<_> = ears.iter().map(|ear| ear.log.read()).collect();
        figures.count(&logs, &answer, answered, boundary)?;
        while tasks.try_join_next().is_some() {}
    }
    for other in &others {
        let last = flood.next();
        other
            .log
            .has("what they did not withdraw from", |heard| {
                heard.rests_on_consent() && heard.number >= last
            })
            .await?;
    }
    figures.published = flood.next();
    figures.refused = flood.refused.load(Ordering::SeqCst);
    Ok(figures)
}

async fn given(tenant: &Tenant, person: &str, state: &str) -> anyhow::Result<Value> {
    let answer = tenant.consent(person, CONSENT, state).await;
    if !answer.is_success() {
        bail!("a consent was answered with {}: {}", answer.status, answer.text());
    }
    Ok(answer.json())
}

impl Figures {
    /// Looks through what a person's sockets read.
    fn count(
        &mut self,
        logs: &[Vec<Heard>],
        answer: &Value,
        answered: Instant,
        boundary: usize,
    ) -> anyhow::Result<()> {
        let cutoffs = answer["cutoffs"]
            .as_array()
            .context("the answer names the cut-offs")?;
        let mut cutoffs: Vec<usize> = cutoffs
            .iter()
            .filter_map(|cutoff| usize::try_from(cutoff["messages_out"].as_u64()?).ok())
            .collect();
        ensure!(cutoffs.len() == logs.len(), "a cut-off for each socket: {answer}");
        let mut lasts = Vec::new();
        for log in logs {
            let of_consent = log
                .iter()
                .enumerate()
                .filter(|(_, heard)| heard.rests_on_consent());
            let mut last = 0;
            for (index, heard) in of_consent {
                self.heard += 1;
                last = index + 1;
                if heard.number >= boundary {
                    self.after += 1;
                } else if heard.at > answered {
                    self.underway += 1;
                }
            }
            lasts.push(last);
        }
        // The answer names sessions and the sockets don't know theirs. Whose last is behind all cut-offs but so many is wrong.
        lasts.sort_unstable();
        cutoffs.sort_unstable();
        let behind = lasts.iter().zip(&cutoffs).filter(|(last, cutoff)| last > cutoff);
        self.after += behind.count();
        Ok(())
    }
}

fn show(arguments: &Arguments, nodes: u32, figures: &Figures) -> anyhow::Result<()> {
    let mut took = figures.took_ms.clone();
    let (p50, p99) = (
        nodes::percentile(&mut took, 0.5),
        nodes::percentile(&mut took, 0.99),
    );
    let most = nodes::percentile(&mut took, 1.0);
    let (goal, place) = match (nodes, arguments.redis_cluster) {
        (1, _) => (GOAL_ALONE, "SQLite".to_owned()),
        (_, false) => (GOAL_TOGETHER, "Postgres and one Redis".to_owned()),
        (_, true) => (GOAL_TOGETHER, "Postgres and a Redis Cluster".to_owned()),
    };
    let millis = |figure: f64| format!("{figure:.2} ms");
    report::table(
        &format!(
            "withdrawal: {} persons on {nodes} node(s) with {place}, {} messages/s to {} others",
            arguments.rounds, arguments.rate, arguments.bystanders
        ),
        &[
            ("answered after, median", millis(p50)),
            ("answered after, 99th percentile", millis(p99)),
            ("its goal", millis(goal)),
            ("answered after, longest", millis(most)),
            ("heard before the cut-off", figures.heard.to_string()),
            ("of that, read after the answer", figures.underway.to_string()),
            ("delivered after the answer", figures.after.to_string()),
            ("published", figures.published.to_string()),
            ("of that, refused", figures.refused.to_string()),
        ],
    )?;
    report::json(&json!({
        "bench": "withdrawal",
        "nodes": nodes,
        "rounds": arguments.rounds,
        "rate": arguments.rate,
        "bystanders": arguments.bystanders,
        "redis_cluster": nodes > 1 && arguments.redis_cluster,
        "p50_ms": p50,
        "p99_ms": p99,
        "goal_p99_ms": goal,
        "most_ms": most,
        "heard": figures.heard,
        "underway": figures.underway,
        "after": figures.after,
        "published": figures.published,
        "refused": figures.refused,
    }))
}
