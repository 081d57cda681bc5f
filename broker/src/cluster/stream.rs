//! The order of one channel's messages on one node: each once, none before its predecessor, and no gap unnoticed.

use std::collections::BTreeMap;

use super::wire::Said;
use crate::backplane::Standing;

/// Messages that may wait for one that is missing.
const WAITING: usize = 1024;

/// What is to be done with a message.
#[derive(Debug)]
pub(super) enum Turn {
    /// Deliver it, and then what [`Stream::next`] has.
    Now(Box<Said>),
    /// It waits: something before it is missing.
    Early,
    /// It was delivered before, or before anybody listened.
    Past,
    /// What is missing does not come any more.
    Broken,
}

/// Where a channel stands here, and what waits.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The last that was delivered; of no epoch where nothing was ever counted. `None` until it is known where to begin.
    base: Option<Standing>,
    waiting: BTreeMap<i64, Box<Said>>,
    /// Somebody looks for what is missing.
    pub(super) searching: bool,
}

impl Stream {
    pub(super) fn base(&self) -> Option<&Standing> {
        self.base.as_ref()
    }

    pub(super) fn has_gap(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Begins after this position, or goes on from there. What waits for something at or before it does not any more.
    pub(super) fn stand_at(&mut self, standing: Standing) {
        let same = self.base.as_ref().is_none_or(|base| base.epoch == standing.epoch);
        self.waiting = if same {
            self.waiting.split_off(&(standing.offset + 1))
        } else {
            BTreeMap::new()
        };
        self.base = Some(standing);
    }

    /// Takes a message that stands at `position`.
    pub(super) fn take(&mut self, position: &Standing, said: Box<Said>) -> Turn {
        let Some(base) = &mut self.base else {
            return self.wait(position.offset, said);
        };
        if base.epoch != position.epoch {
            let is_first_count = base.epoch.is_empty();
            // A new count begins: nothing of it came before its first message.
            if position.offset == 1 {
                if !is_first_count {
                    self.waiting.clear();
                }
                *base = position.clone();
                return Turn::Now(said);
            }
            if is_first_count {
                return self.wait(position.offset, said);
            }
            return Turn::Broken;
        }
        if position.offset <= base.offset {
            return Turn::Past;
        }
        if position.offset == base.offset + 1 {
            base.offset += 1;
            return Turn::Now(said);
        }
        self.wait(position.offset, said)
    }

    fn wait(&mut self, offset: i64, said: Box<Said>) -> Turn {
        if self.waiting.len() >= WAITING {
            return Turn::Broken;
        }
        self.waiting.insert(offset, said);
        Turn::Early
    }

    /// The next message, where it is there already.
    pub(super) fn next(&mut self) -> Option<Box<Said>> {
        let base = self.base.as_mut()?;
        let said = self.waiting.remove(&(base.offset + 1))?;
        base.offset += 1;
        Some(said)
    }

    /// A message of the past takes its place, unless one that waits has it.
    pub(super) fn fill(&mut self, offset: i64, said: impl FnOnce() -> Box<Said>) {
        if self.base.as_ref().is_some_and(|base| offset > base.offset) {
            self.waiting.entry(offset).or_insert_with(said);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::Instant;
    use uuid::Uuid;

    use super::*;
    use crate::host::{Opcode, Payload};

    fn said(offset: i64) -> Box<Said> {
        Box::new(Said {
            tenant: Uuid::nil(),
            endpoint: Uuid::nil(),
            channel: "c".into(),
            subject: None,
            is_clients: false,
            except: None,
            purpose: None,
            class: offset,
            published: 0,
            expires_at: None,
            payload: Payload::new(Opcode::Text, "x".into()),
            position: None,
            tells_position: false,
            at: Instant::now(),
        })
    }

    fn at(epoch: &str, offset: i64) -> Standing {
        Standing {
            epoch: Arc::from(epoch),
            offset,
        }
    }

    /// What comes out, in order, when messages come in at these positions.
    fn out(stream: &mut Stream, positions: &[(&str, i64)]) -> Vec<i64> {
        let mut out = Vec::new();
        for (epoch, offset) in positions {
            if let Turn::Now(said) = stream.take(&at(epoch, *offset), said(*offset)) {
                out.push(said.class);
                out.extend(std::iter::from_fn(|| stream.next()).map(|said| said.class));
            }
        }
        out
    }

    #[test]
    fn each_message_comes_once_and_in_order_however_it_arrives() {
        let mut stream = Stream::default();
        stream.stand_at(at("e", 4));
        let positions = [
            ("e", 6),
            ("e", 5),
            ("e", 5),
            ("e", 4),
            ("e", 9),
            ("e", 8),
            ("e", 7),
        ];
        assert_eq!(out(&mut stream, &positions), [5, 6, 7, 8, 9]);
        assert!(!stream.has_gap());
    }

    #[test]
    fn what_came_before_it_is_known_where_to_begin_waits_for_that() {
        let mut stream = Stream::default();
        assert!(out(&mut stream, &[("e", 5), ("e", 7), ("e", 6)]).is_empty());
        stream.stand_at(at("e", 5));
        let rest: Vec<_> = std::iter::from_fn(|| stream.next())
            .map(|said| said.class)
            .collect();
        assert_eq!(rest, [6, 7]);
    }

    #[test]
    fn a_new_epoch_goes_on_with_its_first_message_and_is_broken_with_any_other() {
        let mut stream = Stream::default();
        stream.stand_at(at("e", 4));
        assert!(matches!(stream.take(&at("f", 2), said(2)), Turn::Broken));
        assert_eq!(out(&mut stream, &[("f", 1), ("f", 2)]), [1, 2]);
    }

    #[test]
    fn what_is_missing_can_be_filled_in() {
        let mut stream = Stream::default();
        stream.stand_at(at("e", 1));
        assert!(out(&mut stream, &[("e", 4)]).is_empty());
        assert!(stream.has_gap());
        for offset in 1..=4 {
            stream.fill(offset, || said(offset * 10));
        }
        let rest: Vec<_> = std::iter::from_fn(|| stream.next())
            .map(|said| said.class)
            .collect();
        assert_eq!(rest, [20, 30, 4]);
    }
}
