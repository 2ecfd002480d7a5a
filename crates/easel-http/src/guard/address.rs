//! Which addresses belong to public hosts. Pure; the ranges are those of the IANA special-purpose registries
//! for IPv4 and IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::BlockReason;

/// Whether `address` is one of a public host.
///
/// IPv4 inside IPv6 (mapped, 6to4, NAT64) is judged by the inner address.
///
/// # Errors
/// The range that refuses it.
pub fn is_public(address: IpAddr) -> Result<(), BlockReason> {
    match unwrap_embedded(address) {
        IpAddr::V4(v4) => judge_v4(v4),
        IpAddr::V6(v6) => judge_v6(v6),
    }
}

/// The IPv4 address that an IPv6 one really leads to, where it is mapped, 6to4 or NAT64; else the same.
pub(crate) fn unwrap_embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let from_halves = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        // ::ffff:0:0/96, 64:ff9b::/96 of RFC 6052, and 2002::/16 of RFC 3056.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => from_halves(high, low),
        _ => address,
    }
}

/// Whether `address` lies in 198.18.0.0/15, from which proxy programs in TUN mode answer every name.
pub(crate) fn is_fake_ip(address: IpAddr) -> bool {
    matches!(unwrap_embedded(address), IpAddr::V4(v4) if matches!(v4.octets(), [198, 18 | 19, ..]))
}

fn judge_v4(address: Ipv4Addr) -> Result<(), BlockReason> {
    Err(match address.octets() {
        [0, ..] => BlockReason::ThisHost,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => BlockReason::Private,
        [100, 64..=127, ..] => BlockReason::Shared,
        [127, ..] => BlockReason::Loopback,
        [169, 254, ..] => BlockReason::LinkLocal,
        [198, 18 | 19, ..] => BlockReason::Benchmark,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => BlockReason::Documentation,
        [224..=239, ..] => BlockReason::Multicast,
        // Protocol assignments, the old 6to4 relays, and class E with the broadcast address.
        [192, 0, 0, _] | [192, 88, 99, _] | [240..=255, ..] => BlockReason::Reserved,
        _ => return Ok(()),
    })
}

fn judge_v6(address: Ipv6Addr) -> Result<(), BlockReason> {
    if address.is_unspecified() {
        return Err(BlockReason::ThisHost);
    }
    if address.is_loopback() {
        return Err(BlockReason::Loopback);
    }
    let [first, second, ..] = address.segments();
    Err(match (first, second) {
        (0xfc00..=0xfdff, _) => BlockReason::Private,
        (0xfe80..=0xfebf, _) => BlockReason::LinkLocal,
        (0xff00.., _) => BlockReason::Multicast,
        (0x2001, 0) => BlockReason::Teredo,
        (0x2001, 0x0db8) | (0x3fff, 0..=0x0fff) => BlockReason::Documentation,
        // 2001::/23 holds protocol assignments; nothing outside 2000::/3 is given to hosts.
        (0x2001, 0..=0x01ff) | (0..=0x1fff | 0x4000.., _) => BlockReason::Reserved,
        _ => return Ok(()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use BlockReason::{
        Benchmark, Documentation, LinkLocal, Loopback, Multicast, Private, Reserved, Shared, Teredo, ThisHost,
    };

    #[track_caller]
    fn check(address: &str, expected: Result<(), BlockReason>) {
        assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
    }

    #[test]
    fn ipv4_ranges_from_edge_to_edge() {
        check("0.0.0.0", Err(ThisHost));
        check("0.255.255.255", Err(ThisHost));
        check("1.0.0.0", Ok(()));
        check("9.255.255.255", Ok(()));
        check("10.0.0.0", Err(Private));
        check("10.255.255.255", Err(Private));
        check("11.0.0.0", Ok(()));
        check("100.63.255.255", Ok(()));
        check("100.64.0.0", Err(Shared));
        check("100.127.255.255", Err(Shared));
        check("100.128.0.0", Ok(()));
        check("126.255.255.255", Ok(()));
        check("127.0.0.1", Err(Loopback));
        check("127.255.255.255", Err(Loopback));
        check("169.254.169.254", Err(LinkLocal));
        check("172.15.255.255", Ok(()));
        check("172.16.0.0", Err(Private));
        check("172.31.255.255", Err(Private));
        check("172.32.0.0", Ok(()));
        check("192.0.0.8", Err(Reserved));
        check("192.0.2.1", Err(Documentation));
        check("192.88.99.1", Err(Reserved));
        check("192.168.0.0", Err(Private));
        check("192.168.255.255", Err(Private));
        check("198.17.255.255", Ok(()));
        check("198.18.0.0", Err(Benchmark));
        check("198.19.255.255", Err(Benchmark));
        check("198.20.0.0", Ok(()));
        check("198.51.100.7", Err(Documentation));
        check("203.0.113.7", Err(Documentation));
        check("223.255.255.255", Ok(()));
        check("224.0.0.1", Err(Multicast));
        check("239.255.255.255", Err(Multicast));
        check("240.0.0.0", Err(Reserved));
        check("255.255.255.255", Err(Reserved));
    }

    #[test]
    fn ipv6_ranges() {
        check("::", Err(ThisHost));
        check("::1", Err(Loopback));
        check("::2", Err(Reserved));
        check("::127.0.0.1", Err(Reserved));
        check("100::1", Err(Reserved));
        check("fc00::1", Err(Private));
        check("fdfe:dcba:9876::1", Err(Private));
        check("fe80::1", Err(LinkLocal));
        check("fec0::1", Err(Reserved));
        check("ff02::1", Err(Multicast));
        check("2001::1", Err(Teredo));
        check("2001:2::1", Err(Reserved));
        check("2001:1ff::1", Err(Reserved));
        check("2001:200::1", Ok(()));
        check("2001:db8::1", Err(Documentation));
        check("3fff:fff::1", Err(Documentation));
        check("3fff:1000::1", Ok(()));
        check("4000::1", Err(Reserved));
        check("5f00::1", Err(Reserved));
        check("64:ff9b:1::a00:1", Err(Reserved));
        check("2606:4700:4700::1111", Ok(()));
        check("240e::1", Ok(()));
    }

    #[test]
    fn ipv4_inside_ipv6_is_judged_by_the_inner_address() {
        check("::ffff:127.0.0.1", Err(Loopback));
        check("::ffff:192.168.1.1", Err(Private));
        check("::ffff:8.8.8.8", Ok(()));
        check("64:ff9b::169.254.169.254", Err(LinkLocal));
        check("64:ff9b::8.8.8.8", Ok(()));
        check("2002:7f00:1::", Err(Loopback));
        check("2002:a00:1::1", Err(Private));
        check("2002:808:808::1", Ok(()));
    }

    proptest! {
        /// However an IPv4 address is wrapped, the verdict is the same.
        #[test]
        fn wrapping_never_changes_the_verdict(bits: u32, tail: [u16; 5]) {
            let v4 = Ipv4Addr::from_bits(bits);
            let verdict = is_public(IpAddr::V4(v4));
            let (high, low) = ((bits >> 16) as u16, (bits & 0xffff) as u16);
            let mapped = v4.to_ipv6_mapped();
            let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low);
            let sixtofour = Ipv6Addr::new(0x2002, high, low, tail[0], tail[1], tail[2], tail[3], tail[4]);
            for wrapped in [mapped, nat64, sixtofour] {
                prop_assert_eq!(is_public(IpAddr::V6(wrapped)), verdict);
            }
        }

        /// The standard library's own idea of special addresses is never wider than ours.
        #[test]
        fn nothing_that_std_calls_special_passes(bits: u32, wide: u128) {
            let v4 = Ipv4Addr::from_bits(bits);
            if v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast()
                || v4.is_documentation() || v4.is_multicast() || v4.is_unspecified() {
                prop_assert!(is_public(IpAddr::V4(v4)).is_err());
            }
            let v6 = Ipv6Addr::from_bits(wide);
            let outside = wide >> 125 != 1;
            if outside && unwrap_embedded(IpAddr::V6(v6)).is_ipv6() {
                prop_assert!(is_public(IpAddr::V6(v6)).is_err());
            }
        }
    }
}
