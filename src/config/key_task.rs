//! `scope keys …`: its command line.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{Form, values::choice};
use crate::access::Role;

/// What `scope keys` is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyTask {
    /// Every key, without its text.
    List(Form),
    /// A new key.
    New {
        /// Its name.
        name: String,
        /// What it may do.
        role: Role,
    },
    /// The end of a key.
    Revoke(String),
}

/// The command; each of its subcommands takes the server's flags too.
pub fn command(with_flags: &dyn Fn(Command) -> Command) -> Command {
    let json = Arg::new("json").long("json").action(ArgAction::SetTrue).help("for programs");
    let list = |name: &'static str, about: &'static str| {
        with_flags(Command::new(name).about(about)).arg(json.clone())
    };
    let name = Arg::new("name").value_name("NAME").help("its name, and that of what it owns");
    let role =
        Arg::new("role").long("role").value_name("ROLE").help("operator, user or viewer").required(true);
    let new = with_flags(Command::new("new").about("make a key and print it, once"))
        .arg(name.clone().long("name").required(true))
        .arg(role);
    let revoke =
        with_flags(Command::new("revoke").about("end a key; a running server refuses it within seconds"))
            .arg(name.required(true));
    list("keys", "list, make and revoke API keys")
        .args_conflicts_with_subcommands(true)
        .subcommand(list("list", "list every key by its name (the default)"))
        .subcommand(new)
        .subcommand(revoke)
}

/// The server's flags among those of `matches`, and the task.
///
/// # Errors
/// There is no such role.
pub fn read(matches: &ArgMatches) -> Result<(&ArgMatches, KeyTask), String> {
    let form = |matches: &ArgMatches| if matches.get_flag("json") { Form::Json } else { Form::Text };
    let text =
        |matches: &ArgMatches, name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    Ok(match matches.subcommand() {
        None => (matches, KeyTask::List(form(matches))),
        Some(("new", own)) => {
            let role =
                choice(&text(own, "role"), Role::OF_KEYS).map_err(|fault| format!("--role: {fault}"))?;
            (own, KeyTask::New { name: text(own, "name"), role })
        }
        Some(("revoke", own)) => (own, KeyTask::Revoke(text(own, "name"))),
        Some((_, own)) => (own, KeyTask::List(form(own))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(words: &[&str]) -> Result<KeyTask, String> {
        let matches =
            command(&|command| command).try_get_matches_from(words).map_err(|error| error.to_string())?;
        read(&matches).map(|(_, task)| task)
    }

    #[test]
    fn a_task_is_read_with_its_role() {
        let new = ["keys", "new", "--name", "app", "--role"];

        assert_eq!(task(&["keys"]), Ok(KeyTask::List(Form::Text)));
        assert_eq!(task(&["keys", "list", "--json"]), Ok(KeyTask::List(Form::Json)));
        assert_eq!(task(&["keys", "revoke", "app"]), Ok(KeyTask::Revoke("app".into())));
        assert_eq!(
            task(&[&new[..], &["user"]].concat()),
            Ok(KeyTask::New { name: "app".into(), role: Role::User })
        );
        for role in ["nobody", "admin", ""] {
            assert!(
                task(&[&new[..], &[role]].concat()).unwrap_err().contains("operator, user or viewer"),
                "{role}"
            );
        }
    }
}
