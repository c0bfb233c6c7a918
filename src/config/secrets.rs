//! Secrets in files of their own, and what is told where a secret is open to other users of the host.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    os::unix::fs::PermissionsExt,
};

use super::{
    Warning,
    keys::{KEYS, Key},
};

/// Longest secret file: a token has some hundred bytes.
const MAX_BYTES: u64 = 64 << 10;
/// Permission bits: written by the group or others, read by others. A group may read, as `root:scope 0640` does.
const WRITABLE: u32 = 0o022;
const READABLE: u32 = 0o004;

/// The value of a key's variable, or of the file that the other variable of a secret names; and the variable's name.
pub fn variable(
    environment: &BTreeMap<String, String>,
    key: &Key,
    warnings: &mut Vec<Warning>,
) -> Option<(String, Result<String, String>)> {
    let value = environment.get(key.env);
    let name = key.file_env();
    let Some(path) = environment.get(&name).filter(|_| key.is_secret()) else {
        return value.map(|value| (key.env.to_owned(), Ok(value.clone())));
    };
    if value.is_some() {
        return Some((name, Err(format!("expected it or {}, got both; remove one", key.env))));
    }
    let secret = read(path).map(|(secret, warning)| {
        warnings.extend(warning);
        secret
    });
    Some((name, secret))
}

/// The secret in a file, without the line feed at its end, and what to warn of.
///
/// # Errors
/// It cannot be read, is empty, or others may write it.
fn read(path: &str) -> Result<(String, Option<Warning>), String> {
    let fault = |error: std::io::Error| format!("{path}: {error}");
    let file = File::open(path).map_err(fault)?;
    let mode = file.metadata().map_err(fault)?.permissions().mode() & 0o777;
    if mode & WRITABLE != 0 {
        return Err(format!("{path}: other users may write it (mode {mode:o}); chmod 600 {path}"));
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(fault)?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(format!("{path}: expected a secret, got an empty file"));
    }
    Ok((secret.to_owned(), is_readable(mode).then(|| open_file(path, mode))))
}

/// What to warn of where the configuration file holds a secret, or a server's credential.
pub fn check_file(path: &str, table: &toml::Table) -> Option<Warning> {
    let secret = |name: &String| KEYS.iter().any(|key| key.is_secret() && key.name == name);
    if !table.contains_key("ice_servers") && !table.keys().any(secret) {
        return None;
    }
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    is_readable(mode).then(|| open_file(path, mode))
}

/// What to warn of where a secret came by a flag.
pub fn by_flag(key: &Key) -> Warning {
    let Key { env, .. } = key;
    Warning {
        found: format!("--{} shows its secret to every user of this host (ps)", key.flag()),
        advice: format!("set {env} or {env}_FILE in its place, and change the secret"),
    }
}

fn is_readable(mode: u32) -> bool {
    mode & READABLE != 0
}

fn open_file(path: &str, mode: u32) -> Warning {
    Warning {
        found: format!("every user of this host may read {path} (mode {mode:o}), which holds a secret"),
        advice: format!("chmod 600 {path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Outcome, load};

    fn outcome(args: &[&str], environment: &[(&str, &str)]) -> Outcome {
        let args = std::iter::once("scope").chain(args.iter().copied()).map(Into::into);
        load(args, environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    fn config(args: &[&str], environment: &[(&str, &str)]) -> Config {
        match outcome(args, environment) {
            Outcome::Serve(config) => *config,
            other => panic!("{other:?}"),
        }
    }

    fn faults(environment: &[(&str, &str)]) -> String {
        match outcome(&[], environment) {
            Outcome::Faults(text) => text,
            other => panic!("{other:?}"),
        }
    }

    fn of(text: &str, mode: u32) -> Result<(String, Option<Warning>), String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        read(file.path().to_str().unwrap())
    }

    #[test]
    fn a_secret_is_the_text_of_its_file() {
        assert_eq!(of("hunter2\n", 0o600), Ok(("hunter2".into(), None)));
        assert_eq!(of("hun ter2\r\n", 0o440), Ok(("hun ter2".into(), None)));
    }

    #[test]
    fn what_others_may_do_with_it_is_told() {
        let (_, warning) = of("hunter2", 0o444).unwrap();
        assert!(warning.unwrap().found.contains("mode 444"));
        for mode in [0o620, 0o602, 0o666] {
            let fault = of("hunter2", mode).unwrap_err();
            assert!(fault.contains("other users may write it") && fault.contains("chmod 600"), "{fault}");
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }

    #[test]
    fn a_file_without_a_secret_is_a_fault() {
        assert!(of("\n", 0o600).unwrap_err().contains("empty"));
        assert!(read("/").unwrap_err().contains("directory"));
        assert!(read("/nowhere/secret").unwrap_err().contains("/nowhere/secret"));
    }

    #[test]
    fn a_secret_comes_from_a_file_of_its_own() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hunter2\n").unwrap();
        let path = file.path().to_str().unwrap();
        let urls = ("SCOPE_TURN_URLS", "turn:t.example.org:3478");

        let config = config(&[], &[urls, ("SCOPE_TURN_SECRET_FILE", path), ("HF_TOKEN_FILE", path)]);

        assert_eq!(config.turn.turn_secret.as_ref().unwrap().expose(), "hunter2");
        assert_eq!(config.turn.hf_token.as_ref().unwrap().expose(), "hunter2");
        assert_eq!(config.warnings, []);
        let both = faults(&[urls, ("SCOPE_TURN_SECRET", "x"), ("SCOPE_TURN_SECRET_FILE", path)]);
        assert!(
            both.contains("SCOPE_TURN_SECRET_FILE: expected it or SCOPE_TURN_SECRET, got both"),
            "{both}"
        );
        let none = faults(&[("TWILIO_AUTH_TOKEN_FILE", "/nowhere/token")]);
        assert!(none.contains("TWILIO_AUTH_TOKEN_FILE: /nowhere/token"), "{none}");
    }

    #[test]
    fn a_secret_that_other_users_can_see_is_warned_of() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hf_token = \"hf_x\"\n").unwrap();
        let path = file.path().to_str().unwrap();
        let found = |args: &[&str], environment: &[(&str, &str)]| {
            let found: Vec<_> =
                config(args, environment).warnings.into_iter().map(|warning| warning.found).collect();
            found.join("; ")
        };

        let flag = found(&["--turn", "turn:alice:hunter2@host:3478", "--hf-token", "hunter2"], &[]);
        assert!(flag.contains("--turn shows its secret") && flag.contains("--hf-token"), "{flag}");
        assert!(!flag.contains("hunter2"), "{flag}");
        assert_eq!(found(&[], &[("HF_TOKEN", "x"), ("SCOPE_TURN", "turn:a:b@host:3478")]), "");
        assert_eq!(found(&["--config", path], &[]), "");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(found(&["--config", path], &[]).contains("every user of this host may read"));
        std::fs::write(path, "port = 8001\n").unwrap();
        assert_eq!(found(&["--config", path], &[]), "", "without a secret it may be read");
    }
}
