//! The root key that lies in the data folder: made once, replaced by `weir rotate-root`, and whole at every moment,
//! whoever is killed.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use vault::{Redacted, chance::SystemChance, key::RootKey};

use super::{DataFolder, sync_folder, write_new, write_whole};
use crate::trouble::Trouble;

impl DataFolder {
    /// The root key.
    pub(crate) fn root_key_file(&self) -> PathBuf {
        self.0.join("root.key")
    }

    /// The root key that the one in the folder replaces, while that lasts.
    fn old_root_key_file(&self) -> PathBuf {
        self.0.join("root.key.old")
    }

    /// What the old root key is called while it is overwritten: half overwritten it is no key, which nobody must read.
    fn forgotten_root_key_file(&self) -> PathBuf {
        self.0.join("root.key.forgotten")
    }

    /// The root key in the folder, if there is one.
    pub(crate) fn root_key(&self) -> Result<Option<RootKey>, Trouble> {
        parse(&self.root_key_file())
    }

    /// The one it replaces, if it is being replaced.
    pub(crate) fn old_root_key(&self) -> Result<Option<RootKey>, Trouble> {
        parse(&self.old_root_key_file())
    }

    /// Makes a root key and writes it down, for its owner only. Never over one that is there.
    pub(crate) fn make_root_key(&self) -> Result<RootKey, Trouble> {
        let key = RootKey::generate(&SystemChance);
        let path = self.root_key_file();
        // Data that is sealed under a key that the disk has lost would be lost too.
        write_new(&path, line(&key).expose()).map_err(|error| {
            Trouble::new(
                format!("the root key {} cannot be written", path.display()),
                "check who may write there",
            )
            .because(error)
        })?;
        Ok(key)
    }

    /// Puts a new root key in the place of the one that is there, which stays beside it until
    /// [`DataFolder::forget_old_root_key`]; or leaves the two that a run before left. Answers whether there were two.
    pub(crate) fn replace_root_key(&self) -> Result<bool, Trouble> {
        let (path, old) = (self.root_key_file(), self.old_root_key_file());
        let replace = || {
            overwrite_and_remove(&self.forgotten_root_key_file())?;
            let (current, replaced) = (read(&path)?, read(&old)?);
            let current = current.ok_or(io::ErrorKind::NotFound)?;
            // That run was cut off before it had a new one when they are the same.
            if replaced.is_some_and(|replaced| replaced.expose() != current.expose()) {
                return Ok(true);
            }
            // The old one is copied, not renamed: at no moment is there no root.key.
            write_whole(&old, current.expose())?;
            write_whole(&path, line(&RootKey::generate(&SystemChance)).expose())?;
            Ok(false)
        };
        replace().map_err(|error: io::Error| {
            Trouble::new(
                format!("the root key {} cannot be replaced", path.display()),
                "check who may write there; nothing is lost",
            )
            .because(error)
        })
    }

    /// Overwrites and removes the root key that was replaced.
    pub(crate) fn forget_old_root_key(&self) -> Result<(), Trouble> {
        let (old, forgotten) = (self.old_root_key_file(), self.forgotten_root_key_file());
        let forget = || {
            fs::rename(&old, &forgotten)?;
            sync_folder(&forgotten)?;
            overwrite_and_remove(&forgotten)
        };
        match forget() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Trouble::new(
                format!(
                    "the old root key, {} or {}, cannot be removed",
                    old.display(),
                    forgotten.display()
                ),
                "overwrite and remove it yourself: nothing needs it any more",
            )
            .because(error)),
            _ => Ok(()),
        }
    }
}

fn line(key: &RootKey) -> Redacted<String> {
    Redacted::new(format!("{}\n", key.encode().expose()))
}

fn read(path: &Path) -> io::Result<Option<Redacted<String>>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Redacted::new(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn parse(path: &Path) -> Result<Option<RootKey>, Trouble> {
    let text = read(path).map_err(|error| {
        Trouble::new(
            format!("the root key {} cannot be read", path.display()),
            "give the file to the user that runs weir",
        )
        .because(error)
    })?;
    let Some(text) = text else { return Ok(None) };
    let key = RootKey::parse(text.expose()).map_err(|_| {
        Trouble::new(
            format!("{} does not hold a root key, which is 32 bytes in base64", path.display()),
            "put back the root.key that this folder was started with; without it nothing sealed can be opened",
        )
    })?;
    Ok(Some(key))
}

/// A file that is not there is removed already.
fn overwrite_and_remove(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    file.write_all(&vec![b'0'; length])?;
    file.sync_all()?;
    fs::remove_file(path)?;
    sync_folder(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn folder() -> (tempfile::TempDir, DataFolder) {
        let home = tempfile::tempdir().unwrap();
        let folder = DataFolder::prepare(home.path()).unwrap();
        (home, folder)
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_root_key_that_is_none_is_refused_and_not_replaced() {
        let (_home, folder) = folder();
        fs::write(folder.root_key_file(), "c2hvcnQ=\n").unwrap();
        let refused = folder.root_key().unwrap_err();
        assert!(refused.what().contains("does not hold a root key"));
        assert_eq!(text(&folder.root_key_file()), "c2hvcnQ=\n");
    }

    #[test]
    fn a_replaced_root_key_is_beside_the_new_one_until_it_is_forgotten() {
        let (_home, folder) = folder();
        folder.make_root_key().unwrap();
        let first = text(&folder.root_key_file());
        assert!(!folder.replace_root_key().unwrap());
        let second = text(&folder.root_key_file());
        assert_ne!(second, first);
        assert_eq!(text(&folder.old_root_key_file()), first);
        for file in [folder.root_key_file(), folder.old_root_key_file()] {
            assert_eq!(fs::metadata(file).unwrap().mode() & 0o777, 0o600);
        }
        folder.forget_old_root_key().unwrap();
        folder.forget_old_root_key().unwrap();
        assert!(folder.old_root_key().unwrap().is_none());
        assert_eq!(text(&folder.root_key_file()), second);
        assert!(!folder.forgotten_root_key_file().exists());
    }

    #[test]
    fn a_replacement_goes_on_wherever_it_was_cut_off() {
        let (_home, folder) = folder();
        folder.make_root_key().unwrap();
        let first = text(&folder.root_key_file());
        // Before there was a new one.
        fs::write(folder.old_root_key_file(), &first).unwrap();
        assert!(!folder.replace_root_key().unwrap());
        let second = text(&folder.root_key_file());
        assert_ne!(second, first);
        // Before all was wrapped by it.
        assert!(folder.replace_root_key().unwrap());
        assert_eq!(text(&folder.root_key_file()), second);
        assert_eq!(text(&folder.old_root_key_file()), first);
        // While the old one was overwritten.
        fs::rename(folder.old_root_key_file(), folder.forgotten_root_key_file()).unwrap();
        assert!(folder.old_root_key().unwrap().is_none());
        assert!(!folder.replace_root_key().unwrap());
        assert!(!folder.forgotten_root_key_file().exists());
        assert_eq!(text(&folder.old_root_key_file()), second);
        folder.forget_old_root_key().unwrap();
        let files: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().file_name())
            .collect();
        assert_eq!(files, ["root.key"]);
    }
}
