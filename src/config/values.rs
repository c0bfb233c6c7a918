//! How single values are read from text, and the secret that does not show.

use std::{fmt, net::IpAddr, time::Duration};

/// A password or token; `Debug` hides it.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// `10s`, `500ms`, `5m` or `24h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let wanted = || format!("a time such as 10s, 500ms, 5m or 24h is wanted, {text:?} came");
    let number: u64 = number.parse().map_err(|_| wanted())?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    };
    // A year: beyond it a limit is none, and clocks overflow.
    milliseconds.filter(|time| *time <= 31_536_000_000).map(Duration::from_millis).ok_or_else(wanted)
}

/// `50000-50100`.
pub fn port_range(text: &str) -> Result<(u16, u16), String> {
    let wanted = || format!("a range of ports such as 50000-50100 is wanted, {text:?} came");
    let (low, high) = text.split_once('-').ok_or_else(wanted)?;
    let (low, high) = (low.trim().parse().map_err(|_| wanted())?, high.trim().parse().map_err(|_| wanted())?);
    if low == 0 || low > high { Err(wanted()) } else { Ok((low, high)) }
}

/// `1`, `true`, `yes`, `on` and their opposites.
pub fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("true or false is wanted, {text:?} came")),
    }
}

/// A number of any size that fits.
pub fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("a whole number in range is wanted, {text:?} came"))
}

/// An IPv4 or IPv6 address.
pub fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("an IP address is wanted, {text:?} came"))
}

/// `turn:user:password@host:port` as a server of the static list.
pub fn turn_url(text: &str) -> Result<super::IceServer, String> {
    let wanted = "turn:user:password@host:port is wanted";
    let (scheme, rest) = text.split_once(':').ok_or(wanted)?;
    let (user, host) = rest.rsplit_once('@').ok_or(wanted)?;
    let (username, credential) = user.split_once(':').ok_or(wanted)?;
    if !["turn", "turns"].contains(&scheme) || username.is_empty() || credential.is_empty() || host.is_empty()
    {
        return Err(wanted.into());
    }
    Ok(super::IceServer {
        urls: vec![format!("{scheme}:{host}")],
        username: Some(username.to_owned()),
        credential: Some(Secret(credential.to_owned())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit_and_refused_without() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("24h"), Ok(Duration::from_hours(24)));
        for text in ["", "10", "s", "-1s", "1d", "99999999999999999999s", "999999999h", "1.5s", "ä"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_range_has_two_ends_in_order() {
        assert_eq!(port_range("50000-50100"), Ok((50000, 50100)));
        for text in ["50000", "2-1", "0-5", "1-70000", "a-b"] {
            assert!(port_range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_turn_url_brings_its_credential_and_hides_it() {
        let server = turn_url("turn:me:se:cret@host:3478").unwrap();

        assert_eq!(server.urls, ["turn:host:3478"]);
        assert_eq!(server.credential.as_ref().unwrap().expose(), "se:cret");
        assert!(!format!("{server:?}").contains("cret\""));
        assert!(turn_url("turn:host:3478").is_err());
    }
}
