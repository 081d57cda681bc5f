//! How names become addresses. The guard checks what comes out of it, whoever says it.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use futures_util::future::BoxFuture;
use tokio::net::lookup_host;

/// Who is asked where a name leads. It is asked anew for every connection.
pub trait Names: Send + Sync {
    /// Where this name leads now.
    fn lookup<'a>(&'a self, name: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// The operating system.
pub struct SystemNames;

impl Names for SystemNames {
    fn lookup<'a>(&'a self, name: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(lookup_host((name, port)).await?.collect()) })
    }
}

/// A file in the form of `/etc/hosts` (hosts(5)), and the operating system for names that are not in it. The file is read at every
/// question, so a change needs no restart; one that cannot be read leads nowhere.
pub struct HostsFile(pub PathBuf);

impl Names for HostsFile {
    fn lookup<'a>(&'a self, name: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let path = self.0.clone();
            let text = tokio::task::spawn_blocking(move || std::fs::read_to_string(path));
            let known = in_hosts(&text.await.map_err(io::Error::other)??, name);
            if known.is_empty() {
                return SystemNames.lookup(name, port).await;
            }
            Ok(known.into_iter().map(|ip| (ip, port).into()).collect())
        })
    }
}

/// The addresses of a name: an address and its names on each line, `#` before what is no concern.
fn in_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    let name = name.trim_end_matches('.');
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let address = words.next()?.parse().ok()?;
            words
                .any(|word| word.eq_ignore_ascii_case(name))
                .then_some(address)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_file_reads_as_everywhere() {
        let text = "# ours\n10.1.0.5  back-end back-end.example # the first\n\nfd00::5\tBACK-END.example\nnonsense back-end\n";
        let of = |name| in_hosts(text, name);
        assert_eq!(of("back-end"), ["10.1.0.5".parse::<IpAddr>().unwrap()]);
        assert_eq!(
            of("back-end.example."),
            ["10.1.0.5".parse::<IpAddr>().unwrap(), "fd00::5".parse().unwrap()]
        );
        assert_eq!(of("the"), Vec::<IpAddr>::new());
        assert_eq!(of("10.1.0.5"), Vec::<IpAddr>::new());
    }

    #[tokio::test]
    async fn a_hosts_file_goes_before_the_system_and_is_read_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        let names = HostsFile(path.clone());
        assert!(
            names.lookup("localhost", 1).await.is_err(),
            "a file that is not there leads nowhere"
        );
        for address in ["192.0.2.1:7", "192.0.2.2:7"] {
            let address: SocketAddr = address.parse().unwrap();
            std::fs::write(&path, format!("{} localhost", address.ip())).unwrap();
            assert_eq!(names.lookup("localhost", 7).await.unwrap(), [address]);
        }
        std::fs::write(&path, "").unwrap();
        let system = names.lookup("localhost", 7).await.unwrap();
        assert!(
            system.iter().all(|address| address.ip().is_loopback()),
            "{system:?}"
        );
    }
}
