//! Which server of a Redis Cluster has which topic.
//!
//! A key or channel lies in one of 16,384 slots: the CRC-16 (XMODEM) of its hash tag, which is what stands between the first `{`
//! and the next `}`, or of all of it. See <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>.

use redis::Value;

/// How many slots there are.
const COUNT: u16 = 16_384;

/// Who has which slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slots {
    /// Host and port of each server that has any, in the order of their first slots.
    masters: Vec<(String, u16)>,
    /// The last slot of each stretch, and which server has it.
    stretches: Vec<(u16, usize)>,
}

impl Slots {
    /// Reads the answer to `CLUSTER SLOTS`. A server that does not know what it is called by others is where it was asked:
    /// at `asked`. `None` where it does not read, or where slots are nobody's: such a cluster carries nothing.
    pub(super) fn read(answer: &Value, asked: &str) -> Option<Self> {
        let Value::Array(rows) = answer else { return None };
        let mut stretches = Vec::with_capacity(rows.len());
        for row in rows {
            let Value::Array(row) = row else { return None };
            let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = &row[..] else {
                return None;
            };
            let [host, Value::Int(port), ..] = &master[..] else {
                return None;
            };
            let host = match host {
                Value::BulkString(host) => std::str::from_utf8(host).ok()?,
                Value::SimpleString(host) => host,
                _ => "",
            };
            let host = if matches!(host, "" | "?") { asked } else { host };
            let port = u16::try_from(*port).ok()?;
            stretches.push((
                u16::try_from(*first).ok()?,
                u16::try_from(*last).ok()?,
                (host.to_owned(), port),
            ));
        }
        stretches.sort();
        let mut slots = Self {
            masters: Vec::new(),
            stretches: Vec::with_capacity(stretches.len()),
        };
        let mut next = 0;
        for (first, last, master) in stretches {
            if first != next || last < first {
                return None;
            }
            next = last + 1;
            let known = slots.masters.iter().position(|known| *known == master);
            let place = known.unwrap_or(slots.masters.len());
            if known.is_none() {
                slots.masters.push(master);
            }
            slots.stretches.push((last, place));
        }
        (next == COUNT).then_some(slots)
    }

    /// Host and port of each server.
    pub(super) fn masters(&self) -> &[(String, u16)] {
        &self.masters
    }

    /// Which server has a topic, and everything with its hash tag.
    pub(super) fn of(&self, topic: &str) -> usize {
        let slot = slot(topic);
        let place = self.stretches.partition_point(|(last, _)| *last < slot);
        // Reading made sure that there is one for each.
        self.stretches.get(place).map_or(0, |(_, server)| *server)
    }
}

fn slot(topic: &str) -> u16 {
    let tag = topic
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(tag, _)| tag)
        .filter(|tag| !tag.is_empty());
    crc16(tag.unwrap_or(topic).as_bytes()) % COUNT
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        let place = usize::from((crc >> 8) ^ u16::from(*byte));
        (crc << 8) ^ TABLE[place]
    })
}

const TABLE: [u16; 256] = table();

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    // `for` is not for constants.
    while at < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let mut crc = (at as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(first: i64, last: i64, host: Value, port: i64) -> Value {
        let master = vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())];
        Value::Array(vec![Value::Int(first), Value::Int(last), Value::Array(master)])
    }

    fn named(host: &str) -> Value {
        Value::BulkString(host.as_bytes().to_vec())
    }

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3, "its own example");
        // As `CLUSTER KEYSLOT` answers.
        assert_eq!(slot("foo"), 12_182);
        assert_eq!(slot("bar"), 5_061);
        assert_eq!(slot("weir:x:{foo}:c:abc:n"), slot("foo"));
        assert_eq!(slot("a{}b"), crc16(b"a{}b") % COUNT, "an empty tag is none");
        assert_eq!(slot("a{b{c}d}"), crc16(b"b{c") % COUNT, "the first one counts");
    }

    #[test]
    fn each_topic_has_its_server_and_stretches_may_lie_apart() {
        let answer = Value::Array(vec![
            row(10_000, 16_383, named("b"), 2),
            row(0, 4_999, named("b"), 2),
            row(5_000, 9_999, Value::Nil, 1),
        ]);
        let slots = Slots::read(&answer, "here").unwrap();
        assert_eq!(slots.masters(), [("b".to_owned(), 2), ("here".to_owned(), 1)]);
        assert_eq!((slots.of("{foo}x"), slots.of("{bar}x")), (0, 1));
    }

    #[test]
    fn a_cluster_with_slots_that_nobody_has_is_none() {
        for rows in [
            vec![],
            vec![row(0, 16_382, named("a"), 1)],
            vec![row(1, 16_383, named("a"), 1)],
            vec![row(0, 5, named("a"), 1), row(7, 16_383, named("b"), 1)],
        ] {
            assert_eq!(Slots::read(&Value::Array(rows), "here"), None);
        }
        assert_eq!(Slots::read(&Value::Okay, "here"), None);
    }
}
