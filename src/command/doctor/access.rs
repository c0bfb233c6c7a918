//! Who may do what on the server that this configuration starts. Reads the keys; changes nothing.

use super::finding::Finding;
use crate::config::Config;

const NAME: &str = "access";

/// Whether callers need keys, and whether there are any.
pub fn check(config: &Config) -> Vec<Finding> {
    let access = &config.access;
    if access.open {
        let advice = "start without --open, and give each user a key (`scope keys new`)";
        return vec![Finding::warn(NAME, "open: everybody who reaches the port is an operator", advice)];
    }
    let file = access.keys(&config.state_dir);
    vec![match file.read() {
        Err(error) => {
            Finding::fail(NAME, error.to_string(), "correct the file, or remove it and make new keys")
        }
        Ok(rows) if rows.is_empty() && access.key.is_none() && access.key_file.is_none() => Finding::ok(
            NAME,
            "no key is configured; the server makes one for the operator if others can reach it",
        ),
        Ok(rows) => Finding::ok(NAME, format!("{} keys in {}", rows.len(), file.path().display())),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{command::doctor::finding::Status, state_dir::StateDir};

    #[test]
    fn an_open_server_is_a_warning_and_a_broken_file_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let state_dir = StateDir::from(folder.path().to_owned());
        let mut config = Config { state_dir, ..Config::default() };
        assert_eq!(check(&config)[0].status, Status::Ok);

        std::fs::write(folder.path().join("keys.toml"), "[[keys").unwrap();
        assert_eq!(check(&config)[0].status, Status::Fail);

        config.access.open = true;
        assert_eq!(check(&config)[0].status, Status::Warn);
    }
}
