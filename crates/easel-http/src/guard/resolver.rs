//! Resolving names, with only permitted addresses coming back.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{is_fake_ip, is_public};
use super::{AllowList, BlockReason};

/// Something that turns a name into addresses. The system's resolver in the program, a table in tests.
pub trait Lookup: Send + Sync + 'static {
    /// The addresses of `name`, in the order in which they should be tried. The future owns its data and may
    /// be dropped at any time.
    fn lookup(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// A name whose every address was refused. Travels through the client as the reason why connecting failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub BlockReason);

/// A name that could not be resolved.
#[derive(Debug, thiserror::Error)]
#[error("the name could not be resolved: {0}")]
pub(crate) struct LookupFailed(pub(crate) io::Error);

/// What a resolver lets through.
#[derive(Debug, Clone)]
enum Judgement {
    /// Every address: what the owner configured may be private.
    Anything,
    /// Public addresses, listed ones, and for one name (the proxy's own) every address.
    Guarded { allow: AllowList, allow_fake_ip: bool, unjudged: Option<String> },
}

/// The resolver of every client. Guarded ones return only permitted addresses, and what they return is what is
/// dialled, so a name can't change its mind between judging and connecting.
///
/// Hosts that are addresses never come here; [`Guard::check`](super::Guard::check) judges those.
pub struct GuardedResolver {
    lookup: Arc<dyn Lookup>,
    judgement: Judgement,
}

impl GuardedResolver {
    /// A resolver that returns public addresses and those of `allow`; with `allow_fake_ip` also
    /// `198.18.0.0/15`. `unjudged` is a name that the owner configured (the proxy) and that may be anywhere.
    pub fn new(
        lookup: Arc<dyn Lookup>,
        allow: AllowList,
        allow_fake_ip: bool,
        unjudged: Option<String>,
    ) -> Self {
        Self { lookup, judgement: Judgement::Guarded { allow, allow_fake_ip, unjudged } }
    }

    /// Judges all addresses of `name`: somebody else dials, and may choose any of them. A name that can't be found
    /// passes.
    pub(crate) async fn judge(&self, name: &str) -> Result<(), BlockReason> {
        let Ok(found) = self.lookup.lookup(name).await else { return Ok(()) };
        found.into_iter().try_for_each(|address| self.judgement.permits(name, address))
    }

    /// A resolver that refuses nothing, for addresses that the owner configured.
    pub(crate) fn open(lookup: Arc<dyn Lookup>) -> Self {
        Self { lookup, judgement: Judgement::Anything }
    }
}

impl std::fmt::Debug for GuardedResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardedResolver").field("judgement", &self.judgement).finish_non_exhaustive()
    }
}

impl Judgement {
    fn permits(&self, name: &str, address: IpAddr) -> Result<(), BlockReason> {
        let Self::Guarded { allow, allow_fake_ip, unjudged } = self else { return Ok(()) };
        if unjudged.as_deref().is_some_and(|unjudged| unjudged.eq_ignore_ascii_case(name)) {
            return Ok(());
        }
        match is_public(address) {
            Ok(()) => Ok(()),
            Err(_) if allow.covers_address(address) => Ok(()),
            Err(_) if is_fake_ip(address) => {
                if *allow_fake_ip {
                    Ok(())
                } else {
                    Err(BlockReason::FakeIp)
                }
            }
            Err(reason) => Err(reason),
        }
    }

    /// The permitted addresses, or why the first was refused when none is left.
    fn sift(&self, name: &str, found: Vec<IpAddr>) -> Result<Vec<SocketAddr>, Option<BlockReason>> {
        let mut reason = None;
        let mut permitted = Vec::with_capacity(found.len());
        for address in found {
            match self.permits(name, address) {
                // Port 0: the client puts the url's own in.
                Ok(()) => permitted.push(SocketAddr::new(address, 0)),
                Err(refusal) => reason = reason.or(Some(refusal)),
            }
        }
        if permitted.is_empty() { Err(reason) } else { Ok(permitted) }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let finding = self.lookup.lookup(name.as_str());
        let judgement = self.judgement.clone();
        Box::pin(async move {
            let found = finding.await.map_err(LookupFailed)?;
            match judgement.sift(name.as_str(), found) {
                Ok(addresses) => Ok(Box::new(addresses.into_iter()) as Addrs),
                Err(Some(reason)) => Err(Refused(reason).into()),
                Err(None) => {
                    Err(LookupFailed(io::Error::new(io::ErrorKind::NotFound, "no addresses")).into())
                }
            }
        })
    }
}

/// Whether `name` (a well-known public one) resolves into the range of made-up addresses, so that downloads of
/// user-given urls need `[network] allow_fake_ip = true` on this machine.
///
/// # Errors
/// When the name can't be resolved at all.
pub async fn fake_ip_in_use(lookup: &dyn Lookup, name: &str) -> io::Result<bool> {
    let found = lookup.lookup(name).await?;
    Ok(found.into_iter().any(is_fake_ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guarded(allow: &[&str], allow_fake_ip: bool) -> Judgement {
        Judgement::Guarded {
            allow: AllowList::parse(allow).unwrap(),
            allow_fake_ip,
            unjudged: Some("proxy.lan".to_owned()),
        }
    }

    #[track_caller]
    fn check(judgement: &Judgement, name: &str, found: &[&str], expected: Result<&[&str], BlockReason>) {
        let found = found.iter().map(|text| text.parse().unwrap()).collect();
        let sifted = judgement
            .sift(name, found)
            .map(|addresses| addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>());
        let expected = expected.map(|list| list.iter().map(ToString::to_string).collect()).map_err(Some);
        assert_eq!(sifted, expected);
    }

    #[test]
    fn only_permitted_addresses_come_back() {
        let strict = guarded(&[], false);
        check(&strict, "a.example", &["1.2.3.4"], Ok(&["1.2.3.4"]));
        check(&strict, "a.example", &["10.0.0.1", "1.2.3.4", "::1"], Ok(&["1.2.3.4"]));
        check(&strict, "a.example", &["10.0.0.1", "::1"], Err(BlockReason::Private));
        check(&strict, "a.example", &["::ffff:127.0.0.1"], Err(BlockReason::Loopback));
        check(&strict, "a.example", &["198.18.0.9"], Err(BlockReason::FakeIp));
        check(&strict, "PROXY.lan", &["10.0.0.1"], Ok(&["10.0.0.1"]));
    }

    /// Every name has these addresses.
    struct Always(Vec<IpAddr>);

    impl Lookup for Always {
        fn lookup(&self, _name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            let found = self.0.clone();
            Box::pin(async move { Ok(found) })
        }
    }

    #[tokio::test]
    async fn whoever_else_dials_may_choose_any_address() {
        for (found, expected) in [
            (&["1.2.3.4", "198.18.0.9"][..], Ok(())),
            (&["1.2.3.4", "10.0.0.1"], Err(BlockReason::Private)),
            (&["::1", "1.2.3.4"], Err(BlockReason::Loopback)),
            (&["10.1.0.1", "1.2.3.4"], Ok(())),
            (&[], Ok(())),
        ] {
            let lookup = Always(found.iter().map(|text| text.parse().unwrap()).collect());
            let allow = AllowList::parse(&["10.1.0.0/16"]).unwrap();
            let resolver = GuardedResolver::new(Arc::new(lookup), allow, true, None);
            assert_eq!(resolver.judge("a.example").await, expected, "{found:?}");
        }
    }

    #[test]
    fn fake_addresses_pass_when_the_owner_says_so() {
        let relaxed = guarded(&[], true);
        check(&relaxed, "a.example", &["198.18.0.9"], Ok(&["198.18.0.9"]));
        check(&relaxed, "a.example", &["10.0.0.1"], Err(BlockReason::Private));
    }

    #[test]
    fn listed_networks_pass() {
        let listed = guarded(&["10.1.0.0/16"], false);
        check(&listed, "nas.example", &["10.1.2.3"], Ok(&["10.1.2.3"]));
        check(&listed, "nas.example", &["10.2.2.3"], Err(BlockReason::Private));
    }
}
