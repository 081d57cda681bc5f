//! A tenant's transparency log in the store: an RFC 6962 tree in C2SP tiles with signed checkpoints.
//! The maths is in the crate `ledger`; this is where its bytes live.

mod history;
mod keys;
mod witnesses;

use entity::{id::TenantId, log_head, log_leaf, log_tile};
use ledger::{Checkpoint, Frontier, Hash, Receipt, TileId, Tiles, leaf_hash, proof, tile};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QuerySelect, Set, sea_query::OnConflict};

pub(crate) use history::thin;
pub use history::{At, Filter, continuation, list};
pub use keys::{list as list_keys, rotate as rotate_key};
pub use witnesses::{
    Answer, NewWitness, Question, add as add_witness, claim as claim_witnesses, list as list_witnesses,
    remove as remove_witness, settle as settle_witness,
};

use crate::{
    ctx::Ctx,
    error::{Error, Result},
    tenancy::{TenantScope, TenantTx},
};

/// A log and where it stands.
#[derive(Clone, Debug)]
pub struct Head {
    /// Its name in checkpoints.
    pub origin: String,
    /// What checkpoints are checked with: pin it.
    pub verifier_key: String,
    /// How many leaves it has.
    pub size: i64,
    /// The root over all of them.
    pub root: Hash,
    /// The newest checkpoint, a signed note.
    pub checkpoint: String,
}

/// A commitment to something personal: `SHA-256(0x00 ‖ salt ‖ value)`, a leaf hash, in hex. Without the salt it says nothing.
pub fn commitment(salt: &[u8; 32], value: &[u8]) -> String {
    let mut bytes = salt.to_vec();
    bytes.extend_from_slice(value);
    leaf_hash(&bytes).to_hex()
}

/// Appends a leaf in the caller's transaction. Answers its index.
pub(crate) async fn append(tx: &TenantTx, entry: Vec<u8>) -> Result<i64> {
    if entry.len() > ledger::bundle::MAX_ENTRY {
        // A longer entry could never be published; better to refuse the act than to prove nothing.
        return Err(Error::internal(anyhow::anyhow!(
            "a log entry of {} bytes",
            entry.len()
        )));
    }
    let head = locked_head(tx).await?;
    let old_size = unsigned(head.size)?;
    let mut frontier = frontier(&head)?;
    let leaf = leaf_hash(&entry);
    frontier.append(leaf);
    let edge = load(tx, &tile::edge_tiles(old_size)).await?;
    for (id, hashes) in tile::grow(old_size, &[leaf], &edge)? {
        write_tile(tx, id, &hashes).await?;
    }
    tx.insert_many(vec![log_leaf::ActiveModel {
        index: Set(head.size),
        entry: Set(entry),
        ..Default::default()
    }])
    .await?;
    tx.update_many::<log_head::Entity>()
        .set(log_head::ActiveModel {
            size: Set(head.size + 1),
            frontier: Set(frontier.to_bytes()),
            ..Default::default()
        })
        .exec(tx.conn())
        .await?;
    Ok(head.size)
}

/// The head, locked until the transaction ends: leaves get their places one by one. On SQLite the writer is alone anyway.
async fn locked_head(tx: &TenantTx) -> Result<log_head::Model> {
    use sea_orm::{ConnectionTrait, DbBackend};
    let mut find = tx.find::<log_head::Entity>();
    if tx.conn().get_database_backend() == DbBackend::Postgres {
        find = find.lock_exclusive();
    }
    if let Some(head) = find.one(tx.conn()).await? {
        return Ok(head);
    }
    let head = log_head::ActiveModel {
        size: Set(0),
        frontier: Set(Vec::new()),
        checkpoint: Set(None),
        checkpoint_size: Set(0),
        signed_at: Set(None),
        ..Default::default()
    };
    Ok(tx.insert(head).await?)
}

async fn write_tile(tx: &TenantTx, id: TileId, hashes: &[Hash]) -> Result<()> {
    let row = log_tile::ActiveModel {
        level: Set(i16::from(id.level)),
        index: Set(signed(id.index)?),
        hashes: Set(tile::encode_tile(hashes)),
        ..Default::default()
    };
    let key = [
        log_tile::Column::TenantId,
        log_tile::Column::Level,
        log_tile::Column::Index,
    ];
    tx.upsert(
        row,
        OnConflict::columns(key)
            .update_column(log_tile::Column::Hashes)
            .to_owned(),
    )
    .await?;
    Ok(())
}

async fn load(tx: &TenantTx, wanted: &[TileId]) -> Result<Tiles> {
    let mut tiles = Tiles::new();
    // Few at a time, so that the statement stays small however large the log is.
    for some in wanted.chunks(64) {
        let mut any = Condition::any();
        for id in some {
            any = any.add(
                Condition::all()
                    .add(log_tile::Column::Level.eq(i16::from(id.level)))
                    .add(log_tile::Column::Index.eq(signed(id.index)?)),
            );
        }
        for row in tx.find::<log_tile::Entity>().filter(any).all(tx.conn()).await? {
            let hashes = tile::decode_tile(&row.hashes)?;
            let level = u8::try_from(row.level).map_err(Error::internal)?;
            let width = u16::try_from(hashes.len()).map_err(Error::internal)?;
            tiles.insert(
                TileId {
                    level,
                    index: unsigned(row.index)?,
                    width,
                },
                hashes,
            );
        }
    }
    Ok(tiles)
}

/// The log and a checkpoint over all of it; signs a new one when the newest does not cover the last leaf.
pub async fn head(ctx: &Ctx, scope: &TenantScope) -> Result<Head> {
    let origin = origin(ctx, scope.tenant());
    // Anybody may ask, as often as they like: only news cost a write.
    let view = ctx.store.read(scope).await?;
    let known = view.find::<log_head::Entity>().one(view.conn()).await?;
    let key = keys::newest(&view).await?;
    drop(view);
    if let (Some(head), Some(key)) = (known, key)
        && head.checkpoint_size == head.size
        // The log has another name since the public address changed.
        && key.verifier_key.split('+').next() == Some(origin.as_str())
        && let Some(checkpoint) = head.checkpoint.clone()
    {
        let root = frontier(&head)?.root();
        return Ok(Head {
            origin,
            verifier_key: key.verifier_key,
            size: head.size,
            root,
            checkpoint,
        });
    }
    let tx = ctx.store.begin(scope).await?;
    let head = locked_head(&tx).await?;
    let signer = keys::signer(&tx, ctx, &origin, head.size).await?;
    let frontier = frontier(&head)?;
    let checkpoint = match head.checkpoint {
        Some(checkpoint) if head.checkpoint_size == head.size => checkpoint,
        _ => {
            let note = Checkpoint::new(&origin, frontier.size(), frontier.root()).sign(&signer)?;
            history::keep(&tx, ctx, head.size, &note, false).await?;
            note
        }
    };
    tx.save().await?;
    Ok(Head {
        origin,
        verifier_key: signer.verifier_key(),
        size: head.size,
        root: frontier.root(),
        checkpoint,
    })
}

fn frontier(head: &log_head::Model) -> Result<Frontier> {
    if head.size == 0 {
        return Ok(Frontier::new());
    }
    Ok(Frontier::from_bytes(&head.frontier)?)
}

/// A receipt for the leaf at `index`: proves offline that the log holds it.
pub async fn receipt(ctx: &Ctx, scope: &TenantScope, index: i64) -> Result<String> {
    let head = head(ctx, scope).await?;
    let tx = ctx.store.read(scope).await?;
    prove(&tx, index, head.size, head.checkpoint).await
}

/// A receipt for the leaf at `index` by the transaction that wrote it, and the key that it is checked with: for the last
/// leaf of all.
pub(crate) async fn receipt_within(tx: &TenantTx, ctx: &Ctx, index: i64) -> Result<(String, String)> {
    let origin = origin(ctx, tx.tenant());
    let head = locked_head(tx).await?;
    let signer = keys::signer(tx, ctx, &origin, head.size).await?;
    let frontier = frontier(&head)?;
    let note = Checkpoint::new(&origin, frontier.size(), frontier.root()).sign(&signer)?;
    history::keep(tx, ctx, head.size, &note, false).await?;
    let receipt = prove(tx, index, head.size, note).await?;
    Ok((receipt, signer.verifier_key()))
}

async fn prove(tx: &TenantTx, index: i64, size: i64, checkpoint: String) -> Result<String> {
    if !(0..size).contains(&index) {
        return Err(Error::NotFound { what: "log entry" });
    }
    let leaf = tx
        .get::<log_leaf::Entity, _>((tx.tenant(), index), "log entry")
        .await?;
    let (index, size) = (unsigned(index)?, unsigned(size)?);
    let tiles = load(tx, &proof::inclusion_tiles(index, size)).await?;
    let receipt = Receipt {
        extra: Some(leaf.entry),
        index,
        hashes: proof::inclusion(index, size, &tiles)?,
        checkpoint,
    };
    Ok(receipt.render())
}

/// A tile as it is published. A width that the log has outgrown is cut from what there is now.
pub async fn tile_bytes(tx: &TenantTx, id: TileId) -> Result<Vec<u8>> {
    let key = (tx.tenant(), i16::from(id.level), signed(id.index)?);
    let row = tx.get::<log_tile::Entity, _>(key, "tile").await?;
    let wanted = usize::from(id.width) * 32;
    row.hashes
        .get(..wanted)
        .map(<[u8]>::to_vec)
        .ok_or(Error::NotFound { what: "tile" })
}

/// An entry bundle as it is published: the leaves under a level-0 tile.
pub async fn entries_bytes(tx: &TenantTx, id: TileId) -> Result<Vec<u8>> {
    let first = signed(id.index)?
        .checked_mul(256)
        .ok_or(Error::NotFound { what: "entries" })?;
    let rows = tx
        .find::<log_leaf::Entity>()
        .filter(log_leaf::Column::Index.gte(first))
        .filter(log_leaf::Column::Index.lt(first.saturating_add(i64::from(id.width))))
        .limit(256)
        .all(tx.conn())
        .await?;
    if rows.len() != usize::from(id.width) {
        return Err(Error::NotFound { what: "entries" });
    }
    let mut entries: Vec<_> = rows.into_iter().map(|row| (row.index, row.entry)).collect();
    entries.sort_unstable_by_key(|(index, _)| *index);
    let entries: Vec<_> = entries.into_iter().map(|(_, entry)| entry).collect();
    Ok(ledger::bundle::encode_bundle(&entries)?)
}

/// The log's name in checkpoints: where it is published.
fn origin(ctx: &Ctx, tenant: TenantId) -> String {
    let host = ctx.settings.public_url.host_str().unwrap_or("weir");
    format!("{host}/log/{tenant}")
}

fn signed(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(Error::internal)
}

fn unsigned(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(Error::internal)
}
