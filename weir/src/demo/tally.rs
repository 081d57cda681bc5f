//! What is counted and timed on the way, for the last lines.

use std::time::Duration;

use super::teller::Teller;
use crate::print;

/// The sums.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Messages sent, by REST and by sockets.
    pub(super) messages: usize,
    /// Of those, in the journal at some time.
    pub(super) recorded: usize,
    /// Messages that came out of somebody's socket.
    pub(super) deliveries: usize,
    /// From sending to hearing, one each.
    pub(super) delivery_lags: Vec<Duration>,
    /// From the deadline to the first read that found nothing, the slowest of all ways to read.
    pub(super) unreadable_after: Duration,
    /// From the deadline until the rows were gone.
    pub(super) rows_gone_after: Duration,
    /// From the request to withdraw to its answer.
    pub(super) withdrawal: Duration,
    /// Receipts that verified.
    pub(super) receipts: usize,
    /// Changed receipts that did not.
    pub(super) forgeries: usize,
}

impl Tally {
    /// The last lines.
    pub(super) fn tell(mut self, teller: &Teller) -> anyhow::Result<()> {
        self.delivery_lags.sort_unstable();
        let lag = |part: usize| {
            self.delivery_lags
                .get(self.delivery_lags.len() * part / 100)
                .copied()
                .unwrap_or_default()
        };
        print::line("")?;
        teller.title("Everything holds")?;
        let lines = [
            format!(
                "messages    {} sent, {} of them recorded",
                self.messages, self.recorded
            ),
            format!("deliveries  {}, none after a withdrawal", self.deliveries),
            format!(
                "lag         delivery {} (median), {} (99 %); unreadable {} after the deadline, rows gone {} after; withdrawal answered in {}",
                short(lag(50)),
                short(lag(99)),
                short(self.unreadable_after),
                short(self.rows_gone_after),
                short(self.withdrawal),
            ),
            format!(
                "receipts    {} verified, {} changed ones refused",
                self.receipts, self.forgeries
            ),
        ];
        for line in lines {
            print::line(format!("  {line}"))?;
        }
        Ok(())
    }
}

/// A time for people.
pub(super) fn short(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}
