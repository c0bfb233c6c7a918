//! Whom limits by subject and by address count. Pure.

use std::net::{IpAddr, Ipv6Addr};

use super::{Caller, Subject};

/// One party: who is known counts by name, others by where they ask from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// Somebody who is known.
    Subject(Subject),
    /// Everybody at an address, as [`network`] gives it.
    Address(IpAddr),
}

impl Caller {
    /// Whom a limit by subject counts it as, a token as the one that minted it; `None` for an operator, and for a stranger behind a proxy on this machine,
    /// whose address is everybody's.
    pub fn party(&self) -> Option<Party> {
        match self.is_known() {
            true if self.is_operator() => None,
            true => Some(Party::Subject(self.subject().account())),
            false => self.network().map(Party::Address),
        }
    }

    /// Whom a limit by address counts it as; `None` for an operator, and for all who come through loopback.
    pub fn network(&self) -> Option<IpAddr> {
        let is_bounded = !(self.is_known() && self.is_operator());
        Some(network(self.from())).filter(|from| is_bounded && !from.is_loopback())
    }
}

/// The client that an address stands for: an IPv6 host has a whole /64 (RFC 4291, section 2.5.4).
pub fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;

    fn of(role: Role, from: &str) -> Caller {
        Caller::new("key:a".into(), "a", role, from.parse().unwrap())
    }

    #[test]
    fn the_known_count_by_name_and_others_by_address() {
        let address = |text: &str| Some(Party::Address(text.parse().unwrap()));
        let nobody = |from: &str| Caller::nobody(from.parse().unwrap());

        assert_eq!(of(Role::User, "203.0.113.1").party(), Some(Party::Subject("key:a".into())));
        assert_eq!(of(Role::User, "::1").party(), Some(Party::Subject("key:a".into())));
        let token = Caller::new(Subject::minted("key:a", "x"), "x", Role::User, [203, 0, 113, 1].into());
        assert_eq!(token.party(), Some(Party::Subject("key:a".into())));
        assert_eq!(nobody("::ffff:203.0.113.1").party(), address("203.0.113.1"));
        assert_eq!(nobody("2001:db8::9").party(), address("2001:db8::"));
        // An open server calls strangers operators.
        assert_eq!(Caller::anybody("203.0.113.1".parse().unwrap()).party(), address("203.0.113.1"));
    }

    #[test]
    fn operators_and_proxies_of_this_machine_are_not_limited() {
        assert_eq!(of(Role::Operator, "203.0.113.1").party(), None);
        assert_eq!(of(Role::Operator, "203.0.113.1").network(), None);
        for loopback in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let from: IpAddr = loopback.parse().unwrap();
            assert_eq!((Caller::nobody(from).party(), of(Role::User, loopback).network()), (None, None));
        }
    }

    #[test]
    fn an_ipv6_network_counts_as_one() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();

        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!((of("::1"), of("::ffff:192.0.2.1")), ("::1".into(), "192.0.2.1".into()));
    }
}
