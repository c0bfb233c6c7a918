//! Who the bearer of an issuer's token is: its claims as a subject with a role and limits. Pure.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::Settings;
use crate::access::caller::{Caller, Limits, Role, Subject, Token};

/// The claims that name a person, the best first (OpenID Connect Core 1.0, section 5.1).
const NAMES: [&str; 4] = ["preferred_username", "name", "email", "sub"];
/// Characters of a name that are shown.
const NAME_LENGTH: usize = 64;

/// The caller with these claims; `None` where they give it no role, or bound it by what cannot be read.
pub fn caller(
    claims: &Map<String, Value>,
    settings: &Settings,
    origin: Option<&str>,
    from: IpAddr,
) -> Option<Caller> {
    let id = claims.get("sub")?.as_str().filter(|id| !id.is_empty())?;
    let role = match &settings.role_claim {
        Some(name) => role(find(claims, name)?)?,
        None => Role::User,
    };
    let limits = match settings.limits_claim.as_deref().and_then(|name| find(claims, name)) {
        Some(limits) => serde_json::from_value::<Limits>(limits.clone()).ok()?,
        None => Limits::default(),
    };
    // Of a token that this server mints alone.
    let limits = Limits { sessions: None, session: None, ..limits };
    if !limits.allows_origin(origin) {
        return None;
    }
    let name = NAMES.into_iter().find_map(|name| claims.get(name)?.as_str()).unwrap_or(id);
    let name: String = name.chars().filter(|letter| !letter.is_control()).take(NAME_LENGTH).collect();
    let expires = claims.get("exp").and_then(Value::as_f64).unwrap_or_default();
    let token = Token { id: id.to_owned(), expires: seconds(expires), limits };
    Some(Caller::new(subject(id), &name, role, from).with_token(token))
}

/// A subject of its own kind; a slash would make it somebody's token.
fn subject(id: &str) -> Subject {
    format!("oidc:{}", id.replace('%', "%25").replace('/', "%2F")).as_str().into()
}

/// A claim by its name, or by a path of names with dots (`realm_access.roles`).
fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let (outer, inner) = name.split_once('.')?;
        find(claims.get(outer)?.as_object()?, inner)
    })
}

/// The greatest of the roles that a claim names.
fn role(claim: &Value) -> Option<Role> {
    let names: Vec<_> = match claim {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        Value::String(one) => one.split(' ').collect(),
        _ => Vec::new(),
    };
    Role::OF_KEYS.into_iter().find(|(name, _)| names.contains(name)).map(|(_, role)| role)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn seconds(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn of(claims: &Value, settings: &Settings) -> Option<Caller> {
        caller(claims.as_object().unwrap(), settings, None, HERE)
    }

    fn claim(name: &str) -> Settings {
        Settings { role_claim: Some(name.into()), limits_claim: Some("limits".into()), ..Settings::default() }
    }

    #[test]
    fn a_subject_is_nobodys_key_and_nobodys_token() {
        let of = |id: &str| of(&json!({"sub": id}), &Settings::default()).unwrap();

        assert_eq!(of("a/b%").subject().to_string(), "oidc:a%2Fb%25");
        assert!(!of("a").owns(of("a/b").subject()) && !of("a").owns(&"key:a".into()));
        assert!(!of("a").may_mint() && of("a").role() == Role::User);
        assert_eq!(of("a").name(), "a");
    }

    #[test]
    fn a_role_is_the_greatest_that_the_claim_names() {
        for (claims, expected) in [
            (json!({"sub": "1", "roles": ["viewer", "operator"]}), Some(Role::Operator)),
            (json!({"sub": "1", "roles": "viewer user"}), Some(Role::User)),
            (json!({"sub": "1", "roles": ["admin"]}), None),
            (json!({"sub": "1", "roles": 1}), None),
            (json!({"sub": "1"}), None),
            (json!({"sub": ""}), None),
            (json!({"roles": "user"}), None),
        ] {
            assert_eq!(of(&claims, &claim("roles")).map(|caller| caller.role()), expected, "{claims}");
        }
        let nested = json!({"sub": "1", "realm_access": {"roles": ["viewer"]}});
        assert_eq!(of(&nested, &claim("realm_access.roles")).unwrap().role(), Role::Viewer);
        let url = json!({"sub": "1", "https://a.example/roles": ["viewer"]});
        assert!(of(&url, &claim("https://a.example/roles")).is_some(), "Auth0's names have dots");
    }

    #[test]
    fn limits_bound_and_unreadable_ones_refuse() {
        let with = |limits: Value| {
            let claims = json!({"sub": "1", "roles": "user", "limits": limits, "exp": 7.5});
            of(&claims, &claim("roles"))
        };

        let caller = with(json!({"pipelines": ["dream"], "max_seconds": 60, "sessions": 1})).unwrap();
        assert!(caller.may_run("dream") && !caller.may_run("pond"));
        let token = caller.token().unwrap();
        assert_eq!((token.limits.max_seconds, token.limits.sessions, token.expires), (Some(60), None, 7));
        assert!(with(json!({"max_seconds": "long"})).is_none() && with(json!("none")).is_none());
        assert!(with(json!({"origins": ["https://app.example.org"]})).is_none(), "from no page");
    }
}
