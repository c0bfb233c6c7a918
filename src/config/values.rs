//! How single values are read from text.

use std::{net::IpAddr, str::FromStr, time::Duration};

use crate::{frame::MaxFrame, turn::IceServer};

/// The value that goes by the name `text`.
pub fn choice<T>(text: &str, known: impl IntoIterator<Item = (impl Into<String>, T)>) -> Result<T, String> {
    let mut names = Vec::new();
    for (name, value) in known {
        let name = name.into();
        if name == text {
            return Ok(value);
        }
        names.push(name);
    }
    let last = names.pop().unwrap_or_default();
    Err(format!("expected {} or {last}, got {text:?}", names.join(", ")))
}

/// The parts of a comma-separated list.
pub fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty())
}

/// Each part of a comma-separated list as `read` understands it; else what is wrong with all parts.
pub fn each<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let mut faults = Vec::new();
    let values = list(text).filter_map(|one| read(one).map_err(|fault| faults.push(fault)).ok()).collect();
    if faults.is_empty() { Ok(values) } else { Err(faults.join("; ")) }
}

/// `10s`, `500ms`, `5m` or `24h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let fault = || format!("expected a time such as 10s, 500ms, 5m or 24h, got {text:?}");
    let number: u64 = number.parse().map_err(|_| fault())?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    };
    // A year: clocks overflow beyond it.
    milliseconds.filter(|time| *time <= 31_536_000_000).map(Duration::from_millis).ok_or_else(fault)
}

/// `50000-50100`.
pub fn port_range(text: &str) -> Result<(u16, u16), String> {
    let fault = || format!("expected a range of ports such as 50000-50100, got {text:?}");
    let (low, high) = text.split_once('-').ok_or_else(fault)?;
    let (low, high) = (low.trim().parse().map_err(|_| fault())?, high.trim().parse().map_err(|_| fault())?);
    if low == 0 || low > high { Err(fault()) } else { Ok((low, high)) }
}

/// `4096x2304`.
pub fn frame_size(text: &str) -> Result<MaxFrame, String> {
    let sides =
        text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    let max = sides.and_then(|(width, height)| MaxFrame::new(width, height));
    max.ok_or_else(|| format!("expected a size such as 4096x2304, of sides from 1 to 8192, got {text:?}"))
}

/// `1`, `true`, `yes`, `on` and their opposites.
pub fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("expected true or false, got {text:?}")),
    }
}

/// A whole number that fits into `T`.
pub fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("expected a whole number in range, got {text:?}"))
}

/// A number of bytes; `None` for `auto`.
pub fn bytes_or_auto(text: &str) -> Result<Option<u64>, String> {
    if text == "auto" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| format!("expected auto or a number of bytes, got {text:?}"))
}

/// A whole number that fits into `T`, of at least 1.
pub fn positive<T: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| *number >= T::from(1));
    number.ok_or_else(|| format!("expected a whole number of at least 1, got {text:?}"))
}

/// An IPv4 or IPv6 address.
pub fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("expected an IP address, got {text:?}"))
}

/// `turn:user:password@host:port` as a server of the static list.
pub fn turn_url(text: &str) -> Result<IceServer, String> {
    let fault = "expected turn:user:password@host:port"; // without the text, which may hold a password
    let (scheme, rest) = text.split_once(':').ok_or(fault)?;
    let (user, host) = rest.rsplit_once('@').ok_or(fault)?;
    let (username, credential) = user.split_once(':').ok_or(fault)?;
    if !["turn", "turns"].contains(&scheme) || username.is_empty() || credential.is_empty() || host.is_empty()
    {
        return Err(fault.into());
    }
    Ok(IceServer {
        urls: vec![format!("{scheme}:{host}")],
        username: Some(username.to_owned()),
        credential: Some(credential.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_names_its_alternatives() {
        let known = || [("text", 1), ("json", 2), ("none", 3)];

        assert_eq!(choice("json", known()), Ok(2));
        assert_eq!(choice("xml", known()), Err("expected text, json or none, got \"xml\"".into()));
    }

    #[test]
    fn every_part_of_a_list_is_checked() {
        assert_eq!(each(" 1, 2,,", positive::<u16>), Ok(vec![1, 2]));
        let faults = each("a,1,0", positive::<u16>).unwrap_err();
        assert!(faults.contains("\"a\"; ") && faults.contains("\"0\""), "{faults}");
    }

    #[test]
    fn times_are_read_with_their_unit_and_refused_without() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("24h"), Ok(Duration::from_hours(24)));
        for text in ["", "10", "s", "-1s", "1d", "99999999999999999999s", "999999999h", "1.5s", "ä"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_are_a_number_or_auto() {
        assert_eq!(
            (bytes_or_auto("auto"), bytes_or_auto("0"), bytes_or_auto("7")),
            (Ok(None), Ok(Some(0)), Ok(Some(7)))
        );
        assert!(bytes_or_auto("10G").unwrap_err().contains("auto or a number of bytes"));
    }

    #[test]
    fn a_port_range_has_two_ends_in_order() {
        assert_eq!(port_range("50000-50100"), Ok((50000, 50100)));
        for text in ["50000", "2-1", "0-5", "1-70000", "a-b"] {
            assert!(port_range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_frame_size_has_two_sides_within_the_longest() {
        assert_eq!(frame_size("1920x1080").map(|max| max.to_string()), Ok("1920x1080".into()));
        for text in ["", "1920", "0x9", "8193x1", "1920 x 1080", "-1x1"] {
            assert!(frame_size(text).is_err(), "{text}");
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
