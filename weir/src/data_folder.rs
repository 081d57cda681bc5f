//! The data folder: who may read it, who works in it, and the root key that lies in it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use vault::{chance::SystemChance, key::RootKey};

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

    /// The root key.
    pub(crate) fn root_key_file(&self) -> PathBuf {
        self.0.join("root.key")
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

    /// The root key that the one in the folder replaces, while that lasts.
    pub(crate) fn old_root_key_file(&self) -> PathBuf {
        self.0.join("root.key.old")
    }

    /// The root key in the folder, if there is one.
    pub(crate) fn root_key(&self) -> Result<Option<RootKey>, Trouble> {
        Self::read_root_key(&self.root_key_file())
    }

    /// The one it replaces, if it is being replaced.
    pub(crate) fn old_root_key(&self) -> Result<Option<RootKey>, Trouble> {
        Self::read_root_key(&self.old_root_key_file())
    }

    /// Puts a new root key in the place of the one that is there, which stays beside it until
    /// [`DataFolder::forget_old_root_key`].
    pub(crate) fn replace_root_key(&self) -> Result<RootKey, Trouble> {
        let (path, old) = (self.root_key_file(), self.old_root_key_file());
        let failed = |error: io::Error| {
            Trouble::new(
                format!("the root key {} cannot be replaced", path.display()),
                "check who may write there; nothing is lost",
            )
            .because(error)
        };
        let key = RootKey::generate(&SystemChance);
        // The old one is copied, not renamed: at no moment is there no root.key.
        let text = vault::Redacted::new(fs::read_to_string(&path).map_err(failed)?);
        write_new(&old, text.expose()).map_err(failed)?;
        let mut next = tempfile::Builder::new();
        let next = next.prefix("root.key.").tempfile_in(&self.0).map_err(failed)?;
        writeln!(next.as_file(), "{}", key.encode().expose()).map_err(failed)?;
        next.as_file().sync_all().map_err(failed)?;
        File::open(&self.0)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        next.persist(&path).map_err(|error| failed(error.error))?;
        File::open(&self.0)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        Ok(key)
    }

    /// Overwrites and removes the root key that was replaced.
    pub(crate) fn forget_old_root_key(&self) -> Result<(), Trouble> {
        let path = self.old_root_key_file();
        let forget = || {
            let mut file = OpenOptions::new().write(true).open(&path)?;
            let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
            file.write_all(&vec![b'0'; length])?;
            file.sync_all()?;
            fs::remove_file(&path)?;
            File::open(&self.0)?.sync_all()
        };
        match forget() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Trouble::new(
                format!("the old root key {} cannot be removed", path.display()),
                "overwrite and remove it yourself: nothing needs it any more",
            )
            .because(error)),
            _ => Ok(()),
        }
    }

    fn read_root_key(path: &Path) -> Result<Option<RootKey>, Trouble> {
        let text = match fs::read_to_string(path) {
            Ok(text) => vault::Redacted::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(Trouble::new(
                    format!("the root key {} cannot be read", path.display()),
                    "give the file to the user that runs weir",
                )
                .because(error));
            }
        };
        let key = RootKey::parse(text.expose()).map_err(|_| {
            Trouble::new(
                format!("{} does not hold a root key, which is 32 bytes in base64", path.display()),
                "put back the root.key that this folder was started with; without it nothing sealed can be opened",
            )
        })?;
        Ok(Some(key))
    }

    /// Makes a root key and writes it down, for its owner only. Never over one that is there.
    pub(crate) fn make_root_key(&self) -> Result<RootKey, Trouble> {
        let key = RootKey::generate(&SystemChance);
        let path = self.root_key_file();
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| {
                writeln!(file, "{}", key.encode().expose())?;
                // Data that is sealed under a key that the disk has lost would be lost too.
                file.sync_all()?;
                File::open(&self.0)?.sync_all()
            });
        written.map_err(|error| {
            Trouble::new(
                format!("the root key {} cannot be written", path.display()),
                "check who may write there",
            )
            .because(error)
        })?;
        Ok(key)
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

/// Writes a file for its owner only. One that is there has the same content, from a run that was interrupted before
/// anything else was done.
pub(crate) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
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

    #[test]
    fn a_root_key_that_is_none_is_refused_and_not_replaced() {
        let home = tempfile::tempdir().unwrap();
        let folder = DataFolder::prepare(home.path()).unwrap();
        fs::write(folder.root_key_file(), "c2hvcnQ=\n").unwrap();
        assert!(
            folder
                .root_key()
                .unwrap_err()
                .what()
                .contains("does not hold a root key")
        );
        assert_eq!(fs::read_to_string(folder.root_key_file()).unwrap(), "c2hvcnQ=\n");
    }
}
