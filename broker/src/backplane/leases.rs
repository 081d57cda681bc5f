//! Leases of sockets to a back end: who holds how many of the few that it takes, over all nodes.
//!
//! There is one question, asked again and again: *I hold so many, my people need so many, and I should like so many.* The
//! answer says how many more there are. Acquiring, renewing and giving back are this same question with other numbers, so one
//! that was asked in vain is simply asked again. Each holder numbers its questions; one that comes late, behind a newer one,
//! changes nothing.
//!
//! A holder that was not heard of for a while counts until the store says too that its node is gone, or until a process of the
//! same name asks: then it is forgotten, whoever asks next. Redis may lose everything: a node that is not in the set of those
//! who are there, or knows of one that is not, gets nothing until all of them have said anew what they hold.
//!
//! [`Ledger`] is the rule in Rust, for one process; [`SCRIPT`] is the same rule in Lua, run atomically at Redis. One suite of
//! tests runs against both.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

/// What a holder says and asks.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which back end's sockets.
    pub pool: Arc<str>,
    /// Where it stands who is there.
    pub house: Arc<str>,
    /// Who asks: the process, and which of its pools.
    pub holder: Holder,
    /// Counts the holder's questions.
    pub number: u64,
    /// Sockets that there may be in all.
    pub max: usize,
    /// Sockets that the holder has, those being opened and closed among them.
    pub holds: usize,
    /// How many of these its people use or wait for.
    pub needs: usize,
    /// How many it should like to have, those that are only kept ready among them.
    pub wants: usize,
    /// How long the holder counts without being heard of.
    pub lasts: Duration,
    /// Nodes that are there as far as the store knows, by name.
    pub living: Vec<Box<str>>,
}

/// Who holds leases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// What the node is called.
    pub node: Box<str>,
    /// A name that no other process has, and no earlier one of the same node.
    pub process: Box<str>,
    /// Which pool of the process.
    pub pool: u64,
}

impl Holder {
    pub(super) fn id(&self) -> String {
        format!("{}.{}", self.process, self.pool)
    }
}

/// What a holder is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// How many more it holds from now on.
    pub more: usize,
    /// How many of those that nobody uses it should close, since people wait elsewhere.
    pub recall: usize,
    /// How many all hold together now.
    pub held: usize,
    /// Nothing is given out before everybody has said anew what they hold.
    pub unsettled: bool,
}

/// The rule, at Redis. Keys: the holders of the pool and when they run out; the nodes that are there.
pub(crate) const SCRIPT: &str = r"
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local id, node, process = ARGV[1], ARGV[2], ARGV[3]
local number, max, holds = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local needs, wants, lasts = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local living, settled = {}, redis.call('SISMEMBER', KEYS[3], node) == 1
for i = 10, #ARGV do
  living[ARGV[i]] = true
  if redis.call('SISMEMBER', KEYS[3], ARGV[i]) == 0 then settled = false end
end
local all = redis.call('HGETALL', KEYS[1])
local held, first, second, count = 0, 0, 0, 1
local others = {}
for i = 1, #all, 2 do
  local other = cjson.decode(all[i + 1])
  if all[i] == id then
    if other.q >= number then return {0, 0, -1, 0} end
  else
    local over = tonumber(redis.call('ZSCORE', KEYS[2], all[i]) or 0) <= now
    local dead = other.p ~= process and (other.n == node or not living[other.n])
    if over and (dead or other.h == 0) then
      redis.call('HDEL', KEYS[1], all[i])
      redis.call('ZREM', KEYS[2], all[i])
    else
      held = held + other.h
      if other.h > 0 or other.d > 0 then count = count + 1 end
      others[#others + 1] = other
    end
  end
end
local share = math.ceil(max / count)
for _, other in ipairs(others) do
  first = first + math.max(0, math.min(other.d, share) - other.h)
  second = second + math.max(0, other.d - other.h)
end
local free = max - held - holds
local more = 0
if settled then
  more = math.max(0, math.min(free, math.min(needs, share) - holds))
  more = more + math.max(0, math.min(free - more - first, needs - holds - more))
  more = more + math.max(0, math.min(free - more - second, wants - holds - more))
end
local recall = math.max(0, math.min(holds - needs, second - free))
holds = holds + more
redis.call('HSET', KEYS[1], id, cjson.encode({q = number, h = holds, d = needs, n = node, p = process}))
redis.call('ZADD', KEYS[2], now + lasts, id)
redis.call('PEXPIRE', KEYS[1], 86400000)
redis.call('PEXPIRE', KEYS[2], 86400000)
return {more, recall, held + holds, settled and 0 or 1}
";

/// What was said by a holder.
struct Holding {
    holder: Holder,
    number: u64,
    holds: usize,
    needs: usize,
    until: Instant,
}

/// The rule within one process.
#[derive(Default)]
pub(crate) struct Ledger {
    pools: HashMap<Arc<str>, BTreeMap<String, Holding>>,
    there: HashSet<Box<str>>,
}

impl Ledger {
    /// Answers a holder.
    pub(crate) fn settle(&mut self, ask: &Ask) -> Grant {
        let now = Instant::now();
        let me = &ask.holder;
        let settled =
            self.there.contains(&me.node) && ask.living.iter().all(|living| self.there.contains(living));
        let holders = self.pools.entry(Arc::clone(&ask.pool)).or_default();
        let id = me.id();
        if holders.get(&id).is_some_and(|known| known.number >= ask.number) {
            return Grant::default();
        }
        holders.retain(|other, holding| {
            let its = &holding.holder;
            let is_dead =
                its.process != me.process && (its.node == me.node || !ask.living.contains(&its.node));
            *other == id || holding.until > now || !(is_dead || holding.holds == 0)
        });
        let others: Vec<_> = holders
            .iter()
            .filter(|(other, _)| **other != id)
            .map(|(_, holding)| (holding.holds, holding.needs))
            .collect();
        let held: usize = others.iter().map(|(holds, _)| holds).sum();
        let busy = others.iter().filter(|(holds, needs)| holds + needs > 0).count();
        let share = ask.max.div_ceil(busy + 1);
        let lack = |(holds, needs): &(usize, usize)| needs.saturating_sub(*holds);
        let first: usize = others
            .iter()
            .map(|(holds, needs)| lack(&(*holds, share.min(*needs))))
            .sum();
        let second: usize = others.iter().map(lack).sum();
        let free = ask.max.saturating_sub(held + ask.holds);
        let mut more = 0;
        if settled {
            more += free.min(ask.needs.min(share).saturating_sub(ask.holds));
            more += (free - more)
                .saturating_sub(first)
                .min(ask.needs.saturating_sub(ask.holds + more));
            more += (free - more)
                .saturating_sub(second)
                .min(ask.wants.saturating_sub(ask.holds + more));
        }
        let recall = ask
            .holds
            .saturating_sub(ask.needs)
            .min(second.saturating_sub(free));
        let holding = Holding {
            holder: me.clone(),
            number: ask.number,
            holds: ask.holds + more,
            needs: ask.needs,
            until: now + ask.lasts,
        };
        holders.insert(id, holding);
        Grant {
            more,
            recall,
            held: held + ask.holds + more,
            unsettled: !settled,
        }
    }

    /// Whether a node is among those who are there; `now` puts it there.
    pub(crate) fn attend(&mut self, node: &str, now: bool) -> bool {
        if now {
            self.there.insert(node.into());
        }
        self.there.contains(node)
    }
}
