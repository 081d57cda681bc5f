//! Free ports.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process,
    sync::atomic::{AtomicU16, Ordering},
};

/// Below the range that the kernel takes ports for outgoing connections from, so that nobody comes in between.
const FIRST: u16 = 12_000;
const COUNT: u16 = 18_000;

/// An address on loopback that nobody listens on. Asked twice, it answers differently, in every test process.
pub fn free() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (process::id() % 997) as u16 * 17;
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + start.wrapping_add(step) % COUNT));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
        assert!(step < COUNT, "no port is free");
    }
}
