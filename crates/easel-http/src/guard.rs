//! The guard between urls that people give and the machine's private network.
//!
//! A url from a chat may name anything: the router, a metadata service, easel's own port. So such urls are
//! judged in three places, and each closes a hole that the others leave open:
//! - [`Guard::check`] looks at the url itself, on the first request and on every redirect: scheme, user info,
//!   and hosts that are addresses (a resolver is never asked about those);
//! - [`GuardedResolver`] hands the client only addresses that pass, so what was judged is what is dialled;
//! - through a proxy nothing is resolved here, so names that mean "inside" are refused by their shape.
//!
//! Judging addresses ([`is_public`]) is pure; no I/O happens outside [`SystemLookup`].

mod address;
mod allow;
mod resolver;
mod url_check;

use std::fmt;

pub use address::is_public;
pub use allow::{AllowList, AllowProblem};
pub(crate) use resolver::LookupFailed;
pub use resolver::{GuardedResolver, Lookup, Refused, SystemLookup, fake_ip_in_use};
pub use url_check::{Guard, Route};
pub(crate) use url_check::{check_shape, is_local_name, is_this_machine};

/// Why an address, a name or a url is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockReason {
    /// Neither `http` nor `https`.
    Scheme,
    /// The url carries a user name or a password.
    UserInfo,
    /// The url has no host.
    NoHost,
    /// Port 0, which can't be dialled.
    Port,
    /// More redirects than are followed.
    TooManyRedirects,
    /// A name that means the inside of a network (`localhost`, single-label, `.local`, `.lan` …), refused
    /// where a proxy would resolve it.
    LocalName,
    /// `0.0.0.0/8` or `::`.
    ThisHost,
    /// `10/8`, `172.16/12`, `192.168/16`, or IPv6 unique-local `fc00::/7`.
    Private,
    /// Shared carrier address space `100.64/10`.
    Shared,
    /// `127/8` or `::1`.
    Loopback,
    /// `169.254/16` or `fe80::/10`; cloud metadata services live here.
    LinkLocal,
    /// `198.18/15`, given as a literal.
    Benchmark,
    /// A *name* that resolved into `198.18/15`: almost always a proxy program in TUN mode that answers every
    /// name with a made-up address. The mend is `[network] allow_fake_ip = true`.
    FakeIp,
    /// Ranges for examples in documents.
    Documentation,
    /// Multicast.
    Multicast,
    /// Teredo tunnels, `2001::/32`.
    Teredo,
    /// Anything else that is no address of a public host.
    Reserved,
}

impl BlockReason {
    /// A short, stable word for message keys and logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Scheme => "scheme",
            Self::UserInfo => "user-info",
            Self::NoHost => "no-host",
            Self::Port => "port",
            Self::TooManyRedirects => "too-many-redirects",
            Self::LocalName => "local-name",
            Self::ThisHost => "this-host",
            Self::Private => "private",
            Self::Shared => "shared",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Benchmark => "benchmark",
            Self::FakeIp => "fake-ip",
            Self::Documentation => "documentation",
            Self::Multicast => "multicast",
            Self::Teredo => "teredo",
            Self::Reserved => "reserved",
        }
    }

    /// Whether the address itself was the reason, so that `[network] allow_hosts` could permit it.
    pub fn is_address(self) -> bool {
        !matches!(self, Self::Scheme | Self::UserInfo | Self::NoHost | Self::Port | Self::TooManyRedirects)
    }
}

impl fmt::Display for BlockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "only http and https are fetched",
            Self::UserInfo => "the url carries a user name or password",
            Self::NoHost => "the url has no host",
            Self::Port => "port 0 can't be dialled",
            Self::TooManyRedirects => "too many redirects",
            Self::LocalName => "the name belongs to a private network",
            Self::ThisHost => "it is this host",
            Self::Private => "it is a private address",
            Self::Shared => "it is a shared carrier address",
            Self::Loopback => "it is a loopback address",
            Self::LinkLocal => "it is a link-local address",
            Self::Benchmark => "it is a benchmark address (198.18.0.0/15)",
            Self::FakeIp => {
                "the name resolves into 198.18.0.0/15, as proxy programs in TUN mode make it \
                 (set [network] allow_fake_ip = true)"
            }
            Self::Documentation => "it is an address for documentation",
            Self::Multicast => "it is a multicast address",
            Self::Teredo => "it is a Teredo tunnel address",
            Self::Reserved => "it is a reserved address",
        })
    }
}
