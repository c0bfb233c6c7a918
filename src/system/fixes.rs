//! Whether the system's packages have the security fixes that Scope knows of.
//!
//! One table, `fixes.txt`, which `.docker/fixes` reads at the image's build too. Runs short commands of dpkg on the caller's
//! thread, so it blocks; it must never claim a fix that neither the table nor the package's changelog names.

use std::{
    fmt,
    path::Path,
    process::{Command, Stdio},
};

const TABLE: &str = include_str!("fixes.txt");
const OS_RELEASE: &str = "/etc/os-release";

/// One fix and what is known of it on this system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    subject: String,
    names: Vec<&'static str>,
    state: State,
}

/// Whether a fix is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The build is as new as the oldest one with it, or its changelog names it.
    Present,
    /// The build is older.
    Missing {
        /// The oldest build with it, if the release has one.
        fixed: Option<&'static str>,
    },
    /// Neither table nor changelog say.
    Unknown,
}

impl Fix {
    /// Whether it is there.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What to do about it; `None` if it is there.
    pub fn advice(&self) -> Option<String> {
        let names = self.names.join(", ");
        match &self.state {
            State::Present => None,
            State::Missing { fixed: Some(fixed) } => Some(format!(
                "upgrade to {fixed} or newer: apt-get update && apt-get upgrade, with Debian's security repository"
            )),
            State::Missing { fixed: None } => Some(format!(
                "no build of this release is known to fix {names}; use Debian 12 where strangers reach the server \
                 (.docker/README.md)"
            )),
            State::Unknown => {
                Some(format!("look for {names} in the changelog of your system's gst-plugins-bad"))
            }
        }
    }
}

impl fmt::Display for Fix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, names, state } = self;
        let names = names.join(", ");
        match state {
            State::Present => write!(formatter, "{subject} has the fixes of {names}"),
            State::Missing { .. } => write!(formatter, "{subject} lacks the fixes of {names}"),
            State::Unknown => write!(formatter, "unknown whether {subject} has the fixes of {names}"),
        }
    }
}

/// Looks at every fix that concerns this system.
pub fn look() -> Vec<Fix> {
    let os = std::fs::read_to_string(OS_RELEASE).unwrap_or_default();
    find(&os, installed, changelog_names)
}

/// Logs each fix that is missing as a warning, and what is unknown as information.
pub fn log() {
    for fix in look() {
        match (fix.state(), fix.advice()) {
            (State::Missing { .. }, Some(advice)) => tracing::warn!("{fix}; {advice}"),
            (State::Unknown, Some(advice)) => tracing::info!("{fix}; {advice}"),
            _ => {}
        }
    }
}

/// A row of the table.
struct Row {
    release: &'static str,
    package: &'static str,
    lacking: &'static str,
    fixed: Option<&'static str>,
    names: Vec<&'static str>,
}

fn rows() -> impl Iterator<Item = Row> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let [release, package, lacking, fixed, names] = columns[..] else {
            panic!("fixes.txt has rows of five columns, got {line:?}");
        };
        let fixed = (fixed != "-").then_some(fixed);
        Row { release, package, lacking, fixed, names: names.split(',').collect() }
    })
}

/// `installed` gives a package's version, if dpkg has it; `named` says whether its changelog has a word.
fn find(
    os_release: &str,
    installed: impl Fn(&str) -> Option<String>,
    named: impl Fn(&str, &str) -> bool,
) -> Vec<Fix> {
    let field = |name| {
        let value = os_release.lines().find_map(|line| line.strip_prefix(name))?;
        Some(value.trim_matches('"'))
    };
    let release = field("VERSION_ID=").filter(|_| field("ID=") == Some("debian"));
    let own: Vec<_> = rows().filter(|row| Some(row.release) == release).collect();
    if own.is_empty() {
        let mut others: Vec<_> = rows().flat_map(|row| row.names).collect();
        others.sort_unstable();
        others.dedup();
        let subject = format!("gst-plugins-bad of {}", field("PRETTY_NAME=").unwrap_or("this system"));
        return vec![Fix { subject, names: others, state: State::Unknown }];
    }
    let judge = |row: Row| {
        let version = installed(row.package);
        row.judge(version, &named)
    };
    own.into_iter().map(judge).collect()
}

impl Row {
    fn judge(self, version: Option<String>, named: impl Fn(&str, &str) -> bool) -> Fix {
        let Self { package, lacking, fixed, names, .. } = self;
        let Some(version) = version else {
            let subject = format!("{package}, which dpkg does not know,");
            return Fix { subject, names, state: State::Unknown };
        };
        let subject = format!("{package} {version}");
        let state = if fixed.is_some_and(|fixed| compare(&version, "ge", fixed)) {
            State::Present
        } else if compare(&version, "le", lacking) {
            State::Missing { fixed }
        } else if names.iter().all(|name| named(package, name)) {
            State::Present
        } else {
            State::Unknown
        };
        Fix { subject, names, state }
    }
}

fn installed(package: &str) -> Option<String> {
    let output = Command::new("dpkg-query")
        .args(["-W", "-f", "${Version}", package])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !version.is_empty()).then_some(version)
}

/// Debian's order of versions, which dpkg alone knows.
fn compare(version: &str, relation: &str, other: &str) -> bool {
    succeeds(Command::new("dpkg").args(["--compare-versions", version, relation, other]))
}

/// Slim images leave the changelog out: then it names nothing.
fn changelog_names(package: &str, name: &str) -> bool {
    let changelog = Path::new("/usr/share/doc").join(package).join("changelog.Debian.gz");
    succeeds(Command::new("zgrep").args(["-q", "-F", "-w", name]).arg(changelog))
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOKWORM: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n";
    const TRIXIE: &str = "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\nVERSION_ID=\"13\"\n";

    /// The only finding, on a host without changelogs.
    fn of(os_release: &str, version: Option<&str>) -> Fix {
        let mut found = find(os_release, |_| version.map(str::to_owned), |_, _| false);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    #[test]
    fn a_build_is_judged_by_the_row_of_its_release() {
        let old = of(BOOKWORM, Some("1.22.0-4+deb12u7"));
        let new = of(BOOKWORM, Some("1.22.0-4+deb12u8"));
        let hopeless = of(TRIXIE, Some("1.26.2-3+deb13u3"));

        assert_eq!(*old.state(), State::Missing { fixed: Some("1.22.0-4+deb12u8") });
        assert_eq!(
            old.to_string(),
            "gstreamer1.0-plugins-bad 1.22.0-4+deb12u7 lacks the fixes of CVE-2026-14935, CVE-2026-59692"
        );
        assert!(old.advice().unwrap().contains("upgrade to 1.22.0-4+deb12u8"));
        assert_eq!((new.state(), new.advice()), (&State::Present, None));
        assert_eq!(*hopeless.state(), State::Missing { fixed: None });
        assert!(hopeless.advice().unwrap().contains("use Debian 12"));
    }

    #[test]
    fn what_nobody_has_looked_at_is_unknown_and_not_claimed() {
        let newer = of(TRIXIE, Some("1.26.2-3+deb13u4"));
        let ubuntu = of("PRETTY_NAME=\"Ubuntu 24.04\"\nID=ubuntu\nVERSION_ID=\"12\"\n", None);
        let sid = of("PRETTY_NAME=\"Debian GNU/Linux forky/sid\"\nID=debian\n", None);
        let own = of(BOOKWORM, None);

        for fix in [newer, ubuntu, sid, own] {
            assert_eq!(*fix.state(), State::Unknown);
            assert!(fix.to_string().starts_with("unknown whether gst"), "{fix}");
            assert!(fix.advice().unwrap().contains("CVE-2026-14935, CVE-2026-59692"));
        }
    }

    #[test]
    fn a_newer_build_is_believed_by_its_changelog() {
        let newer = |named: fn(&str, &str) -> bool| {
            find(TRIXIE, |_| Some("1.26.2-3+deb13u4".to_owned()), named)[0].state().clone()
        };
        let older = find(TRIXIE, |_| Some("1.26.2-3+deb13u2".to_owned()), |_, _| true)[0].state().clone();

        assert_eq!(newer(|_, _| true), State::Present);
        assert_eq!(newer(|_, name| name == "CVE-2026-14935"), State::Unknown);
        assert_eq!(older, State::Missing { fixed: None });
    }

    #[test]
    fn no_row_calls_one_build_both_fixed_and_lacking() {
        for row in rows() {
            assert!(!row.names.is_empty());
            assert!(row.fixed.is_none_or(|fixed| compare(row.lacking, "lt", fixed)), "{}", row.package);
        }
    }
}
