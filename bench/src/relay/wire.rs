//! Just enough of RFC 6455 to keep a proxy busy: binary messages in one frame each, over a socket that is read in large pieces.

use anyhow::{Context as _, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Bytes read at once.
const PIECE: usize = 64 << 10;

/// A socket and what was read of it beyond what was asked for.
pub(super) struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
    at: usize,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            read: Vec::with_capacity(PIECE),
            at: 0,
        })
    }

    /// The head of a request or an answer, with the empty line.
    pub(super) async fn head(&mut self) -> anyhow::Result<String> {
        loop {
            let rest = &self.read[self.at..];
            if let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&rest[..end + 4]).into_owned();
                self.at += end + 4;
                return Ok(head);
            }
            ensure!(self.more().await?, "the other side hung up");
        }
    }

    async fn more(&mut self) -> anyhow::Result<bool> {
        self.read.drain(..self.at);
        self.at = 0;
        Ok(self.stream.read_buf(&mut self.read).await? > 0)
    }

    /// All whole frames that there are, at least one; none where the other side is gone. `each` gets opcode and unmasked payload.
    pub(super) async fn frames(&mut self, mut each: impl FnMut(u8, &mut [u8])) -> anyhow::Result<bool> {
        loop {
            let mut some = false;
            while let Some((head, mask, length)) = frame(&self.read[self.at..]) {
                let opcode = self.read[self.at] & 15;
                let from = self.at + head;
                let payload = &mut self.read[from..from + length];
                for (at, byte) in payload.iter_mut().enumerate() {
                    *byte ^= mask[at & 3];
                }
                each(opcode, payload);
                self.at = from + length;
                some = true;
            }
            if some {
                return Ok(true);
            }
            if !self.more().await? {
                return Ok(false);
            }
        }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream
            .write_all(bytes)
            .await
            .context("the other side hung up")
    }
}

/// Length of the header, the mask and the payload of the first frame, if it is whole.
fn frame(bytes: &[u8]) -> Option<(usize, [u8; 4], usize)> {
    let second = *bytes.get(1)?;
    let (mut head, length) = match second & 127 {
        126 => (
            4,
            usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
        ),
        127 => (
            10,
            usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?,
        ),
        short => (2, usize::from(short)),
    };
    let mut mask = [0; 4];
    if second & 128 != 0 {
        mask = bytes.get(head..head + 4)?.try_into().ok()?;
        head += 4;
    }
    (bytes.len() >= head + length).then_some((head, mask, length))
}

/// Appends a binary message. `masked`: as clients have to, with a mask of zeros, which changes nothing and costs the proxy the same.
pub(super) fn put(out: &mut Vec<u8>, payload: &[u8], masked: bool) {
    out.push(0x82);
    let bit = if masked { 0x80 } else { 0 };
    match payload.len() {
        length @ 0..=125 => out.push(bit | length as u8),
        length @ 126..=0xffff => {
            out.push(bit | 0x7e);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(bit | 0x7f);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    if masked {
        out.extend_from_slice(&[0; 4]);
    }
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_a_frame() {
        for length in [0, 125, 126, 65_535, 65_536] {
            for masked in [false, true] {
                let mut out = Vec::new();
                put(&mut out, &vec![7; length], masked);
                let (head, mask, found) = frame(&out).unwrap();
                assert_eq!((found, mask), (length, [0; 4]));
                assert_eq!(out.len(), head + length);
                assert!(frame(&out[..out.len() - 1]).is_none() || length == 0);
            }
        }
    }
}
