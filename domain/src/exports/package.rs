//! The ZIP itself, written on a thread of its own: packing is work for a processor, and the library waits.

use std::io::{self, Write};

use chrono::{DateTime, Datelike, Timelike, Utc};
use ring::digest::{Context, SHA256};
use serde_json::{Map, json};
use tokio::sync::mpsc::{Receiver, Sender};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::PART;

/// What is to be packed next.
pub(super) enum Packed {
    /// A file begins.
    File(&'static str),
    /// More of it.
    Bytes(Vec<u8>),
    /// That was all: the manifest follows, and the end.
    End,
}

/// What became of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum {
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
}

/// Packs what comes in and hands out parts. Ends early when either side is gone.
pub(super) fn pack(
    mut incoming: Receiver<Packed>,
    outgoing: Sender<Vec<u8>>,
    at: DateTime<Utc>,
) -> io::Result<Sum> {
    let mut zip = ZipWriter::new_stream(Cutter::new(outgoing));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        // Sizes are not known before, and a file may outgrow four gigabytes.
        .large_file(true)
        .last_modified_time(stamp(at))
        .unix_permissions(0o600);
    let mut manifest = Map::new();
    let mut file: Option<(&'static str, u64, Context)> = None;
    let mut complete = false;
    while let Some(next) = incoming.blocking_recv() {
        match next {
            Packed::Bytes(bytes) => {
                zip.write_all(&bytes)?;
                if let Some((_, size, hash)) = &mut file {
                    *size += bytes.len() as u64;
                    hash.update(&bytes);
                }
            }
            Packed::File(name) => {
                note(&mut manifest, file.replace((name, 0, Context::new(&SHA256))));
                zip.start_file(name, options)?;
            }
            Packed::End => {
                note(&mut manifest, file.take());
                complete = true;
                break;
            }
        }
    }
    if complete {
        zip.start_file("manifest.json", options)?;
        let manifest = json!({ "version": 1, "created_at": at.to_rfc3339(), "files": manifest });
        zip.write_all(format!("{manifest:#}\n").as_bytes())?;
    }
    let cutter = zip.finish()?.into_inner();
    if !complete {
        return Err(io::Error::other("the contents ended early"));
    }
    cutter.finish()
}

fn note(manifest: &mut Map<String, serde_json::Value>, file: Option<(&'static str, u64, Context)>) {
    if let Some((name, size, hash)) = file {
        let sha256 = hex::encode(hash.finish());
        manifest.insert(name.to_owned(), json!({ "size": size, "sha256": sha256 }));
    }
}

/// The time as ZIP knows it: local without a zone, here UTC, from 1980 on.
fn stamp(at: DateTime<Utc>) -> zip::DateTime {
    let small = |number: u32| u8::try_from(number).unwrap_or_default();
    zip::DateTime::from_date_and_time(
        u16::try_from(at.year()).unwrap_or_default(),
        small(at.month()),
        small(at.day()),
        small(at.hour()),
        small(at.minute()),
        small(at.second()),
    )
    .unwrap_or_default()
}

/// Cuts a stream of bytes into parts.
struct Cutter {
    outgoing: Sender<Vec<u8>>,
    part: Vec<u8>,
    size: u64,
    hash: Context,
    /// Nobody takes parts any more. The rest is dropped, so that the library can end in its own way.
    deaf: bool,
}

impl Cutter {
    fn new(outgoing: Sender<Vec<u8>>) -> Self {
        Self {
            outgoing,
            part: Vec::with_capacity(PART),
            size: 0,
            hash: Context::new(&SHA256),
            deaf: false,
        }
    }

    fn hand_out(&mut self) {
        let part = std::mem::replace(&mut self.part, Vec::with_capacity(PART));
        self.deaf |= self.outgoing.blocking_send(part).is_err();
    }

    fn finish(mut self) -> io::Result<Sum> {
        if !self.part.is_empty() {
            self.hand_out();
        }
        if self.deaf {
            return Err(io::Error::other("nobody takes the parts"));
        }
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.hash.finish().as_ref());
        Ok(Sum {
            size: self.size,
            sha256,
        })
    }
}

impl Write for Cutter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.deaf {
            return Ok(bytes.len());
        }
        let taken = bytes.len().min(PART - self.part.len());
        let bytes = &bytes[..taken];
        self.part.extend_from_slice(bytes);
        self.hash.update(bytes);
        self.size += taken as u64;
        if self.part.len() == PART {
            self.hand_out();
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use ring::digest;
    use tokio::sync::mpsc;

    use super::*;

    async fn packed(what: Vec<Packed>) -> (io::Result<Sum>, Vec<Vec<u8>>) {
        let (to_zip, from_us) = mpsc::channel(4);
        let (to_us, mut from_zip) = mpsc::channel(4);
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let thread = tokio::task::spawn_blocking(move || pack(from_us, to_us, at));
        tokio::spawn(async move {
            for one in what {
                let _ = to_zip.send(one).await;
            }
        });
        let mut parts = Vec::new();
        while let Some(part) = from_zip.recv().await {
            parts.push(part);
        }
        (thread.await.unwrap(), parts)
    }

    #[tokio::test]
    async fn a_package_opens_and_its_manifest_matches_every_file() {
        // Noise, so that it does not pack into nothing and several parts come out.
        let mut noise = vec![0_u8; 600_000];
        let mut state = 1_u32;
        for byte in &mut noise {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (state >> 24) as u8;
        }
        let (sum, parts) = packed(vec![
            Packed::File("a.bin"),
            Packed::Bytes(noise[..1000].to_vec()),
            Packed::Bytes(noise[1000..].to_vec()),
            Packed::File("b.txt"),
            Packed::Bytes(b"hello".to_vec()),
            Packed::End,
        ])
        .await;
        let sum = sum.unwrap();
        assert!(parts.len() > 2 && parts[..parts.len() - 1].iter().all(|part| part.len() == PART));
        let whole = parts.concat();
        assert_eq!(sum.size, whole.len() as u64);
        assert_eq!(sum.sha256, digest::digest(&SHA256, &whole).as_ref());

        let mut zip = zip::ZipArchive::new(Cursor::new(whole)).unwrap();
        let read = |zip: &mut zip::ZipArchive<Cursor<Vec<u8>>>, name: &str| {
            let mut bytes = Vec::new();
            zip.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(read(&mut zip, "a.bin"), noise);
        let manifest: serde_json::Value = serde_json::from_slice(&read(&mut zip, "manifest.json")).unwrap();
        let files = manifest["files"].as_object().unwrap();
        assert_eq!(files.len(), zip.len() - 1, "every file but the manifest itself");
        for (name, said) in files {
            let bytes = read(&mut zip, name);
            assert_eq!(said["size"], bytes.len());
            assert_eq!(said["sha256"], hex::encode(digest::digest(&SHA256, &bytes)));
        }
    }

    #[tokio::test]
    async fn contents_that_end_early_are_no_package() {
        let (sum, _) = packed(vec![Packed::File("a.bin"), Packed::Bytes(vec![1; 10])]).await;
        assert!(sum.is_err());
    }

    #[tokio::test]
    async fn when_nobody_takes_the_parts_it_ends_with_an_error() {
        let (to_zip, from_us) = mpsc::channel(4);
        let (to_us, from_zip) = mpsc::channel(1);
        drop(from_zip);
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let thread = tokio::task::spawn_blocking(move || pack(from_us, to_us, at));
        to_zip.send(Packed::File("a.bin")).await.unwrap();
        to_zip.send(Packed::Bytes(vec![7; PART * 2])).await.unwrap();
        to_zip.send(Packed::End).await.unwrap();
        assert!(thread.await.unwrap().is_err());
    }
}
