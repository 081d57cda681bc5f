//! The way out to addresses that a tenant typed: back ends, key sets, webhooks. Names are resolved here, every address is
//! checked, and the connection goes to the address that was checked, so that a name that changes its mind gains nothing.
//! Whatever fails after the URL itself was found good fails with one error, which tells nothing about networks behind us.

pub mod http;
mod names;
mod peer;
mod ranges;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use ipnet::IpNet;
use rustls::{ClientConfig, RootCertStore};
use tokio::{
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use url::{Host, Url};

pub use self::{
    names::{HostsFile, Names, SystemNames},
    peer::{PeerTls, PeerTlsFault},
    ranges::is_public,
};

/// What the operator allows.
#[derive(Clone, Debug)]
pub struct EgressSettings {
    /// Networks that may be reached although they are not public, on any port and without TLS.
    pub allow: Vec<IpNet>,
    /// Ports that may be reached on public addresses.
    pub ports: Vec<u16>,
    /// Whether public addresses may be reached without TLS.
    pub plain: bool,
    /// How long a name may take to resolve.
    pub resolve_timeout: Duration,
    /// A file of names that goes before the operating system's.
    pub hosts: Option<PathBuf>,
    /// Whose back ends have to be proven.
    pub prove: Prove,
}

impl Default for EgressSettings {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            ports: vec![80, 443, 8080, 8443],
            plain: false,
            resolve_timeout: Duration::from_secs(5),
            hosts: None,
            prove: Prove::Public,
        }
    }
}

/// Whose back ends have to be proven to be the tenants' before they are first used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prove {
    /// Those on public addresses: for its own networks the operator vouches.
    #[default]
    Public,
    /// All of them.
    All,
    /// None.
    Nothing,
}

/// What is said outside of whatever lies in host and user: were it said which, the differences would draw a map of the
/// networks behind us.
const GENERIC: &str =
    "the address cannot be reached from here: name a public host that answers, no number, no user";

/// Why an address may not be reached. What tenants read of it is the text, which is the same for all that has to do with
/// where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressFault {
    /// Not `https` or `wss`, nor a plain scheme where that is allowed.
    #[error("the URL must start with wss:// or https://")]
    Scheme,
    /// The URL carries a name or a password.
    #[error("{GENERIC}")]
    User,
    /// No host, or an address in numbers.
    #[error("{GENERIC}")]
    Host,
    /// The port is not among those that may be reached.
    #[error("this port may not be reached")]
    Port,
    /// It does not resolve, is not allowed, or does not answer. Which of these is nobody's business.
    #[error("{GENERIC}")]
    Unreachable,
    /// The operating system has no root certificates to check a TLS peer by.
    #[error("no root certificates were found on this machine")]
    NoRoots,
}

/// The guard. Cheap to clone.
#[derive(Clone)]
pub struct Egress(Arc<Inner>);

struct Inner {
    settings: EgressSettings,
    names: Box<dyn Names>,
    tls: OnceLock<Arc<ClientConfig>>,
}

impl Egress {
    /// A guard that checks TLS peers by the operating system's root certificates, read when first needed.
    pub fn new(settings: EgressSettings) -> Self {
        Self::build(settings, OnceLock::new())
    }

    /// A guard with a TLS configuration of its own, for a private certificate authority.
    pub fn with_tls(settings: EgressSettings, tls: Arc<ClientConfig>) -> Self {
        Self::build(settings, OnceLock::from(tls))
    }

    fn build(settings: EgressSettings, tls: OnceLock<Arc<ClientConfig>>) -> Self {
        let names: Box<dyn Names> = match &settings.hosts {
            Some(path) => Box::new(HostsFile(path.clone())),
            None => Box::new(SystemNames),
        };
        Self(Arc::new(Inner { settings, names, tls }))
    }

    /// A guard that asks somebody else where names lead.
    pub fn with_names(settings: EgressSettings, names: impl Names + 'static) -> Self {
        Self(Arc::new(Inner {
            settings,
            names: Box::new(names),
            tls: OnceLock::new(),
        }))
    }

    /// Checks what can be known from the URL alone: for the moment when a tenant enters it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_url(&self, url: &Url) -> Result<(), EgressFault> {
        let allows_some = !self.0.settings.allow.is_empty();
        match url.scheme() {
            "https" | "wss" => {}
            // Where the name leads decides, see `resolve`.
            "http" | "ws" if self.0.settings.plain || allows_some => {}
            _ => return Err(EgressFault::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EgressFault::User);
        }
        // The parser has already turned decimal, octal and hexadecimal spellings into addresses.
        let literal: Option<IpAddr> = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => None,
            Some(Host::Ipv4(v4)) => Some(v4.into()),
            Some(Host::Ipv6(v6)) => Some(v6.into()),
            _ => return Err(EgressFault::Host),
        };
        if literal.is_some_and(|address| !self.is_allowed(address)) {
            return Err(EgressFault::Host);
        }
        if !allows_some && !self.is_port(url) {
            return Err(EgressFault::Port);
        }
        Ok(())
    }

    /// Resolves a URL's host and checks every address it has.
    ///
    /// # Errors
    /// What is wrong with the URL, or that it cannot be reached: one bad address among good ones is enough.
    pub async fn resolve(&self, url: &Url) -> Result<Vec<SocketAddr>, EgressFault> {
        self.check_url(url)?;
        let port = url.port_or_known_default().ok_or(EgressFault::Port)?;
        let addresses: Vec<SocketAddr> = match url.host().ok_or(EgressFault::Host)? {
            Host::Ipv4(v4) => vec![(v4, port).into()],
            Host::Ipv6(v6) => vec![(v6, port).into()],
            Host::Domain(name) => {
                let found = timeout(self.0.settings.resolve_timeout, self.0.names.lookup(name, port)).await;
                let Ok(Ok(found)) = found else {
                    return Err(EgressFault::Unreachable);
                };
                found
            }
        };
        let public = (self.0.settings.plain || matches!(url.scheme(), "https" | "wss")) && self.is_port(url);
        for address in &addresses {
            let open = self.is_allowed(address.ip())
                || (public && is_public(address.ip()) && !is_own(address.ip()).await);
            if !open {
                return Err(EgressFault::Unreachable);
            }
        }
        if addresses.is_empty() {
            Err(EgressFault::Unreachable)
        } else {
            Ok(addresses)
        }
    }

    /// Whether the operator vouches for all of these addresses, so that nobody has to prove that they are theirs.
    pub fn vouches(&self, addresses: &[SocketAddr]) -> bool {
        match self.0.settings.prove {
            Prove::Public => addresses.iter().all(|address| self.is_allowed(address.ip())),
            Prove::All => false,
            Prove::Nothing => true,
        }
    }

    /// Which back ends have to be proven.
    pub fn prove(&self) -> Prove {
        self.0.settings.prove
    }

    /// Connects to a URL's host, at an address that was checked a moment before. No TLS yet. `proven`: it may be anywhere that the
    /// guard lets through; otherwise only where the operator vouches for it.
    ///
    /// # Errors
    /// As [`Egress::resolve`].
    pub async fn connect(&self, url: &Url, proven: bool) -> Result<TcpStream, EgressFault> {
        let addresses = self.resolve(url).await?;
        if !proven && !self.vouches(&addresses) {
            return Err(EgressFault::Unreachable);
        }
        for address in addresses {
            if let Ok(stream) = TcpStream::connect(address).await {
                // Small frames must not wait for an acknowledgement of the one before.
                stream.set_nodelay(true).map_err(|_| EgressFault::Unreachable)?;
                return Ok(stream);
            }
        }
        Err(EgressFault::Unreachable)
    }

    /// How TLS peers are checked.
    ///
    /// # Errors
    /// [`EgressFault::NoRoots`] on a machine without root certificates.
    pub fn tls(&self) -> Result<Arc<ClientConfig>, EgressFault> {
        if let Some(tls) = self.0.tls.get() {
            return Ok(Arc::clone(tls));
        }
        let usual = PeerTls::default();
        let config = usual.config().map_err(|_| EgressFault::NoRoots)?;
        Ok(Arc::clone(self.0.tls.get_or_init(|| Arc::new(config))))
    }

    fn is_allowed(&self, address: IpAddr) -> bool {
        let address = ranges::unwrapped(address);
        self.0.settings.allow.iter().any(|net| net.contains(&address))
    }

    fn is_port(&self, url: &Url) -> bool {
        url.port_or_known_default()
            .is_some_and(|port| self.0.settings.ports.contains(&port))
    }
}

/// The roots that the operating system trusts.
fn native_roots() -> Result<RootCertStore, EgressFault> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(EgressFault::NoRoots);
    }
    Ok(roots)
}

/// Whether an address is one of this machine's. The system answers without a packet: it chooses itself as the source for
/// itself.
async fn is_own(address: IpAddr) -> bool {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let Ok(socket) = UdpSocket::bind((any, 0)).await else {
        return false;
    };
    // No route means that nothing can be reached there anyway.
    if socket.connect((address, 9)).await.is_err() {
        return false;
    }
    socket.local_addr().is_ok_and(|own| own.ip() == address)
}

#[cfg(test)]
mod tests;
