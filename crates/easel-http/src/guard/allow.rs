//! `[network] allow_hosts`: the private places that user-given urls may name after all.

use std::net::IpAddr;

use ipnet::IpNet;
use url::Host;

use super::address::unwrap_embedded;

/// The parsed list. Empty by default, which allows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    /// A network, any port. A single address is a network of one.
    Net(IpNet),
    /// A name, or an address with a port.
    Host { host: Host<String>, port: Option<u16> },
}

/// An entry of the list that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowProblem {
    /// Position in the list, from 0.
    pub index: usize,
    /// The entry as it was written.
    pub entry: String,
}

impl AllowList {
    /// Reads `host`, `host:port`, an address, `address:port` or a network (`192.168.1.0/24`, `fd00::/8`).
    ///
    /// # Errors
    /// Every entry that is none of these; nothing is skipped silently.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, Vec<AllowProblem>> {
        let mut parsed = Vec::with_capacity(entries.len());
        let mut problems = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let entry = entry.as_ref();
            match Entry::parse(entry.trim()) {
                Some(entry) => parsed.push(entry),
                None => problems.push(AllowProblem { index, entry: entry.to_owned() }),
            }
        }
        if problems.is_empty() { Ok(Self { entries: parsed }) } else { Err(problems) }
    }

    /// Whether a url with this host and port may pass unjudged. An address with a port in the list matches
    /// only urls that name exactly that address and port.
    pub fn covers_host(&self, host: &Host<&str>, port: u16) -> bool {
        if let Some(address) = literal(host)
            && self.covers_address(address)
        {
            return true;
        }
        self.entries.iter().any(|entry| match entry {
            Entry::Net(_) => false,
            Entry::Host { host: listed, port: listed_port } => {
                same_host(listed, host) && listed_port.is_none_or(|listed| listed == port)
            }
        })
    }

    /// Whether a name may resolve to this address: it or its network is listed without a port.
    pub fn covers_address(&self, address: IpAddr) -> bool {
        let inner = unwrap_embedded(address);
        self.entries
            .iter()
            .any(|entry| matches!(entry, Entry::Net(net) if net.contains(&address) || net.contains(&inner)))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(net) = text.parse::<IpNet>() {
            return Some(Self::Net(net));
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Some(Self::Net(IpNet::from(address)));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse::<u16>().ok().filter(|port| *port != 0)?)),
            None => (text, None),
        };
        // `Host::parse` forgives nothing that a url would not: no spaces, no slashes, no stray brackets.
        match (Host::parse(host).ok()?, port) {
            (Host::Ipv4(address), None) => Some(Self::Net(IpNet::from(IpAddr::V4(address)))),
            (Host::Domain(name), port) => {
                Some(Self::Host { host: Host::Domain(name.trim_end_matches('.').to_owned()), port })
            }
            (host, port) => Some(Self::Host { host, port }),
        }
    }
}

/// The address, where the host is one.
pub(crate) fn literal(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(IpAddr::V4(*address)),
        Host::Ipv6(address) => Some(IpAddr::V6(*address)),
    }
}

fn same_host(listed: &Host<String>, host: &Host<&str>) -> bool {
    match (listed, host) {
        (Host::Domain(listed), Host::Domain(name)) => listed.eq_ignore_ascii_case(name.trim_end_matches('.')),
        (Host::Ipv4(listed), Host::Ipv4(address)) => listed == address,
        (Host::Ipv6(listed), Host::Ipv6(address)) => listed == address,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(entry: &str, url: &str, expected: bool) {
        let list = AllowList::parse(&[entry]).unwrap();
        let url = url::Url::parse(url).unwrap();
        let covered = list.covers_host(&url.host().unwrap(), url.port_or_known_default().unwrap());
        assert_eq!(covered, expected, "{entry} and {url}");
    }

    #[test]
    fn entries_cover_what_they_name_and_nothing_else() {
        check("nas.lan", "http://nas.lan/a.png", true);
        check("NAS.lan", "http://nas.lan.:8080/a.png", true);
        check("nas.lan", "http://x.nas.lan/", false);
        check("nas.lan:8080", "http://nas.lan:8080/", true);
        check("nas.lan:8080", "http://nas.lan/", false);
        check("localhost", "https://localhost:5001/", true);
        check("图库.lan", "http://图库.lan/", true);
        check("192.168.1.5", "http://192.168.1.5:99/", true);
        check("192.168.1.5", "http://192.168.1.6/", false);
        check("192.168.1.5", "http://[::ffff:192.168.1.5]/", true);
        check("192.168.1.5:81", "http://192.168.1.5:81/", true);
        check("192.168.1.5:81", "http://192.168.1.5:82/", false);
        check("192.168.0.0/16", "http://192.168.77.1/", true);
        check("192.168.0.0/16", "http://10.0.0.1/", false);
        check("::1", "http://[::1]:8000/", true);
        check("[::1]", "http://[::1]/", true);
        check("[::1]:8000", "http://[::1]:8000/", true);
        check("[::1]:8000", "http://[::1]:8001/", false);
        check("fd00::/8", "http://[fd12::1]/", true);
    }

    #[test]
    fn every_unreadable_entry_is_reported() {
        let problems =
            AllowList::parse(&["ok.lan", "http://a", "a b", "10.0.0.0/40", "a:0", "", "a:x"]).unwrap_err();
        let indices: Vec<_> = problems.iter().map(|problem| problem.index).collect();
        assert_eq!(indices, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_port_in_the_list_lets_no_name_resolve_there() {
        let list = AllowList::parse(&["10.0.0.1:80", "10.0.1.0/24"]).unwrap();
        assert!(!list.covers_address("10.0.0.1".parse().unwrap()));
        assert!(list.covers_address("10.0.1.9".parse().unwrap()));
    }
}
