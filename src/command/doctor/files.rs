//! Files and programs: certificates, pipelines, recordings, graphviz, Python. Blocks for a moment.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::finding::{Finding, Status};
use crate::{
    app,
    config::Config,
    recordings,
    stage::{self, Catalog},
    tls::{self, Certificate},
};

/// Let's Encrypt certificates are renewed 30 days before they expire: at half of that, renewal is not working.
const SOON: SignedDuration = SignedDuration::from_hours(15 * 24);

/// Certificates, pipelines, recordings, graphviz, Python.
pub fn check(config: &Config) -> Vec<Finding> {
    let mut findings = vec![certificate(&config.server.certificate)];
    findings.extend(pipelines(&config.pipelines));
    findings.push(recordings(&config.recordings.folder));
    let path = std::env::var_os("PATH").unwrap_or_default();
    findings.push(program(&path, "dot", "graphviz", "draws …/graph.svg", "graphviz"));
    findings.push(program(&path, "python3", "python", "runs pipelines written in Python", "python3"));
    findings
}

fn certificate(certificate: &Certificate) -> Finding {
    let (cert, key) = match certificate {
        Certificate::None => {
            return Finding::ok(
                "https",
                "off; browsers give no camera to a plain-HTTP page other than localhost",
            );
        }
        Certificate::SelfSigned => {
            return Finding::ok("https", "a self-signed certificate, kept for a year; browsers warn once");
        }
        Certificate::Files { cert, key } => (cert, key),
    };
    if let Err(error) = tls::from_files(cert, key) {
        let advice =
            "set SCOPE_TLS_CERT and SCOPE_TLS_KEY to a matching pair of PEM files that this user can read";
        return Finding::fail("https", error.to_string(), advice);
    }
    let finding = match tls::validity(cert) {
        Ok((from, until)) => valid(from, until, Timestamp::now()),
        Err(error) => Finding::warn("https", error.to_string(), "check that it is an X.509 certificate"),
    };
    if finding.status == Status::Ok && !tls::is_private(key) {
        let found = format!("every local user can read the private key {}", key.display());
        return Finding::warn("https", found, format!("chmod 600 {}", key.display()));
    }
    finding
}

fn valid(from: Timestamp, until: Timestamp, now: Timestamp) -> Finding {
    let day = |time: Timestamp| time.strftime("%F").to_string();
    if now < from {
        let found = format!("the certificate is not valid before {}", day(from));
        return Finding::fail("https", found, "check this host's clock, then the certificate");
    }
    if until <= now {
        return Finding::fail("https", format!("the certificate expired on {}", day(until)), "renew it");
    }
    let found = format!("the certificate is valid until {}", day(until));
    if until.duration_since(now) < SOON {
        return Finding::warn("https", found, "renew it; a running server takes the new files by itself");
    }
    Finding::ok("https", found)
}

fn pipelines(pipelines: &stage::Settings) -> Vec<Finding> {
    let mut findings: Vec<_> = pipelines.dirs.iter().flat_map(|dir| folder(dir, pipelines)).collect();
    if findings.is_empty() {
        findings.push(Finding::ok("pipelines", "the built-in ones; no folder is configured"));
    }
    let catalog = Catalog::read(&pipelines.dirs, &app::kinds(pipelines));
    if let (Ok(catalog), Some(id)) = (catalog, &pipelines.default)
        && let Err(error) = catalog.get(id)
    {
        findings.push(Finding::fail("default pipeline", error.to_string(), "set PIPELINE to one that works"));
    }
    findings
}

fn folder(dir: &PathBuf, pipelines: &stage::Settings) -> Vec<Finding> {
    let place = dir.display();
    let catalog = match Catalog::read(std::slice::from_ref(dir), &app::kinds(pipelines)) {
        Ok(catalog) => catalog,
        Err(error) => {
            let advice = "make it a folder that this user can read, or remove it from SCOPE_PIPELINES";
            return vec![Finding::fail("pipelines", format!("{place}: {error}"), advice)];
        }
    };
    let all = catalog.schemas();
    let broken = all.iter().filter_map(|(id, schema)| {
        let error = schema.schema_error.as_ref()?.trim().replace('\n', " ");
        let advice = format!("correct {place}/{id}/pipeline.toml");
        Some(Finding::fail("pipelines", format!("{id}: {error}"), advice))
    });
    let mut findings: Vec<_> = broken.collect();
    let good = all.len() - findings.len();
    findings
        .insert(0, Finding::ok("pipelines", format!("{place}: {good} can run, including the built-in ones")));
    findings
}

fn recordings(folder: &Path) -> Finding {
    let place = folder.display();
    match recordings::exposed(folder) {
        Some(mode) => Finding::warn(
            "recordings",
            format!("other users may look into {place} (mode {mode:o})"),
            format!("chmod 700 {place}"),
        ),
        None => Finding::ok("recordings", format!("{place} is for this user alone")),
    }
}

fn program(path: &std::ffi::OsStr, name: &str, title: &str, purpose: &str, package: &str) -> Finding {
    let found = std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| is_program(file));
    if let Some(file) = found {
        return Finding::ok(title, format!("{} {purpose}", file.display()));
    }
    let advice = format!("apt-get install {package}");
    Finding::warn(title, format!("{name} is not installed; it {purpose}"), advice)
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_judged_by_its_dates() {
        let day = |day: i64| Timestamp::from_second(day * 86_400).unwrap();
        let status = |now| valid(day(100), day(200), day(now)).status;

        assert_eq!(status(99), Status::Fail);
        assert_eq!(status(150), Status::Ok);
        assert_eq!(status(190), Status::Warn);
        assert_eq!(status(200), Status::Fail);
    }

    #[test]
    fn a_folder_of_recordings_that_others_may_enter_is_told() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let with_mode = |mode| {
            std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            recordings(dir.path())
        };

        assert_eq!(with_mode(0o700).status, Status::Ok);
        let finding = with_mode(0o755);
        assert_eq!(finding.status, Status::Warn);
        assert!(finding.found.contains("mode 755"), "{}", finding.found);
    }

    #[test]
    fn a_program_is_searched_in_the_path() {
        let status = |path: &str| program(path.as_ref(), "sh", "shell", "runs", "dash").status;

        assert_eq!(status("/nowhere:/bin"), Status::Ok);
        assert_eq!(status("/nowhere"), Status::Warn);
    }
}
