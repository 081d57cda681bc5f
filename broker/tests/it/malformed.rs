use broker::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::house::{House, eventually, options, soon};

/// A masked client frame (RFC 6455 §5.2), with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    if payload.len() < 126 {
        frame.push(0x80 + u8::try_from(payload.len()).unwrap());
    } else {
        frame.push(0x80 + 126);
        frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// The code of the close frame that these bytes are answered with.
async fn answer_to(bytes: &[u8]) -> u16 {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let (mut near, far): (DuplexStream, _) = duplex(1 << 20);
    let who = house.somebody();
    let mut options = options();
    options.session.max_message = 1000;
    let served = tokio::spawn({
        let (broker, who) = (broker.clone(), who.clone());
        async move { broker.serve_channel(far, who, options).await }
    });
    near.write_all(bytes).await.unwrap();
    let mut head = [0; 4];
    soon(near.read_exact(&mut head)).await.unwrap();
    assert_eq!(head[0], 0x88, "a close frame");
    drop(near);
    let why = soon(served).await.unwrap();
    eventually(|| !house.closed.lock().is_empty()).await;
    assert_eq!(house.end_of(who.session).0, why);
    let code = u16::from_be_bytes([head[2], head[3]]);
    assert_eq!(why.code, code);
    code
}

#[tokio::test]
async fn broken_frames_are_answered_with_the_code_of_the_rfc() {
    let mut unmasked = vec![0x81, 2];
    unmasked.extend(b"hi");
    assert_eq!(answer_to(&unmasked).await, 1002);
    assert_eq!(answer_to(&frame(0xc1, b"hi")).await, 1002, "reserved bits");
    assert_eq!(answer_to(&frame(0x83, b"hi")).await, 1002, "reserved opcode");
    assert_eq!(
        answer_to(&frame(0x80, b"hi")).await,
        1002,
        "continuation of nothing"
    );
    assert_eq!(answer_to(&frame(0x09, b"hi")).await, 1002, "fragmented ping");
    assert_eq!(answer_to(&frame(0x81, &[0xff, 0xfe])).await, 1007, "not utf-8");
    assert_eq!(answer_to(&frame(0x82, &[0; 1001])).await, 1009, "too big");
    let mut fragments = frame(0x02, &[0; 600]);
    fragments.extend(frame(0x80, &[0; 600]));
    assert_eq!(answer_to(&fragments).await, 1009, "too big in two");
    assert_eq!(
        answer_to(&frame(0x82, &vec![0; 20_000])).await,
        1009,
        "too big, and still coming"
    );
}
