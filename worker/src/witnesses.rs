//! Asks witnesses for their word under new checkpoints. What is asked and what an answer means is decided in `domain`.

use std::time::Duration;

use broker::egress::Egress;
use domain::{
    Ctx, Result,
    log::{self, Answer, Question},
};
use futures_util::{StreamExt, stream};

use crate::sender::Sender;

/// How long a witness may think.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Asked at the same time, so that one that thinks keeps few others waiting.
const AT_ONCE: usize = 16;

/// Asks all that are behind. Answers how many cosigned.
pub(crate) async fn ask(ctx: &Ctx, egress: &Egress) -> Result<u64> {
    let mut cosigned = 0;
    let asked = log::claim_witnesses(ctx).await?.into_iter();
    let asked = asked.map(|question| async {
        let answer = post(egress, &question).await;
        (question, answer)
    });
    let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
    while let Some((question, answer)) = answers.next().await {
        let outcome = if log::settle_witness(ctx, &question, answer).await? {
            cosigned += 1;
            "cosigned"
        } else {
            "none"
        };
        metrics::counter!("weir_log_cosignatures_total", "outcome" => outcome).increment(1);
    }
    Ok(cosigned)
}

async fn post(egress: &Egress, question: &Question) -> Answer {
    let Ok(sender) = Sender::to(egress, &question.url, TIMEOUT).await else {
        return Answer::None;
    };
    match sender.post(&[], question.body.clone().into_bytes()).await {
        Ok((status, answer)) => Answer::Status(status, String::from_utf8_lossy(&answer).into_owned()),
        Err(_) => Answer::None,
    }
}

pub(crate) fn describe_metrics() {
    metrics::describe_counter!(
        "weir_log_cosignatures_total",
        "answers of witnesses to new checkpoints, by whether they were a cosignature"
    );
}
