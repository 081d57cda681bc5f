//! The data folder: who may read it, who works in it, and what lies in it.

mod root_key;

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::trouble::Trouble;

/// Held by the one process that serves from a data folder. Given back by the system when the process ends, however.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "kept open: closing it gives the lock back")] File);

/// A folder that exists and that can be written to.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder(PathBuf);

impl DataFolder {
    /// Makes the folder if it is not there, for its owner only.
    pub(crate) fn prepare(path: &Path) -> Result<Self, Trouble> {
        let name = path.display();
        if !path.exists() {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| {
                Trouble::new(
                    format!("the data folder {name} cannot be made"),
                    "choose another with --data-dir or WEIR_DATA_DIR, or make it and give it to the user that runs weir",
                )
                .because(error)
            })?;
        }
        let folder = Self::existing(path)?;
        // Permissions alone do not tell: a full or read-only disk refuses too.
        tempfile::tempfile_in(path)
            .and_then(|mut file| file.write_all(b"weir"))
            .map_err(|error| {
                Trouble::new(
                    format!("the data folder {name} cannot be written to"),
                    "give it to the user that runs weir, free some space, or choose another with --data-dir",
                )
                .because(error)
            })?;
        Ok(folder)
    }

    /// The folder, if it is one.
    pub(crate) fn existing(path: &Path) -> Result<Self, Trouble> {
        if path.is_dir() {
            return Ok(Self(path.to_owned()));
        }
        let name = path.display();
        Err(Trouble::new(
            format!("{name} is not a folder"),
            "name the data folder with --data-dir or WEIR_DATA_DIR",
        ))
    }

    /// Where the folder is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The data.
    pub(crate) fn data_file(&self) -> PathBuf {
        self.0.join("weir.db")
    }

    /// The keys.
    pub(crate) fn vault_file(&self) -> PathBuf {
        self.0.join("vault.db")
    }

    /// The page keys: what is overwritten when a key is destroyed.
    pub(crate) fn pages_file(&self) -> PathBuf {
        self.0.join("pages.key")
    }

    /// Mails, where there is no server for them. Made when first asked for.
    pub(crate) fn mailbox(&self) -> Result<PathBuf, Trouble> {
        let path = self.0.join("mailbox");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|error| {
            Trouble::new(
                format!("the mailbox {} cannot be made", path.display()),
                "check who may write there",
            )
            .because(error)
        })?;
        Ok(path)
    }

    /// Takes the folder for this process alone.
    pub(crate) fn lock(&self) -> Result<Lock, Trouble> {
        let path = self.0.join("weir.lock");
        let failed = |error: io::Error| {
            Trouble::new(
                format!("{} cannot be locked", path.display()),
                "check who may write there",
            )
            .because(error)
        };
        // The file stays when the process ends: removing it would let two processes lock two files of one name.
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(Trouble::new(
                format!("another weir is using the data folder {}", self.0.display()),
                "stop it first, or give this one a folder of its own with --data-dir",
            )),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Whether somebody serves from the folder at this moment.
    pub(crate) fn is_locked(&self) -> bool {
        let path = self.0.join("weir.lock");
        File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Files and folders that others than their owner may read although they hold secrets.
    pub(crate) fn readable_by_others(&self) -> Vec<PathBuf> {
        [
            self.0.clone(),
            self.root_key_file(),
            self.pages_file(),
            self.vault_file(),
        ]
        .into_iter()
        .filter(|path| fs::metadata(path).is_ok_and(|found| found.mode() & 0o077 != 0))
        .collect()
    }
}

/// Writes a file for its owner only, in the place of one that may be there. Whenever this ends, what is there is whole.
pub(crate) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    fs::rename(written_beside(path, text)?, path)?;
    sync_folder(path)
}

/// Writes a file for its owner only, never over one that is there.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let beside = written_beside(path, text)?;
    let named = fs::hard_link(&beside, path);
    fs::remove_file(beside)?;
    named?;
    sync_folder(path)
}

/// What the disk has already, and only has to be named. It always has the same name, so that what an interrupted run left is
/// written over by the next.
fn written_beside(path: &Path, text: &str) -> io::Result<PathBuf> {
    let beside = path.with_added_extension("part");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(beside)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_new_folder_and_its_root_key_are_for_their_owner_only() {
        let home = tempfile::tempdir().unwrap();
        let folder = DataFolder::prepare(&home.path().join("deep/er")).unwrap();
        assert_eq!(mode(folder.path()), 0o700);
        assert!(folder.root_key().unwrap().is_none());
        let made = folder.make_root_key().unwrap();
        assert_eq!(mode(&folder.root_key_file()), 0o600);
        let read = folder.root_key().unwrap().unwrap();
        assert_eq!(read.check_value(), made.check_value());
        folder.make_root_key().unwrap_err();
    }

    #[test]
    fn one_process_at_a_time_has_the_folder() {
        let home = tempfile::tempdir().unwrap();
        let folder = DataFolder::prepare(home.path()).unwrap();
        assert!(!folder.is_locked());
        let lock = folder.lock().unwrap();
        assert!(folder.is_locked());
        assert!(folder.lock().unwrap_err().what().contains("another weir"));
        drop(lock);
        assert!(!folder.is_locked());
        folder.lock().unwrap();
    }
}
