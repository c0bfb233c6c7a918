//! One result of a check, and how it is printed.

use serde::Serialize;

/// Width of the names' column; a longer name shifts its line.
const NAME_COLUMN: usize = 18;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing to do.
    Ok,
    /// The server works, but something in it will not.
    Warn,
    /// The server does not start, or what was configured does not work.
    Fail,
}

/// One result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it ended.
    pub status: Status,
    /// What was looked at.
    pub name: String,
    /// What was found, as part of a sentence.
    pub found: String,
    /// What to do about it.
    #[serde(rename = "do")]
    pub advice: Option<String>,
    /// Whether something has to be installed.
    pub missing: bool,
}

impl Finding {
    /// Nothing to do.
    pub fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        let (name, found) = (name.into(), found.into());
        Self { status: Status::Ok, name, found, advice: None, missing: false }
    }

    /// Something will not work.
    pub fn warn(name: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { status: Status::Warn, advice: Some(advice.into()), ..Self::ok(name, found) }
    }

    /// The server does not start, or what was configured does not work.
    pub fn fail(name: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { status: Status::Fail, ..Self::warn(name, found, advice) }
    }

    /// The same, because something is not installed.
    pub fn missing(name: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { missing: true, ..Self::fail(name, found, advice) }
    }

    /// One line, and another with what to do.
    pub fn text(&self) -> String {
        let word = match self.status {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "fail",
        };
        let line = format!("{word:4}  {:NAME_COLUMN$}  {}\n", self.name, self.found);
        self.advice.iter().fold(line, |lines, advice| lines + "      → " + advice + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_finding_and_one_for_what_to_do() {
        assert_eq!(Finding::ok("clock", "is sane").text(), "ok    clock               is sane\n");
        let text = Finding::missing("elements", "webrtcbin is missing", "apt-get install x").text();
        assert_eq!(text, "fail  elements            webrtcbin is missing\n      → apt-get install x\n");
    }
}
