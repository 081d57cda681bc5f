//! A folder of `.eml` files, for machines without a mail server.

use std::{
    io,
    path::{Path, PathBuf},
};

/// The folder.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder if it is not there; only its owner may look into it, since codes and links are in there.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&path)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?;
        }
        Ok(Self(path))
    }

    /// Whether a file can be written.
    pub(super) async fn check(&self) -> io::Result<()> {
        let probe = self.0.join(".probe");
        tokio::fs::write(&probe, b"").await?;
        tokio::fs::remove_file(&probe).await
    }

    /// Puts a mail in whole: whoever lists the folder never sees half of one.
    pub(super) async fn put(&self, name: &str, mail: &[u8]) -> io::Result<()> {
        let hidden = self.0.join(format!(".{name}.part"));
        let written = write(&hidden, mail).await;
        if written.is_err() {
            // Best effort: what matters is the error that is reported.
            let _ = tokio::fs::remove_file(&hidden).await;
        }
        written?;
        tokio::fs::rename(&hidden, self.0.join(format!("{name}.eml"))).await
    }
}

async fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use tokio::io::AsyncWriteExt;
    let mut file = tokio::fs::File::create(path).await?;
    file.write_all(bytes).await?;
    file.sync_data().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mail_put_twice_is_one_file_and_leaves_no_part() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path().join("mailbox")).unwrap();
        folder.check().await.unwrap();
        folder.put("20260101-x", b"one").await.unwrap();
        folder.put("20260101-x", b"two").await.unwrap();
        let names: Vec<_> = std::fs::read_dir(dir.path().join("mailbox"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(names, ["20260101-x.eml"]);
        assert_eq!(
            std::fs::read(dir.path().join("mailbox/20260101-x.eml")).unwrap(),
            b"two"
        );
    }
}
