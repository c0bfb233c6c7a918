//! Who asks: a subject with a role and rights. Pure.

use std::{fmt, net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The subject of all callers of an open server.
const ANYBODY: &str = "anybody";

/// What a caller may do in general.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Operator,
    /// Makes sessions, and does everything with its own.
    User,
    /// Watches what it was given.
    Viewer,
    /// Not known: what is open to all.
    Nobody,
}

impl Role {
    /// The roles that a key can have, by name.
    pub const OF_KEYS: [(&'static str, Self); 3] =
        [("operator", Self::Operator), ("user", Self::User), ("viewer", Self::Viewer)];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::User => "user",
            Self::Viewer => "viewer",
            Self::Nobody => "nobody",
        }
    }

    /// The rights that it brings.
    pub fn rights(self) -> Rights {
        match self {
            Self::Operator | Self::User => Rights::of(&Right::ALL),
            Self::Viewer => Rights::of(&[Right::View]),
            Self::Nobody => Rights::of(&[]),
        }
    }
}

/// One thing to do with a session of one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Making and ending it.
    Publish,
    /// Reading what it does, and its recordings.
    View,
    /// Changing its pipeline, parameters and source.
    Control,
    /// Starting, ending and deleting its recordings.
    Record,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Publish, Self::View, Self::Control, Self::Record];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::View => "view",
            Self::Control => "control",
            Self::Record => "record",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Publish => 1,
            Self::View => 2,
            Self::Control => 4,
            Self::Record => 8,
        }
    }
}

/// A set of rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights(u8);

impl Rights {
    /// These.
    pub fn of(rights: &[Right]) -> Self {
        Self(rights.iter().fold(0, |bits, right| bits | right.bit()))
    }

    /// Whether that one is among them.
    pub fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// Each of them.
    pub fn list(self) -> Vec<Right> {
        Right::ALL.into_iter().filter(|right| self.has(*right)).collect()
    }
}

/// The name under which a caller owns sessions and recordings.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subject(Arc<str>);

impl From<&str> for Subject {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The one who made a request, as far as it is proven.
#[derive(Clone, Debug)]
pub struct Caller {
    subject: Subject,
    name: Arc<str>,
    role: Role,
    rights: Rights,
    from: IpAddr,
}

impl Caller {
    /// Somebody with all rights of a role.
    pub fn new(subject: Subject, name: &str, role: Role, from: IpAddr) -> Self {
        Self { subject, name: name.into(), role, rights: role.rights(), from }
    }

    /// A stranger.
    pub fn nobody(from: IpAddr) -> Self {
        Self::new("nobody".into(), "nobody", Role::Nobody, from)
    }

    /// A caller of an open server: an operator that nobody knows.
    pub fn anybody(from: IpAddr) -> Self {
        Self::new(ANYBODY.into(), ANYBODY, Role::Operator, from)
    }

    /// A person at this machine.
    pub fn local(from: IpAddr) -> Self {
        Self::new("local".into(), "local", Role::Operator, from)
    }

    /// The name under which it owns things.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Its name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// What it may do with its sessions.
    pub fn rights(&self) -> Rights {
        self.rights
    }

    /// The address that it asks from.
    pub fn from(&self) -> IpAddr {
        self.from
    }

    /// Whether the server knows who it is.
    pub fn is_known(&self) -> bool {
        self.role != Role::Nobody && self.subject != ANYBODY.into()
    }

    /// Whether it may do everything.
    pub fn is_operator(&self) -> bool {
        self.role == Role::Operator
    }

    /// Whether it may see and change what `owner` has.
    pub fn owns(&self, owner: &Subject) -> bool {
        self.is_operator() || (self.role != Role::Nobody && self.subject == *owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_role_brings_its_rights() {
        assert_eq!(Role::User.rights().list(), Right::ALL);
        assert_eq!(Role::Viewer.rights().list(), [Right::View]);
        assert_eq!(Role::Nobody.rights().list(), []);
    }

    #[test]
    fn one_owns_ones_own_an_operator_all_and_a_stranger_nothing() {
        let of = |name: &str, role| Caller::new(name.into(), name, role, HERE);

        assert!(of("a", Role::User).owns(&"a".into()) && !of("a", Role::User).owns(&"b".into()));
        assert!(of("a", Role::Operator).owns(&"b".into()));
        assert!(!Caller::nobody(HERE).owns(&"nobody".into()));
        assert!(
            of("a", Role::User).is_known()
                && !Caller::anybody(HERE).is_known()
                && !Caller::nobody(HERE).is_known()
        );
    }

    #[test]
    fn names_are_those_on_the_wire() {
        for (name, role) in Role::OF_KEYS {
            assert_eq!((serde_json::to_value(role).unwrap(), role.name()), (name.into(), name));
        }
        for right in Right::ALL {
            assert_eq!(serde_json::to_value(right).unwrap(), right.name());
        }
    }
}
