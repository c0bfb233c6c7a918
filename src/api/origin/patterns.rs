//! Names, origins and frames that the operator trusts, as flags name them. Pure.

use axum::http::HeaderValue;

/// A host name, all names below one, or all names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// `*`
    Any,
    /// `scope.example.org`
    Name(String),
    /// `*.example.org`, without `example.org` itself.
    Below(String),
}

impl HostPattern {
    /// Reads `scope.example.org`, `*.example.org` or `*`.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let lower = text.trim_end_matches('.').to_ascii_lowercase();
        let is_name = |name: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !name.is_empty() && name.bytes().all(plain) && !name.split('.').any(str::is_empty)
        };
        match lower.strip_prefix("*.") {
            Some(domain) if is_name(domain) => Ok(Self::Below(domain.into())),
            None if is_name(&lower) => Ok(Self::Name(lower)),
            Some(_) | None => Err(format!(
                "expected a host name without scheme and port such as scope.example.org, *.example.org or *, \
                 got {text:?}"
            )),
        }
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Name(own) => own == name,
            Self::Below(domain) => {
                name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
        }
    }
}

/// An origin (RFC 6454), or all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginPattern {
    /// `*`
    Any,
    /// As a browser sends it: scheme, host, and the port where it is not the scheme's own.
    Exact(String),
}

impl OriginPattern {
    /// Reads `https://app.example.org`, `http://localhost:5173` or `*`.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let fault = || format!("expected an origin such as https://app.example.org or *, got {text:?}");
        let url = url::Url::parse(text).map_err(|_| fault())?;
        let bare = url.path().trim_matches('/').is_empty()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty();
        if !bare || url.host_str().is_none_or(str::is_empty) || text.contains('*') {
            return Err(fault());
        }
        // `origin()` is opaque for schemes such as `app` or `tauri`, whose pages send scheme and host.
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self::Exact(format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())))
    }

    pub(super) fn matches(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(own) => own.as_bytes() == origin.as_bytes(),
        }
    }
}

/// A source of the directive `frame-ancestors`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameAncestor(String);

impl FrameAncestor {
    /// As the directive has it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads `self`, `https://huggingface.co`, `https://*.hf.space` or `*`.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim_matches('\'') == "self" {
            return Ok(Self("'self'".into()));
        }
        let is_source =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:/*[]".contains(&byte));
        let has_host =
            text.split_once("://").is_some_and(|(scheme, host)| !scheme.is_empty() && !host.is_empty());
        if text == "*" || (has_host && is_source(text)) {
            return Ok(Self(text.into()));
        }
        Err(format!(
            "expected self, an origin such as https://example.org or https://*.example.org, or *, got {text:?}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_as_people_write_them_and_faults_say_what_was_expected() {
        assert_eq!(
            HostPattern::parse("Scope.Example.org."),
            Ok(HostPattern::Name("scope.example.org".into()))
        );
        assert_eq!(HostPattern::parse("*.local"), Ok(HostPattern::Below("local".into())));
        for text in ["https://a", "a:8000", "*a", "a.*", "", "*.", "a..b", "a b"] {
            assert!(HostPattern::parse(text).unwrap_err().contains("expected a host name"), "{text}");
        }
        let origin = |text: &str| OriginPattern::parse(text);
        assert_eq!(
            origin("https://App.example.org/"),
            Ok(OriginPattern::Exact("https://app.example.org".into()))
        );
        assert_eq!(origin("https://a:443"), Ok(OriginPattern::Exact("https://a".into())));
        assert_eq!(origin("tauri://localhost"), Ok(OriginPattern::Exact("tauri://localhost".into())));
        for text in ["app.example.org", "https://a/path", "https://*.a", "https://u@a", "null", ""] {
            assert!(origin(text).unwrap_err().contains("expected an origin"), "{text}");
        }
        let ancestors = |text: &str| FrameAncestor::parse(text).map(|ancestor| ancestor.0);
        assert_eq!(ancestors("self"), Ok("'self'".into()));
        assert_eq!(ancestors("https://*.hf.space"), Ok("https://*.hf.space".into()));
        for text in ["none", "https://a; script-src *", "https://a https://b", "://", ""] {
            assert!(ancestors(text).unwrap_err().contains("expected self"), "{text}");
        }
    }
}
