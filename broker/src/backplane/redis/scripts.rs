//! What is done at Redis in one step, in Lua. All keys of a script, and the channel that it publishes to, have one hash tag.

use redis::{ErrorKind, RedisError, aio::MultiplexedConnection};

use crate::backplane::leases;

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

/// The names of the scripts at the servers.
#[derive(Clone, Debug)]
pub(super) struct Scripts {
    pub(super) say: String,
    pub(super) renew: String,
    pub(super) stand: String,
    pub(super) claim: String,
    pub(super) lease: String,
}

impl Scripts {
    /// Makes a server know them. `publish` is the command that reaches whoever listens there. The names are made of the
    /// words, so all servers that were told the same command answer the same.
    pub(super) async fn load(
        connection: &mut MultiplexedConnection,
        publish: &str,
    ) -> Result<Self, RedisError> {
        let publish = format!("'{publish}'");
        let mut load = redis::pipe();
        for script in [SAY, RENEW, STAND, CLAIM, leases::SCRIPT] {
            load.cmd("SCRIPT")
                .arg("LOAD")
                .arg(script.replace("'PUBLISH'", &publish));
        }
        let [say, renew, stand, claim, lease]: [String; 5] = load
            .query_async::<Vec<String>>(connection)
            .await?
            .try_into()
            .map_err(|_| RedisError::from((ErrorKind::UnexpectedReturnType, "five scripts")))?;
        Ok(Self {
            say,
            renew,
            stand,
            claim,
            lease,
        })
    }
}
