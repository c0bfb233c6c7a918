//! Merges the sources, the stronger over the weaker, and collects every fault.

use std::{collections::BTreeMap, ffi::OsString};

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{
    Config, Form, KeyTask, Task, key_task,
    keys::{Arity, KEYS, Key},
    secrets, task,
};
use crate::turn::IceServer;

/// What the command line asks for.
#[derive(Debug)]
pub enum Outcome {
    /// Run the server.
    Serve(Box<Config>),
    /// Examine this host under this configuration, print the findings and exit.
    Inspect(Subject, Form, Box<Config>),
    /// Do something with pipelines under this configuration and exit.
    Pipelines(Task, Box<Config>),
    /// Do something with API keys under this configuration and exit.
    Keys(KeyTask, Box<Config>),
    /// Print the API's OpenAPI document and exit.
    Document,
    /// Print this (`--help`, `--version`) and exit.
    Print(String),
    /// Print this and exit with code 64 (`EX_USAGE`): every fault, one a line.
    Faults(String),
}

/// What a command examines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `scope codecs`: the codec table, and what became of each row.
    Codecs,
    /// `scope doctor`: everything the server needs.
    Doctor,
}

/// Reads flags, the environment and the file.
pub fn load(
    args: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Outcome {
    let matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) if error.use_stderr() => return Outcome::Faults(error.to_string()),
        Err(error) => return Outcome::Print(error.to_string()),
    };
    let (flags, wanted) = match wanted(&matches) {
        Ok((_, Wanted::Document)) => return Outcome::Document,
        Ok(wanted) => wanted,
        Err(fault) => return Outcome::Faults(fault),
    };
    let environment: BTreeMap<_, _> =
        environment.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect();
    let mut config = Config::default();
    let mut faults = merge(flags, &environment, &mut config);
    faults.extend(config.faults());
    if !faults.is_empty() {
        return Outcome::Faults(faults.join("\n"));
    }
    let config = Box::new(config);
    match wanted {
        Wanted::Document => Outcome::Document,
        Wanted::Serve => Outcome::Serve(config),
        Wanted::Inspect(subject) => {
            let form = if flags.get_flag("json") { Form::Json } else { Form::Text };
            Outcome::Inspect(subject, form, config)
        }
        Wanted::Pipelines(task) => Outcome::Pipelines(task, config),
        Wanted::Keys(task) => Outcome::Keys(task, config),
    }
}

/// Sets every key from its strongest source; the faults of the sources.
fn merge(flags: &ArgMatches, environment: &BTreeMap<String, String>, config: &mut Config) -> Vec<String> {
    let mut faults = Vec::new();
    let file =
        flags.get_one::<String>("config").cloned().or_else(|| environment.get("SCOPE_CONFIG").cloned());
    let mut table = file.as_ref().map_or_else(toml::Table::new, |path| read_file(path, &mut faults));
    config.warnings.extend(file.as_deref().and_then(|path| secrets::check_file(path, &table)));
    read_servers(&mut table, config, &mut faults);
    for key in KEYS {
        let from_file =
            table.remove(key.name).map(|value| (format!("{} in the file", key.name), words(&value)));
        let from_environment = secrets::variable(environment, key, &mut config.warnings);
        let from_flag = flag(flags, key).map(|value| (format!("--{}", key.flag()), Ok(value)));
        if key.is_secret() && from_flag.is_some() {
            config.warnings.push(secrets::by_flag(key));
        }
        // The strongest source alone counts: a flag's list replaces the file's and is not appended to it.
        let Some((source, value)) = from_flag.or(from_environment).or(from_file) else { continue };
        if let Err(fault) = value.and_then(|value| (key.set)(config, &value)) {
            faults.push(format!("{source}: {fault}"));
        }
    }
    faults.extend(
        table
            .keys()
            .map(|key| format!("unknown key {key} in the configuration file; `scope --help` lists the keys")),
    );
    faults
}

/// What the words of the command line ask for, before its flags are read.
enum Wanted {
    Serve,
    Inspect(Subject),
    Pipelines(Task),
    Keys(KeyTask),
    Document,
}

/// The command, and the matches that have the server's flags.
fn wanted(matches: &ArgMatches) -> Result<(&ArgMatches, Wanted), String> {
    Ok(match matches.subcommand() {
        Some(("pipelines", words)) => {
            let (flags, task) = task::read(words)?;
            (flags, Wanted::Pipelines(task))
        }
        Some(("keys", words)) => {
            let (flags, task) = key_task::read(words)?;
            (flags, Wanted::Keys(task))
        }
        Some(("codecs", flags)) => (flags, Wanted::Inspect(Subject::Codecs)),
        Some(("doctor", flags)) => (flags, Wanted::Inspect(Subject::Doctor)),
        Some(("openapi", _)) => (matches, Wanted::Document),
        Some((_, flags)) => (flags, Wanted::Serve),
        None => (matches, Wanted::Serve),
    })
}

fn command() -> Command {
    let with_flags = |command: Command| {
        let config = Arg::new("config").long("config").value_name("FILE");
        let command = command.arg(config.help("TOML file of the same keys [env: SCOPE_CONFIG]"));
        KEYS.iter().fold(command, |command, key| command.arg(argument(key)))
    };
    let serve = with_flags(Command::new("serve").about("run the server (the default)"));
    let inspect = |name: &'static str, about: &'static str| {
        let json = Arg::new("json").long("json").action(ArgAction::SetTrue).help("for programs");
        with_flags(Command::new(name).about(about)).arg(json)
    };
    with_flags(Command::new("scope"))
        .about("real-time AI video server: takes a browser's camera over WebRTC and sends a pipeline's frames back")
        .version(env!("CARGO_PKG_VERSION"))
        .args_conflicts_with_subcommands(true)
        .subcommand(serve)
        .subcommand(inspect("codecs", "try the codecs; say which elements are used and why"))
        .subcommand(inspect("doctor", "check this host and configuration and say what to do"))
        .subcommand(
            Command::new("openapi").about("print the OpenAPI document of the API, as /openapi.json gives it"),
        )
        .subcommand(key_task::command(&with_flags))
        .subcommand(task::command(&with_flags))
}

fn argument(key: &Key) -> Arg {
    let default = if key.default.is_empty() { String::new() } else { format!(" [default: {}]", key.default) };
    let file = if key.is_secret() { format!(" or {}", key.file_env()) } else { String::new() };
    let help = format!("{} [env: {}{file}]{default}", key.help, key.env);
    let argument = Arg::new(key.name).long(key.flag()).help(help).action(ArgAction::Append);
    match key.arity {
        Arity::Switch => argument.num_args(0..=1).default_missing_value("true").require_equals(true),
        Arity::One | Arity::Many => argument.num_args(1),
    }
}

fn flag(matches: &ArgMatches, key: &Key) -> Option<String> {
    let values: Vec<_> = matches.get_many::<String>(key.name)?.cloned().collect();
    match key.arity {
        Arity::Many => Some(values.join(",")),
        Arity::One | Arity::Switch => values.last().cloned(),
    }
}

fn read_file(path: &str, faults: &mut Vec<String>) -> toml::Table {
    let read = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let parsed = read.and_then(|text| text.parse().map_err(|error| at_line(path, &text, &error)));
    parsed.unwrap_or_else(|fault| {
        faults.push(fault);
        toml::Table::new()
    })
}

/// toml's own sentence without the quoted line, which may hold a secret.
fn at_line(path: &str, text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    format!("{path}, line {line}: {}", error.message())
}

/// `[[ice_servers]]`, which has no flag: a list of tables.
fn read_servers(table: &mut toml::Table, config: &mut Config, faults: &mut Vec<String>) {
    let Some(value) = table.remove("ice_servers") else { return };
    match value.try_into::<Vec<IceServer>>() {
        Ok(servers) => config.turn.servers = servers,
        Err(error) => faults.push(format!("ice_servers in the file: {error}")),
    }
}

/// A value of the file as it would be written in the environment.
fn words(value: &toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(flag) => Ok(flag.to_string()),
        toml::Value::Array(values) => {
            values.iter().map(words).collect::<Result<Vec<_>, _>>().map(|all| all.join(","))
        }
        other => Err(format!("expected a string, number, boolean or list, got a {}", other.type_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(args: &[&str], environment: &[(&str, &str)]) -> Outcome {
        let args = std::iter::once("scope").chain(args.iter().copied()).map(OsString::from);
        load(args, environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    fn config(args: &[&str], environment: &[(&str, &str)]) -> Config {
        match outcome(args, environment) {
            Outcome::Serve(config) => *config,
            other => panic!("{other:?}"),
        }
    }

    fn faults(args: &[&str], environment: &[(&str, &str)]) -> String {
        match outcome(args, environment) {
            Outcome::Faults(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "port = 1\nhost = \"127.0.0.3\"\nmax_sessions = 3\n").unwrap();
        let path = file.path().to_str().unwrap();

        let config =
            config(&["--config", path, "--port", "3"], &[("SCOPE_PORT", "2"), ("SCOPE_HOST", "127.0.0.2")]);

        assert_eq!(config.server.port, 3);
        assert_eq!(config.server.host.to_string(), "127.0.0.2");
        assert_eq!(config.session.sessions, 3);
        assert_eq!(config.api.requests_in_flight, 64);
    }

    #[test]
    fn all_faults_come_at_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "nonsense = 1\nmax_sessions = \"many\"\n").unwrap();

        let text = faults(
            &["--config", file.path().to_str().unwrap(), "--port", "99999"],
            &[
                ("TWILIO_ACCOUNT_SID", "AC"),
                ("SCOPE_CODECS", "vp8,h265"),
                ("SCOPE_ONNX_PROVIDERS", "cuda,gpu"),
                ("SCOPE_MIN_BITRATE_BPS", "9000000"),
            ],
        );

        for word in [
            "nonsense",
            "max_sessions",
            "--port",
            "TWILIO_AUTH_TOKEN",
            "h265",
            "\"gpu\"",
            "min_bitrate_bps <=",
        ] {
            assert!(text.contains(word), "{word} is missing in\n{text}");
        }
    }

    #[test]
    fn names_without_a_prefix_work_and_empty_values_are_absent() {
        let config = config(
            &[],
            &[
                ("HF_TOKEN", "hf_x"),
                ("TWILIO_ACCOUNT_SID", "AC"),
                ("TWILIO_AUTH_TOKEN", "t"),
                ("CLOUDFLARE_TURN_KEY_ID", ""),
                ("VERBOSE_LOGGING", "1"),
                ("PIPELINE", "echo"),
            ],
        );

        assert_eq!(config.turn.hf_token.as_ref().unwrap().expose(), "hf_x");
        assert_eq!(config.turn.twilio.as_ref().unwrap().account_sid, "AC");
        assert_eq!(config.turn.cloudflare, None);
        assert!(config.log.verbose);
        assert_eq!(config.pipelines.default.as_deref(), Some("echo"));
        assert!(!format!("{config:?}").contains("hf_x"), "a secret shows");
    }

    #[test]
    fn switches_and_lists_are_read_as_people_write_them() {
        let config = config(
            &["serve", "--offline", "--congestion-control=false", "--pipelines", "a", "--pipelines", "b"],
            &[("SCOPE_ADVERTISED_ADDRESS", "203.0.113.7, 2001:db8::7")],
        );

        assert!(config.turn.offline && !config.media.congestion_control);
        assert_eq!(config.pipelines.dirs.len(), 2);
        assert_eq!(config.media.advertised.len(), 2);
    }

    #[test]
    fn a_broken_file_is_named_with_its_line_and_without_its_secrets() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "port = 1\nhf_token = hf_secret\n").unwrap();

        let faults = faults(&["--config", file.path().to_str().unwrap()], &[]);

        assert!(faults.contains("line 2") && !faults.contains("hf_secret"), "{faults}");
    }

    #[test]
    fn help_and_version_are_no_faults() {
        assert!(matches!(outcome(&["--help"], &[]), Outcome::Print(text) if text.contains("--udp-ports")));
        assert!(matches!(outcome(&["--version"], &[]), Outcome::Print(_)));
        assert!(matches!(outcome(&["--no-such-flag"], &[]), Outcome::Faults(_)));
    }

    #[test]
    fn commands_take_the_flags_of_the_server() {
        let Outcome::Inspect(subject, form, config) =
            outcome(&["doctor", "--json", "--port", "7"], &[("SCOPE_MAX_SESSIONS", "3")])
        else {
            panic!("scope doctor does not inspect");
        };

        assert_eq!((subject, form), (Subject::Doctor, Form::Json));
        assert_eq!((config.server.port, config.session.sessions), (7, 3));
        let codecs = outcome(&["codecs"], &[]);
        assert!(matches!(codecs, Outcome::Inspect(Subject::Codecs, Form::Text, _)), "{codecs:?}");
        assert!(faults(&["codecs", "--codecs", "h265"], &[]).contains("h265"));
    }

    #[test]
    fn ice_servers_of_the_file_are_a_list_of_tables() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "[[ice_servers]]\nurls = [\"turn:t:1\"]\nusername = \"u\"\ncredential = \"c\"\n",
        )
        .unwrap();

        let config = config(&["--config", file.path().to_str().unwrap(), "--stun", "stun:s:1"], &[]);

        assert_eq!(config.turn.servers.len(), 2);
    }

    #[test]
    fn the_documents_have_the_table() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");
        let table = super::super::table();

        assert!(
            std::fs::read_to_string(page).unwrap().contains(&table),
            "expected this table in docs/operations.md:\n{table}"
        );
    }
}
