use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    Event, Line, Side, Wire, frame,
    reader::{Heard, Reader},
    scratch,
};
use crate::{
    close::Close,
    fuzzing,
    host::{Opcode, Payload},
    settings::Settings,
};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A client's frame.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let (mut head, length) = super::head(first, payload.len());
    head[1] |= 0x80;
    let mut frame = head[..length].to_vec();
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(a, b)| a ^ b));
    frame
}

/// A server's frame.
fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let (head, length) = super::head(first, payload.len());
    [&head[..length], payload].concat()
}

fn read_all(bytes: &[u8]) -> Vec<Heard> {
    let mut reader = Reader::new(Side::Server, 1000);
    let mut input = bytes;
    std::iter::from_fn(|| reader.next(&mut input)).collect()
}

/// What the last of these bytes, one at a time, leads to; nothing may come of those before.
fn at_the_last_byte(bytes: &[u8]) -> Option<Heard> {
    let mut reader = Reader::new(Side::Server, 1000);
    let mut last = None;
    for byte in bytes {
        assert_eq!(last, None, "too early");
        last = reader.next(&mut &[*byte][..]);
    }
    last
}

fn text(words: &str) -> Heard {
    Heard::Message(Opcode::Text, Bytes::copy_from_slice(words.as_bytes()))
}

#[test]
fn the_examples_of_the_rfc_are_read() {
    let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(read_all(&hello), [text("Hello")]);
    assert_eq!(
        frame(Opcode::Text, b"Hello")[..],
        [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]
    );
    assert_eq!(frame(Opcode::Binary, &[0; 256])[..4], [0x82, 0x7e, 0x01, 0x00]);
    assert_eq!(
        frame(Opcode::Binary, &vec![0; 65536])[..10],
        [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]
    );
}

#[test]
fn a_ping_may_come_between_fragments_and_not_a_second_message() {
    let mut bytes = masked(0x01, "Grü".as_bytes());
    bytes.extend(masked(0x89, b"?"));
    bytes.extend(masked(0x00, b""));
    bytes.extend(masked(0x80, "ße".as_bytes()));
    assert_eq!(read_all(&bytes), [Heard::Ping(b"?".to_vec()), text("Grüße")]);
    let mut bytes = masked(0x01, b"one");
    bytes.extend(masked(0x81, b"two"));
    assert_eq!(read_all(&bytes), [Heard::Fault(Close::PROTOCOL_ERROR)]);
}

#[test]
fn a_text_that_cannot_become_valid_is_not_waited_for() {
    // A character that is cut in two is no fault; its second half decides.
    let mut bytes = masked(0x01, b"\xce\xba\xf4");
    let started = bytes.len();
    bytes.extend(masked(0x80, b"\x90\x80\x80 and much more"));
    let decides = started + 6 + 1;
    assert_eq!(
        at_the_last_byte(&bytes[..decides]),
        Some(Heard::Fault(Close::INVALID_PAYLOAD))
    );
    assert_eq!(
        read_all(&masked(0x81, b"\xce\xba\xf4")),
        [Heard::Fault(Close::INVALID_PAYLOAD)],
        "a character that is never completed"
    );
    assert_eq!(
        read_all(&masked(0x82, b"\xff\xfe")).len(),
        1,
        "binary may hold anything"
    );
}

#[test]
fn a_size_is_judged_by_the_header_and_over_all_fragments() {
    let head = &masked(0x82, &[0; 1001])[..8];
    assert_eq!(at_the_last_byte(head), Some(Heard::Fault(Close::TOO_BIG)));
    let huge = [
        0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
    ];
    assert_eq!(at_the_last_byte(&huge), Some(Heard::Fault(Close::TOO_BIG)));
    assert_eq!(read_all(&masked(0x82, &[0; 1000])).len(), 1);
    let mut bytes = masked(0x02, &[0; 600]);
    bytes.extend(&masked(0x80, &[0; 401])[..8]);
    assert_eq!(at_the_last_byte(&bytes), Some(Heard::Fault(Close::TOO_BIG)));
}

#[test]
fn headers_that_break_a_rule_are_faults() {
    let mut unmasked = masked(0x81, b"hi");
    unmasked[1] &= 0x7f;
    let long_ping = [0x89, 0xfe, 0, 126, 0, 0, 0, 0];
    let not_minimal = [0x82, 0xfe, 0, 125, 0, 0, 0, 0];
    let not_minimal_either = [0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0];
    let top_bit = [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut broken: Vec<Vec<u8>> = vec![
        unmasked,
        long_ping.into(),
        not_minimal.into(),
        not_minimal_either.into(),
        top_bit.into(),
        masked(0x80, b"of nothing"),
        masked(0x09, b"in parts"),
        masked(0x88, &[3]),
    ];
    broken.extend([0x40, 0x20, 0x10].map(|reserved| masked(0x81 | reserved, b"")));
    broken.extend([3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(|opcode| masked(0x80 | opcode, b"")));
    for bytes in broken {
        assert_eq!(
            read_all(&bytes),
            [Heard::Fault(Close::PROTOCOL_ERROR)],
            "{bytes:x?}"
        );
    }
}

#[test]
fn a_close_frame_may_hold_only_a_code_that_is_allowed_and_text() {
    let close = |code: u16, reason: &[u8]| {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend(reason);
        read_all(&masked(0x88, &payload))
    };
    for code in [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999] {
        assert_eq!(close(code, b"bye"), [Heard::Closed(Close::received(code, "bye"))]);
    }
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
    ] {
        assert_eq!(close(code, b""), [Heard::Fault(Close::PROTOCOL_ERROR)], "{code}");
    }
    assert_eq!(close(1000, b"\xff"), [Heard::Fault(Close::INVALID_PAYLOAD)]);
    assert_eq!(read_all(&masked(0x88, b"")), [Heard::Closed(Close::NO_STATUS)]);
    let mut bytes = masked(0x88, b"");
    bytes.extend(masked(0x81, b"more"));
    assert_eq!(read_all(&bytes).len(), 1, "nothing is heard after it");
}

fn some_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a]),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..140),
        4 => ".{0,60}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 65_500..65_600),
    ];
    (first, payload, any::<bool>()).prop_map(|(first, payload, is_clients)| {
        if is_clients {
            masked(first, &payload)
        } else {
            unmasked(first, &payload)
        }
    })
}

proptest! {
    #[test]
    fn a_server_reads_what_a_client_writes(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20_000), 1..6),
    ) {
        let stub = Stub { takes: vec![ALL; 12].into(), ..Stub::default() };
        let mut client = Wire::client(stub, Vec::new(), &Settings::default(), 1 << 20);
        for payload in &payloads {
            client.feed(&Payload::new(Opcode::Binary, payload.clone().into())).unwrap();
            prop_assert!(client.poll_flush(&mut now()).is_ready());
        }
        let mut reader = Reader::new(Side::Server, 1 << 20);
        let mut said = &client.stub().taken[..];
        let heard: Vec<Heard> = std::iter::from_fn(|| reader.next(&mut said)).collect();
        let expected = payloads.into_iter().map(|payload| Heard::Message(Opcode::Binary, payload.into()));
        prop_assert_eq!(heard, expected.collect::<Vec<_>>());
    }

    #[test]
    fn any_split_of_the_stream_says_the_same(
        cuts in prop::array::uniform8(any::<u8>()),
        frames in prop::collection::vec(some_frame(), 0..12),
    ) {
        fuzzing::frames(&[cuts.to_vec(), frames.concat()].concat());
    }

    #[test]
    fn no_bytes_do_harm(data in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzzing::frames(&data);
    }

    #[test]
    fn a_message_in_any_fragments_is_the_message(
        message in prop::collection::vec(any::<u8>(), 0..900),
        sizes in prop::collection::vec(0_usize..200, 1..9),
    ) {
        let mut bytes = Vec::new();
        let mut rest = &message[..];
        for (index, size) in sizes.iter().enumerate() {
            let is_last = index + 1 == sizes.len();
            let size = if is_last { rest.len() } else { rest.len().min(*size) };
            let (fragment, left) = rest.split_at(size);
            rest = left;
            let first = u8::from(is_last) << 7 | if index == 0 { 2 } else { 0 };
            bytes.extend(masked(first, fragment));
        }
        prop_assert_eq!(read_all(&bytes), [Heard::Message(Opcode::Binary, message.into())]);
    }
}

/// A socket that takes what it is told to take, and says what it is told to say.
#[derive(Default)]
struct Stub {
    says: VecDeque<Vec<u8>>,
    /// Bytes it takes per write; then it is stuck.
    takes: VecDeque<usize>,
    taken: Vec<u8>,
    writes: usize,
}

impl AsyncRead for Stub {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(says) = self.says.pop_front() else {
            return Poll::Pending;
        };
        buffer.put_slice(&says);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stub {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(takes) = self.takes.pop_front() else {
            return Poll::Pending;
        };
        let takes = takes.min(bytes.len());
        self.taken.extend(&bytes[..takes]);
        self.writes += 1;
        Poll::Ready(Ok(takes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

const ALL: usize = usize::MAX;

fn now() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn wire(stub: Stub) -> Wire<Stub> {
    Wire::server(stub, &Settings::default(), 1 << 20)
}

#[test]
fn many_small_frames_leave_in_one_write() {
    let stub = Stub {
        takes: [ALL].into(),
        ..Stub::default()
    };
    let mut wire = wire(stub);
    let shared = frame(Opcode::Text, &[b'x'; 128]);
    for _ in 0..200 {
        assert!(wire.poll_ready(&mut now()).is_ready());
        wire.feed_frame(&shared);
    }
    assert_eq!(wire.unwritten(), 200 * shared.len());
    assert!(wire.poll_flush(&mut now()).is_ready());
    assert!(wire.take_moved());
    assert_eq!((wire.unwritten(), wire.stub().writes), (0, 1));
    assert_eq!(wire.stub().taken, shared.repeat(200));
}

#[test]
fn whatever_the_socket_takes_nothing_is_lost_or_doubled() {
    for takes in [1, 7, 100, 5000, 70_000] {
        let mut wire = wire(Stub::default());
        let mut expected: Vec<u8> = Vec::new();
        for (round, size) in [3, 200, 20_000, 90_000, 0, 17_000, 1].into_iter().enumerate() {
            let payload = vec![u8::try_from(round).unwrap(); size];
            let shared = frame(Opcode::Binary, &payload);
            if round % 2 == 0 {
                wire.feed_frame(&shared);
            } else {
                wire.feed(&Payload::new(Opcode::Binary, payload.into())).unwrap();
            }
            expected.extend(&shared);
            wire.stub().takes = vec![takes; 3].into();
            let _ = wire.poll_flush(&mut now());
        }
        while wire.poll_flush(&mut now()).is_pending() {
            wire.stub().takes = vec![takes; 100].into();
        }
        assert_eq!(wire.stub().taken, expected, "{takes} at a time");
        assert_eq!(wire.unwritten(), 0);
    }
}

#[test]
fn a_stuck_socket_takes_no_further_message_and_keeps_no_more_than_it_needs() {
    let mut wire = wire(Stub::default());
    while wire.poll_ready(&mut now()).is_ready() {
        wire.feed_frame(&frame(Opcode::Text, &[b'x'; 100]));
    }
    assert!(wire.unwritten() <= scratch::SIZE + 102);
    assert!(wire.held() <= wire.unwritten() + 1024, "{} bytes", wire.held());
    wire.stub().takes = [ALL].into();
    assert!(wire.poll_ready(&mut now()).is_ready());
    assert_eq!(wire.held(), 0);
}

#[test]
fn a_silent_session_owns_no_buffer() {
    let mut said = masked(0x81, b"one");
    said.extend(masked(0x89, b"two"));
    said.extend(masked(0x82, &[3; 5000]));
    let stub = Stub {
        says: [said].into(),
        takes: [ALL].into(),
        ..Stub::default()
    };
    let mut wire = wire(stub);
    let mut events = Vec::new();
    while let Poll::Ready(event) = wire.poll_event(&mut now()) {
        events.push(event);
    }
    assert_eq!(events.len(), 3);
    assert!(wire.poll_flush(&mut now()).is_ready());
    assert_eq!(wire.stub().taken, [0x8a, 3, b't', b'w', b'o']);
    assert_eq!(wire.held(), 0);
    assert!(size_of::<Wire<()>>() <= 192, "{} bytes", size_of::<Wire<()>>());
}

#[test]
fn pings_of_who_does_not_read_do_not_pile_up() {
    let mut wire = wire(Stub::default());
    for round in 0..100_000_u32 {
        wire.stub().says.push_back(masked(0x89, &round.to_be_bytes()));
        assert!(matches!(wire.poll_event(&mut now()), Poll::Ready(Event::Control)));
        let _ = wire.poll_flush(&mut now());
    }
    assert!(wire.held() < 200, "{} bytes", wire.held());
    wire.stub().takes = vec![ALL; 2].into();
    assert!(wire.poll_flush(&mut now()).is_ready());
    let newest = 99_999_u32.to_be_bytes();
    assert_eq!(wire.stub().taken[..6], [0x8a, 4, 0, 0, 0, 0], "the first");
    assert_eq!(wire.stub().taken[8..], newest, "and the newest");
}

#[test]
fn a_close_is_answered_once_and_nothing_follows_it() {
    let stub = Stub {
        says: [masked(0x88, &[0x03, 0xe8])].into(),
        takes: [ALL].into(),
        ..Stub::default()
    };
    let mut wire = wire(stub);
    assert!(matches!(
        wire.poll_event(&mut now()),
        Poll::Ready(Event::Closed(_))
    ));
    wire.close(&Close::NORMAL).unwrap();
    assert!(wire.poll_flush(&mut now()).is_ready());
    assert_eq!(wire.stub().taken, [0x88, 2, 0x03, 0xe8]);
}

fn client(rest: Vec<u8>, says: Vec<u8>) -> Wire<Stub> {
    let stub = Stub {
        says: [says].into(),
        takes: vec![ALL; 9].into(),
        ..Stub::default()
    };
    Wire::client(stub, rest, &Settings::default(), 1000)
}

#[test]
fn a_client_hears_first_what_came_along_with_the_handshake() {
    let early = unmasked(0x81, b"early");
    let (half, rest) = early.split_at(4);
    let late = [rest, &unmasked(0x81, b"late")].concat();
    let mut wire = client(half.to_vec(), late);
    for words in ["early", "late"] {
        let Poll::Ready(Event::Message(payload)) = wire.poll_event(&mut now()) else {
            panic!("{words} was not heard");
        };
        assert_eq!(payload.bytes, words);
    }
}

#[test]
fn no_two_frames_of_a_client_have_the_same_mask() {
    let mut wire = client(Vec::new(), Vec::new());
    for _ in 0..3 {
        wire.feed(&Payload::new(Opcode::Text, Bytes::from_static(b"again")))
            .unwrap();
    }
    wire.ping().unwrap();
    assert!(wire.poll_flush(&mut now()).is_ready());
    let taken = &wire.stub().taken;
    let masks: std::collections::HashSet<&[u8]> = taken[..33]
        .chunks(11)
        .map(|frame| &frame[2..6])
        .chain([&taken[35..]])
        .collect();
    assert_eq!(masks.len(), 4);
}

#[test]
fn a_client_answers_pings_and_closes_with_frames_of_its_own() {
    let said = [unmasked(0x89, b"ping"), unmasked(0x88, &[0x03, 0xe8])].concat();
    let mut wire = client(Vec::new(), said);
    assert!(matches!(wire.poll_event(&mut now()), Poll::Ready(Event::Control)));
    assert!(matches!(
        wire.poll_event(&mut now()),
        Poll::Ready(Event::Closed(_))
    ));
    assert!(wire.poll_flush(&mut now()).is_ready());
    let taken = &wire.stub().taken;
    assert_eq!((taken.len(), taken[0], taken[1]), (10 + 8, 0x8a, 0x84));
    assert_eq!((taken[10], taken[11]), (0x88, 0x82));
}

#[test]
fn a_client_takes_no_frame_that_is_masked() {
    let mut wire = client(Vec::new(), masked(0x81, b"mine"));
    let event = wire.poll_event(&mut now());
    assert!(matches!(event, Poll::Ready(Event::Fault(why)) if why == Close::PROTOCOL_ERROR));
}
