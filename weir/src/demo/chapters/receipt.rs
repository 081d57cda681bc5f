//! What was done to Ada's data can be proved to somebody who trusts nobody.

use anyhow::{Context, Result, ensure};
use ledger::{Receipt, Verifier};

use super::{
    super::{Story, rest::text},
    Scene,
};

pub(super) async fn play(story: &mut Story, scene: &Scene, request: &str) -> Result<()> {
    story.teller.chapter("The receipt is checked")?;
    let done = scene
        .owner
        .get(&format!("/requests/{request}"))
        .await?
        .expect(200)?;
    let url = text(&done, "/receipt_url")?;
    // An absolute address of the public URL, or a path: both lead to this server.
    let path = url.find("/api/v1").map_or(url.as_str(), |start| &url[start..]);
    let receipt = scene.owner.outside(path).await?;
    ensure!(
        receipt.status == 200,
        "the receipt cannot be had: {} {}",
        receipt.status,
        receipt.text()
    );
    let receipt = receipt.text();
    let log = scene.owner.get("/log").await?.expect(200)?;
    let key = Verifier::parse(&text(&log, "/verifier_key")?).context("the log's key cannot be read")?;
    let verified = verify(&receipt, &key).context("the receipt proves nothing")?;
    let entry: serde_json::Value = serde_json::from_slice(&verified.entry)?;
    ensure!(
        entry["kind"] == "subject.erased",
        "the receipt proves something else: {entry}"
    );
    let entry = entry.to_string();
    ensure!(
        !entry.contains(&scene.ada) && !entry.contains(&story.cast.subject),
        "the log names her: {entry}"
    );
    story.tally.receipts += 1;
    story.teller.holds(format!(
        "offline, with the log's key alone: entry {} of {} is her erasure",
        verified.index, verified.size
    ))?;
    story
        .teller
        .holds("it names nobody: only she can show that it is about her, with the salt in her mail")?;
    let bytes = receipt.as_bytes();
    for place in 0..bytes.len() * 8 {
        let mut forged = bytes.to_vec();
        forged[place / 8] ^= 1 << (place % 8);
        let believed = String::from_utf8(forged).is_ok_and(|forged| verify(&forged, &key).is_ok());
        ensure!(
            !believed,
            "bit {} of byte {} can be changed and it still verifies",
            place % 8,
            place / 8
        );
        story.tally.forgeries += 1;
    }
    story.teller.holds(format!(
        "each of its {} bits was changed in turn, and each time it fails",
        story.tally.forgeries
    ))?;
    Ok(())
}

fn verify(receipt: &str, key: &Verifier) -> Result<ledger::Verified, ledger::LedgerError> {
    Receipt::parse(receipt)?.verify(key, None)
}
