//! What a witness must not forget: its key, and the last checkpoint of each log that it cosigned.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ledger::{Checkpoint, Cosigner, leaf_hash};
use vault::chance::{self, SystemChance};

use crate::{data_folder::write_whole, trouble::Trouble};

/// A folder, used by one process.
#[derive(Debug)]
pub(super) struct Memory(PathBuf);

impl Memory {
    pub(super) fn of(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// The witness's key, made if there is none.
    pub(super) fn cosigner(&self, name: &str) -> anyhow::Result<Cosigner> {
        let path = self.0.join("witness.key");
        if !path.exists() {
            let seed: [u8; 32] = chance::bytes(&SystemChance);
            write_whole(&path, &STANDARD.encode(seed))?;
        }
        let text = fs::read_to_string(&path)?;
        let seed = STANDARD
            .decode(text.trim())
            .ok()
            .and_then(|seed| seed.try_into().ok());
        let seed: [u8; 32] = seed.ok_or_else(|| {
            Trouble::new(
                format!("{} does not hold a key", path.display()),
                "put back your copy of it: 32 bytes in base64",
            )
        })?;
        Ok(Cosigner::new(name, seed)?)
    }

    /// Names of logs hold what file names cannot.
    fn path(&self, origin: &str) -> PathBuf {
        let name = leaf_hash(origin.as_bytes()).to_hex();
        self.0.join(format!("{name}.checkpoint"))
    }
}

impl api::witness::Memory for Memory {
    fn last(&self, origin: &str) -> io::Result<Option<Checkpoint>> {
        match fs::read_to_string(self.path(origin)) {
            // Half a file would be a forgotten checkpoint; it is never there, see `keep`, and not believed.
            Ok(text) => Checkpoint::parse(&text).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn keep(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
        file.write_all(checkpoint.to_string().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(self.path(&checkpoint.origin))?;
        File::open(&self.0)?.sync_all()
    }
}
