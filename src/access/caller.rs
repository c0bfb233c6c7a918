//! Who asks: a subject with a role and rights. Pure.

use std::{fmt, net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The subject of a person at this machine.
pub const LOCAL: &str = "local";
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

impl Subject {
    /// That of a token, by its minter's and its own name.
    pub fn minted(minter: &str, id: &str) -> Self {
        Self(format!("{minter}/{id}").into())
    }

    /// The one whose limits count: a token's minter, anybody else itself.
    #[must_use]
    pub fn account(&self) -> Self {
        self.0.split_once('/').map_or_else(|| self.clone(), |(minter, _)| minter.into())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What bounds a token beyond its rights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Ids of the pipelines that it may run; all without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipelines: Option<Vec<String>>,
    /// Origins of the pages that may use it; any without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origins: Option<Vec<String>>,
    /// Seconds that each of its sessions may last; no limit without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_seconds: Option<u32>,
    /// Sessions that it may make; no limit without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u32>,
    /// Another one's session, for which it has its rights too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

impl Limits {
    /// Checks that a browser can send each of the origins (RFC 6454, section 6.2).
    ///
    /// # Errors
    /// A sentence about the first that is none.
    pub fn check_origins(&self) -> Result<(), String> {
        let is_sent = |text: &str| {
            let url = url::Url::parse(text).ok();
            url.is_some_and(|url| {
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                url.host_str().is_some_and(|host| format!("{}://{host}{port}", url.scheme()) == text)
            })
        };
        let wrong = self.origins.iter().flatten().find(|origin| !is_sent(origin));
        wrong.map_or(Ok(()), |wrong| {
            Err(format!(
                "expected origins as browsers send them, such as https://app.example.org, got {wrong:?}"
            ))
        })
    }

    /// Whether a page of that origin may use the token.
    pub fn allows_origin(&self, origin: Option<&str>) -> bool {
        self.origins
            .as_ref()
            .is_none_or(|all| origin.is_some_and(|origin| all.iter().any(|one| one == origin)))
    }
}

/// The token that a caller shows.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its name.
    pub id: String,
    /// When it expires, in seconds since 1970.
    pub expires: u64,
    /// What bounds it.
    pub limits: Limits,
}

/// The one who made a request, as far as it is proven.
#[derive(Clone, Debug)]
pub struct Caller {
    subject: Subject,
    name: Arc<str>,
    role: Role,
    rights: Rights,
    token: Option<Arc<Token>>,
    from: IpAddr,
}

impl Caller {
    /// Somebody with all rights of a role.
    pub fn new(subject: Subject, name: &str, role: Role, from: IpAddr) -> Self {
        Self { subject, name: name.into(), role, rights: role.rights(), token: None, from }
    }

    /// Somebody with a token: a user where it can do more than watch.
    pub fn of_token(subject: Subject, rights: Rights, token: Token, from: IpAddr) -> Self {
        let watches = rights.list().iter().all(|right| *right == Right::View);
        let role = if watches { Role::Viewer } else { Role::User };
        Self { subject, name: token.id.as_str().into(), role, rights, token: Some(Arc::new(token)), from }
    }

    /// The same with a token as its proof, and the limits of that.
    #[must_use]
    pub fn with_token(self, token: Token) -> Self {
        Self { token: Some(Arc::new(token)), ..self }
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
        Self::new(LOCAL.into(), LOCAL, Role::Operator, from)
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

    /// The token that it shows, if that is its proof.
    pub fn token(&self) -> Option<&Token> {
        self.token.as_deref()
    }

    /// Whether it may run a pipeline.
    pub fn may_run(&self, pipeline_id: &str) -> bool {
        let allowed = self.token().and_then(|token| token.limits.pipelines.as_ref());
        allowed.is_none_or(|allowed| allowed.iter().any(|one| one == pipeline_id))
    }

    /// Whether it may make tokens: they are for those who have a key.
    pub fn may_mint(&self) -> bool {
        matches!(self.role, Role::Operator | Role::User) && self.token.is_none() && self.is_known()
    }

    /// Whether its token was made for this session of another one.
    pub fn is_given(&self, session: &str) -> bool {
        self.token().is_some_and(|token| token.limits.session.as_deref() == Some(session))
    }

    /// Whether the server knows who it is.
    pub fn is_known(&self) -> bool {
        self.role != Role::Nobody && self.subject != ANYBODY.into()
    }

    /// Whether it may do everything.
    pub fn is_operator(&self) -> bool {
        self.role == Role::Operator
    }

    /// Whether it may see and change what `owner` has: itself, or one with a token that it minted.
    pub fn owns(&self, owner: &Subject) -> bool {
        let minted = |rest: &str| rest.is_empty() || rest.starts_with('/');
        let is_own = owner.0.strip_prefix(&*self.subject.0).is_some_and(minted);
        self.is_operator() || (self.role != Role::Nobody && is_own)
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
        assert!(of("a", Role::User).owns(&"a/token".into()) && !of("a", Role::User).owns(&"ab".into()));
        assert_eq!(Subject::minted("a", "b").account(), "a".into());
        assert!(!of("a/token", Role::User).owns(&"a".into()) && !of("a", Role::User).owns(&"".into()));
        assert!(!Caller::nobody(HERE).owns(&"nobody".into()));
        assert!(
            of("a", Role::User).is_known()
                && !Caller::anybody(HERE).is_known()
                && !Caller::nobody(HERE).is_known()
        );
    }

    #[test]
    fn an_origin_is_what_browsers_send() {
        let check =
            |origin: &str| Limits { origins: Some(vec![origin.into()]), ..Limits::default() }.check_origins();

        for origin in ["https://app.example.org", "http://localhost:5173", "http://[::1]:80001", "app://-"] {
            assert_eq!(check(origin).is_ok(), !origin.contains("80001"), "{origin}");
        }
        for origin in
            ["https://app.example.org/", "app.example.org", "*", "https://App.example.org", "null", ""]
        {
            assert!(check(origin).unwrap_err().contains("expected origins"), "{origin}");
        }
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
