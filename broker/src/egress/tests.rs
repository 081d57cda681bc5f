//! What the guard lets through, and what it does not.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use futures_util::future::BoxFuture;

use super::*;

fn closed() -> Egress {
    Egress::new(EgressSettings::default())
}

fn local() -> Egress {
    Egress::new(EgressSettings {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..EgressSettings::default()
    })
}

fn check(egress: &Egress, url: &str) -> Result<(), EgressFault> {
    egress.check_url(&url.parse().unwrap())
}

#[test]
fn a_url_is_judged_by_scheme_user_host_and_port() {
    for (url, fault) in [
        ("ws://app.example.com/", EgressFault::Scheme),
        ("http://app.example.com/", EgressFault::Scheme),
        ("ftp://app.example.com/", EgressFault::Scheme),
        ("file:///etc/passwd", EgressFault::Scheme),
        ("wss://user@app.example.com/", EgressFault::User),
        ("wss://:word@app.example.com/", EgressFault::User),
        ("wss://app.example.com:22/", EgressFault::Port),
        ("wss://127.0.0.1/", EgressFault::Host),
        ("wss://2130706433/", EgressFault::Host),
        ("wss://0x7f000001/", EgressFault::Host),
        ("wss://0177.0.0.1/", EgressFault::Host),
        ("wss://127.1/", EgressFault::Host),
        ("wss://1.1.1.1/", EgressFault::Host),
        ("wss://[::1]/", EgressFault::Host),
        ("wss://[::ffff:169.254.169.254]/", EgressFault::Host),
        ("wss://①②⑦.⓪.⓪.①/", EgressFault::Host),
    ] {
        assert_eq!(check(&closed(), url), Err(fault), "{url}");
    }
    assert_eq!(check(&closed(), "wss://app.example.com/socket"), Ok(()));
    assert_eq!(check(&closed(), "https://app.example.com:8443/keys"), Ok(()));
}

#[tokio::test]
async fn names_that_lead_inside_lead_nowhere() {
    for url in ["wss://localhost/", "wss://localhost./", "wss://LOCALHOST:8443/"] {
        assert_eq!(
            closed().resolve(&url.parse().unwrap()).await,
            Err(EgressFault::Unreachable),
            "{url}"
        );
    }
    let no_such_name = "wss://no-such-name.invalid/".parse().unwrap();
    assert_eq!(
        closed().resolve(&no_such_name).await,
        Err(EgressFault::Unreachable)
    );
}

#[tokio::test]
async fn what_the_operator_allows_is_reached_on_any_port_and_without_tls() {
    for url in [
        "ws://127.0.0.1:9/",
        "wss://127.0.0.1:12345/",
        "ws://[::ffff:127.0.0.1]:9/",
    ] {
        assert!(local().resolve(&url.parse().unwrap()).await.is_ok(), "{url}");
    }
    for (url, fault) in [
        ("ws://10.0.0.1/", EgressFault::Host),
        ("wss://[::1]/", EgressFault::Host),
        ("wss://169.254.169.254/", EgressFault::Host),
    ] {
        assert_eq!(local().resolve(&url.parse().unwrap()).await, Err(fault), "{url}");
    }
}

#[tokio::test]
async fn this_machine_knows_itself() {
    assert!(is_own(Ipv4Addr::LOCALHOST.into()).await);
    assert!(!is_own(Ipv4Addr::new(192, 0, 2, 1).into()).await);
}

/// A name that leads outside when it is first asked for, and inside from then on.
struct Turncoat {
    inside: IpAddr,
    asked: AtomicBool,
}

impl Names for Turncoat {
    fn lookup<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let first = !self.asked.swap(true, Ordering::Relaxed);
        let outside = Ipv4Addr::new(93, 184, 215, 14).into();
        let leads = if first { outside } else { self.inside };
        Box::pin(async move { Ok(vec![(leads, port).into()]) })
    }
}

/// Wherever no name may lead: one of each kind.
const INSIDE: [&str; 20] = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::10.0.0.1",
    "2001:0:53aa:64c::1",
    "2002:7f00:1::1",
    "fd00::1",
    "fe80::1",
];

#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    let url: Url = "wss://back-end.example/".parse().unwrap();
    for inside in INSIDE {
        let names = Turncoat {
            inside: inside.parse().unwrap(),
            asked: AtomicBool::new(false),
        };
        let egress = Egress::with_names(EgressSettings::default(), names);
        assert!(egress.resolve(&url).await.is_ok(), "it leads outside at first");
        let connected = egress.connect(&url, true).await.map(drop);
        assert_eq!(connected, Err(EgressFault::Unreachable), "{inside}");
    }
}

/// Says the same for every name.
struct Always(Vec<IpAddr>);

impl Names for Always {
    fn lookup<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(self.0.iter().map(|ip| (*ip, port).into()).collect()) })
    }
}

#[tokio::test]
async fn one_address_inside_among_good_ones_is_enough() {
    let url: Url = "wss://back-end.example/".parse().unwrap();
    for inside in INSIDE {
        let leads = vec!["93.184.215.14".parse().unwrap(), inside.parse().unwrap()];
        let egress = Egress::with_names(EgressSettings::default(), Always(leads));
        assert_eq!(
            egress.resolve(&url).await,
            Err(EgressFault::Unreachable),
            "{inside}"
        );
    }
    let nowhere = Egress::with_names(EgressSettings::default(), Always(Vec::new()));
    assert_eq!(nowhere.resolve(&url).await, Err(EgressFault::Unreachable));
}

#[tokio::test]
async fn this_machines_own_address_is_inside_too() {
    // Chosen by the system as its source for somewhere else; nothing is sent.
    let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
    if socket.connect("192.0.2.1:9").await.is_err() {
        // A machine without a network has no other address than loopback, which is in the table above.
        return;
    }
    let own = socket.local_addr().unwrap().ip();
    assert!(is_own(own).await, "{own}");
    let egress = Egress::with_names(EgressSettings::default(), Always(vec![own]));
    let url: Url = "wss://back-end.example/".parse().unwrap();
    assert_eq!(egress.resolve(&url).await, Err(EgressFault::Unreachable));
}

#[tokio::test]
async fn the_operator_vouches_for_networks_and_not_for_names() {
    let with = |prove| {
        Egress::new(EgressSettings {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            prove,
            ..EgressSettings::default()
        })
    };
    let ours: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let public: SocketAddr = "93.184.215.14:443".parse().unwrap();
    assert!(with(Prove::Public).vouches(&[ours]));
    assert!(!with(Prove::Public).vouches(&[public]));
    assert!(!with(Prove::Public).vouches(&[ours, public]), "one is enough");
    assert!(!with(Prove::All).vouches(&[ours]));
    assert!(with(Prove::Nothing).vouches(&[public]));
}
