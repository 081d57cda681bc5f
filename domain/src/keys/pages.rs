//! The file of page keys: the one part of the vault that is overwritten in place, because that is what destroying means.
//!
//! ```text
//! 0      "weir page keys 1\n" ‖ which file this is, 16 random bytes ‖ zeros
//! 4096   page 0: two slots of 64 bytes    version (8) ‖ key (32) ‖ check (8) ‖ zeros
//! 4224   page 1: …
//! ```
//!
//! A page has two slots, so that its next key can be on the disk before the store is changed, and the old one until after.
//! Which of the two counts, the store says (`key_page.version`); version `v` is in slot `v mod 2`. No slot crosses a sector
//! of 512 bytes. Reads are of 64 bytes that the system has in memory, so nothing is cached here that would have to be
//! forgotten.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use ring::digest::{SHA256, digest};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;
use vault::{
    chance::{self, Chance},
    key::PageKey,
};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

const MARK: &[u8] = b"weir page keys 1\n";
const HEADER: u64 = 4096;
const SLOT: usize = 64;
const PAGE: u64 = 2 * SLOT as u64;

/// A key of a page, by the page and the version.
pub(super) type Slot = (i64, i64);

/// The file, open. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pages {
    file: Arc<File>,
    path: PathBuf,
    id: Uuid,
}

/// Nobody else replaces page keys, in this process or another, for as long as this is held.
pub(super) struct Held {
    // Closing the file gives the lock back; then others of this process may try for it.
    _file: File,
    _first: OwnedMutexGuard<()>,
}

impl Pages {
    /// Opens the file; makes it, for its owner only, if it is not there. Who makes it at the same moment makes the same one.
    pub fn open(path: &Path, chance: &dyn Chance) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        if file.metadata()?.len() < HEADER {
            make(&file, path, chance)?;
        }
        let mut header = [0; MARK.len() + 16];
        file.read_exact_at(&mut header, 0)?;
        let (mark, id) = header.split_at(MARK.len());
        if mark != MARK {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "this is not a file of page keys",
            ));
        }
        Ok(Self {
            file: Arc::new(file),
            path: path.to_owned(),
            id: Uuid::from_slice(id).map_err(io::Error::other)?,
        })
    }

    /// Which file this is: the same in its copies, another in every other file. The vault remembers it.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key of a page, unless it is destroyed or was never there.
    pub(super) fn read(&self, (page, version): Slot) -> Result<Option<PageKey>> {
        let mut slot = Zeroizing::new([0; SLOT]);
        match self.file.read_exact_at(&mut *slot, place(page, version)?) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other.map_err(unreadable)?,
        }
        if slot[..8] != version.to_be_bytes() || slot[40..48] != check(&slot[..40]) {
            return Ok(None);
        }
        Ok(Some(PageKey::from_bytes(&slot[8..40])?))
    }

    /// The keys of a page that the file has now: one, or two while the page is being renewed.
    pub(super) fn candidates(&self, page: i64) -> Result<Vec<PageKey>> {
        let mut slots = Zeroizing::new([0; 2 * SLOT]);
        match self.file.read_exact_at(&mut *slots, place(page, 0)?) {
            // The last page may have its first slot only.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            other => other.map_err(unreadable)?,
        }
        let whole = slots
            .chunks(SLOT)
            .filter(|slot| slot[..8] != [0; 8] && slot[40..48] == check(&slot[..40]));
        whole.map(|slot| Ok(PageKey::from_bytes(&slot[8..40])?)).collect()
    }

    /// Writes page keys down; they are on the disk when this answers.
    pub(super) async fn write(&self, keys: Vec<(Slot, Zeroizing<[u8; 32]>)>) -> Result<()> {
        let file = Arc::clone(&self.file);
        on_disk(move || {
            for ((page, version), key) in keys {
                let mut slot = Zeroizing::new([0; SLOT]);
                slot[..8].copy_from_slice(&version.to_be_bytes());
                slot[8..40].copy_from_slice(&*key);
                let check = check(&slot[..40]);
                slot[40..48].copy_from_slice(&check);
                file.write_all_at(&*slot, place_io(page, version)?)?;
            }
            file.sync_data()
        })
        .await
    }

    /// Overwrites page keys; the disk has nothing of them when this answers.
    pub(super) async fn erase(&self, slots: Vec<Slot>) -> Result<()> {
        let file = Arc::clone(&self.file);
        on_disk(move || {
            for (page, version) in slots {
                file.write_all_at(&[0; SLOT], place_io(page, version)?)?;
            }
            file.sync_data()
        })
        .await
    }

    /// The versions that the file has of every page it has room for.
    pub(super) async fn versions(&self) -> Result<Vec<Slot>> {
        let file = Arc::clone(&self.file);
        on_disk(move || {
            let mut found = Vec::new();
            let mut page = Zeroizing::new([0; 2 * SLOT]);
            let room = file.metadata()?.len().saturating_sub(HEADER).div_ceil(PAGE);
            for number in 0..room {
                let place = HEADER + number * PAGE;
                page.fill(0);
                let mut read = 0;
                while read < page.len() {
                    match file.read_at(&mut page[read..], place + read as u64)? {
                        0 => break,
                        some => read += some,
                    }
                }
                for slot in page.chunks(SLOT) {
                    if slot.iter().any(|byte| *byte != 0) {
                        let mut version = [0; 8];
                        version.copy_from_slice(&slot[..8]);
                        let number = i64::try_from(number).map_err(io::Error::other)?;
                        found.push((number, i64::from_be_bytes(version)));
                    }
                }
            }
            Ok(found)
        })
        .await
    }

    /// Waits until nobody replaces page keys, and keeps other processes from it. `first` keeps this one's from it.
    pub(super) async fn hold(&self, first: OwnedMutexGuard<()>) -> Result<Held> {
        // A handle of its own: locks belong to the open file, and the shared one would lock nobody of this process out.
        let path = self.path.clone();
        on_disk(move || {
            let file = File::open(path)?;
            file.lock()?;
            Ok(Held {
                _file: file,
                _first: first,
            })
        })
        .await
    }
}

impl Pages {
    /// Copies the file, and whatever `work` copies, as they belong together: no page key is replaced meanwhile.
    pub async fn copy_with<T, E: From<Error>>(
        &self,
        to: &Path,
        work: impl Future<Output = std::result::Result<T, E>>,
    ) -> std::result::Result<T, E> {
        let _held = self
            .hold(Arc::<tokio::sync::Mutex<()>>::default().lock_owned().await)
            .await?;
        let done = work.await?;
        let (file, to) = (Arc::clone(&self.file), to.to_owned());
        on_disk(move || {
            let mut bytes = Zeroizing::new(vec![
                0;
                usize::try_from(file.metadata()?.len())
                    .map_err(io::Error::other)?
            ]);
            file.read_exact_at(&mut bytes, 0)?;
            let copy = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(to)?;
            copy.write_all_at(&bytes, 0)?;
            copy.sync_all()
        })
        .await?;
        Ok(done)
    }
}

fn make(file: &File, path: &Path, chance: &dyn Chance) -> io::Result<()> {
    // Several processes may start on a file that they share.
    let alone = File::open(path)?;
    alone.lock()?;
    if file.metadata()?.len() != 0 {
        return Ok(());
    }
    let mut header = vec![0; usize::try_from(HEADER).unwrap_or(4096)];
    header[..MARK.len()].copy_from_slice(MARK);
    let id: [u8; 16] = chance::bytes(chance);
    header[MARK.len()..MARK.len() + 16].copy_from_slice(&id);
    file.write_all_at(&header, 0)?;
    file.sync_all()?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::internal)?
        .map_err(unreadable)
}

fn unreadable(error: io::Error) -> Error {
    Error::Unavailable {
        what: "the file of page keys",
        source: Some(error.into()),
    }
}

fn place(page: i64, version: i64) -> Result<u64> {
    place_io(page, version).map_err(unreadable)
}

fn place_io(page: i64, version: i64) -> io::Result<u64> {
    let page = u64::try_from(page).map_err(io::Error::other)?;
    let slot = u64::try_from(version.rem_euclid(2)).map_err(io::Error::other)?;
    Ok(HEADER + page * PAGE + slot * SLOT as u64)
}

/// Tells a slot that was written half from a whole one.
fn check(bytes: &[u8]) -> [u8; 8] {
    let mut out = [0; 8];
    out.copy_from_slice(&digest(&SHA256, bytes).as_ref()[..8]);
    out
}

#[cfg(test)]
mod tests {
    use vault::chance::SeededChance;

    use super::*;

    fn key(seed: u64) -> PageKey {
        PageKey::generate(&SeededChance::new(seed))
    }

    fn bytes(key: &PageKey) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*key.expose())
    }

    #[tokio::test]
    async fn keys_are_kept_replaced_and_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.key");
        let pages = Pages::open(&path, &SeededChance::new(9)).unwrap();
        assert!(pages.read((3, 1)).unwrap().is_none());
        pages.write(vec![((3, 1), bytes(&key(1)))]).await.unwrap();
        pages.write(vec![((3, 2), bytes(&key(2)))]).await.unwrap();
        let again = Pages::open(&path, &SeededChance::new(9)).unwrap();
        assert_eq!(again.read((3, 1)).unwrap().unwrap().expose(), key(1).expose());
        assert_eq!(again.read((3, 2)).unwrap().unwrap().expose(), key(2).expose());
        assert!(again.read((3, 3)).unwrap().is_none(), "another version");
        let mut versions = again.versions().await.unwrap();
        versions.sort_unstable();
        assert_eq!(versions, [(3, 1), (3, 2)]);
        again.erase(vec![(3, 1)]).await.unwrap();
        assert!(pages.read((3, 1)).unwrap().is_none());
        let file = std::fs::read(&path).unwrap();
        let there = |key: PageKey| file.windows(32).any(|some| some == key.expose());
        assert!(!there(key(1)) && there(key(2)));
    }

    #[tokio::test]
    async fn a_slot_that_was_written_half_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.key");
        let pages = Pages::open(&path, &SeededChance::new(9)).unwrap();
        pages.write(vec![((0, 1), bytes(&key(1)))]).await.unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[0; 20], HEADER + SLOT as u64 + 30).unwrap();
        assert!(pages.read((0, 1)).unwrap().is_none());
    }

    #[tokio::test]
    async fn one_at_a_time_replaces_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.key");
        let (one, two) = (
            Pages::open(&path, &SeededChance::new(9)).unwrap(),
            Pages::open(&path, &SeededChance::new(9)).unwrap(),
        );
        let alone = || Arc::new(tokio::sync::Mutex::new(())).lock_owned();
        let held = one.hold(alone().await).await.unwrap();
        let first = alone().await;
        let waits = tokio::spawn(async move { two.hold(first).await.map(drop) });
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(!waits.is_finished());
        drop(held);
        waits.await.unwrap().unwrap();
    }

    #[test]
    fn another_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.key");
        std::fs::write(&path, [7; 5000]).unwrap();
        Pages::open(&path, &SeededChance::new(9)).unwrap_err();
    }
}
