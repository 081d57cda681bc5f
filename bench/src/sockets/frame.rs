//! WebSocket (RFC 6455) as far as a measurement needs it: the handshake's first line, whole frames, no fragments, no
//! extensions. What a server would not send here is an error, not something to be repaired.

use anyhow::{Context as _, bail, ensure};

/// `%x1`
pub(crate) const TEXT: u8 = 1;
/// `%x8`
pub(crate) const CLOSE: u8 = 8;
/// `%x9`
pub(crate) const PING: u8 = 9;
/// `%xA`
pub(crate) const PONG: u8 = 10;

/// Nothing here is that long: a length beyond it is a misread frame.
const MOST: u64 = 1 << 20;

/// The masking key of every frame we send. Random keys protect proxies from scripts in browsers (section 10.3); here
/// any key that is not zero makes the server do its work.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame in a buffer.
pub(crate) struct Frame<'a> {
    pub(crate) opcode: u8,
    pub(crate) payload: &'a [u8],
    /// Header and payload, in bytes.
    pub(crate) len: usize,
}

/// The first frame of a server's bytes, once it is there as a whole.
pub(crate) fn parse(bytes: &[u8]) -> anyhow::Result<Option<Frame<'_>>> {
    let Some((opcode, masked, at, len)) = header(bytes)? else {
        return Ok(None);
    };
    ensure!(!masked, "a server masked a frame");
    Ok(bytes.get(at..at + len).map(|payload| Frame {
        opcode,
        payload,
        len: at + len,
    }))
}

/// The first frame of a client's bytes, unmasked in place: opcode, where its payload is, and the length of the whole.
pub(crate) fn parse_masked(bytes: &mut [u8]) -> anyhow::Result<Option<(u8, std::ops::Range<usize>)>> {
    let Some((opcode, masked, at, len)) = header(bytes)? else {
        return Ok(None);
    };
    ensure!(masked, "a client did not mask a frame");
    let Some(rest) = bytes.get_mut(at..at + 4 + len) else {
        return Ok(None);
    };
    let (key, payload) = rest.split_at_mut(4);
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    Ok(Some((opcode, at + 4..at + 4 + len)))
}

/// Opcode, whether it is masked, where the mask or the payload begins, and the payload's length.
fn header(bytes: &[u8]) -> anyhow::Result<Option<(u8, bool, usize, usize)>> {
    let &[first, second, ..] = bytes else {
        return Ok(None);
    };
    ensure!(
        first & 0xf0 == 0x80,
        "a fragment, or an extension nobody asked for"
    );
    let (at, len) = match second & 0x7f {
        126 => match bytes.get(2..4) {
            Some(len) => (4, u64::from(u16::from_be_bytes(len.try_into()?))),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10) {
            Some(len) => (10, u64::from_be_bytes(len.try_into()?)),
            None => return Ok(None),
        },
        len => (2, u64::from(len)),
    };
    ensure!(len <= MOST, "a frame of {len} bytes");
    Ok(Some((
        first & 0x0f,
        second & 0x80 != 0,
        at,
        usize::try_from(len)?,
    )))
}

/// Appends a client's frame.
pub(crate) fn put_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    put_header(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&MASK);
    out.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
}

/// Appends a server's frame.
pub(crate) fn put(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    put_header(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

fn put_header(out: &mut Vec<u8>, opcode: u8, len: usize, mask: u8) {
    out.push(0x80 | opcode);
    if let Ok(len @ 0..=125) = u8::try_from(len) {
        out.push(mask | len);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(mask | 0x7e);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(mask | 0x7f);
        out.extend_from_slice(&(len as u64).to_be_bytes());
    }
}

/// What a client asks with. The key is the example of RFC 6455; nobody checks the answer to it here.
pub(crate) fn request(path: &str, host: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// The end of the head of an HTTP message, once it is there.
pub(crate) fn head(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// Where the answer to [`request`] ends, once it is there.
///
/// # Errors
/// Anything but 101.
pub(crate) fn upgraded(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(end) = head(bytes) else {
        return Ok(None);
    };
    if !bytes.starts_with(b"HTTP/1.1 101 ") {
        bail!("no upgrade: {}", String::from_utf8_lossy(&bytes[..end.min(400)]));
    }
    Ok(Some(end))
}

/// An HTTP answer as far as it is needed: its status and where it ends, once it is there as a whole.
pub(crate) fn answer(bytes: &[u8]) -> anyhow::Result<Option<(u16, usize)>> {
    let Some(end) = head(bytes) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).context("a head that is no text")?;
    let status = text
        .get(9..12)
        .context("a status line without a status")?
        .parse()?;
    let length = text
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim())
        })
        .context("an answer without Content-Length")?;
    let whole = end + length.parse::<usize>()?;
    Ok((bytes.len() >= whole).then_some((status, whole)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_each_length_survives_the_way_there_and_back() {
        for len in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
            let payload: Vec<u8> = (0..len).map(|at: u32| at.to_le_bytes()[0]).collect();
            let mut bytes = Vec::new();
            put(&mut bytes, TEXT, &payload);
            let frame = parse(&bytes).unwrap().unwrap();
            assert_eq!(
                (frame.opcode, frame.payload, frame.len),
                (TEXT, &payload[..], bytes.len())
            );
            let mut bytes = Vec::new();
            put_masked(&mut bytes, CLOSE, &payload);
            let (opcode, range) = parse_masked(&mut bytes).unwrap().unwrap();
            assert_eq!((opcode, range.end), (CLOSE, bytes.len()));
            assert_eq!(bytes[range], payload);
        }
    }

    #[test]
    fn a_frame_that_is_not_there_as_a_whole_is_waited_for() {
        let mut bytes = Vec::new();
        put(&mut bytes, TEXT, &[b'x'; 300]);
        for cut in 0..bytes.len() {
            assert!(parse(&bytes[..cut]).unwrap().is_none(), "{cut}");
        }
    }

    #[test]
    fn what_a_server_must_not_send_is_an_error() {
        let mut masked = Vec::new();
        put_masked(&mut masked, TEXT, b"x");
        assert!(parse(&masked).is_err());
        assert!(parse(&[0x01, 0x01, b'x']).is_err(), "a fragment");
        assert!(parse(&[0xc1, 0x01, b'x']).is_err(), "a compressed frame");
    }

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 ";
        assert_eq!(answer(text).unwrap(), Some((200, 40)));
        assert_eq!(answer(&text[..39]).unwrap(), None);
        assert_eq!(answer(&text[..20]).unwrap(), None);
        assert!(answer(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
