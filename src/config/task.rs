//! `scope pipelines …`: its command line.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// `--json`: for programs.
    Json,
}

/// What `scope pipelines` is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Every pipeline, with its state.
    List(Form),
    /// Whether one folder can run.
    Check(PathBuf),
    /// A new folder from a template.
    New {
        /// Its id.
        name: String,
        /// Which template.
        kind: String,
        /// Where it is made.
        into: PathBuf,
    },
    /// One pipeline over a file.
    Run(Box<Run>),
}

/// A run over a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The pipeline.
    pub id: String,
    /// The file to read; none for a pipeline that makes frames by itself.
    pub input: Option<PathBuf>,
    /// The folder of a recording whose input is read, with the parameters it had.
    pub replay: Option<PathBuf>,
    /// The file to write.
    pub output: PathBuf,
    /// `name=value` each; a value that is not JSON is text.
    pub parameters: Vec<(String, serde_json::Value)>,
    /// Whether every bit is kept.
    pub lossless: bool,
    /// It ends after this many frames, or at the end of the file.
    pub frames: Option<u64>,
}

/// The command; each of its subcommands takes the server's flags too.
pub fn command(with_flags: &dyn Fn(Command) -> Command) -> Command {
    let json = Arg::new("json").long("json").action(ArgAction::SetTrue).help("for programs");
    let list = |name: &'static str, about: &'static str| {
        with_flags(Command::new(name).about(about)).arg(json.clone())
    };
    let word = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).value_name(value).help(help)
    };
    let check = with_flags(Command::new("check").about("say whether a pipeline's folder can run"))
        .arg(word("folder", "DIR", "the folder with the pipeline.toml").required(true));
    let new = with_flags(Command::new("new").about("make a pipeline's folder from a template"))
        .arg(word("name", "NAME", "its id, and the folder's name").required(true))
        .arg(word("kind", "KIND", "echo, launch, onnx or python").long("kind").required(true))
        .arg(word("into", "DIR", "where the folder is made [default: here]").long("into"));
    let run = with_flags(Command::new("run").about("run a pipeline over a video file, as a session would"))
        .arg(word("id", "ID", "the pipeline").required(true))
        .arg(word("input", "FILE", "the file to read; none if the pipeline needs none").long("input"))
        .arg(
            word(
                "replay",
                "DIR",
                "the folder of a recording: its input is read, each frame with the parameters it had",
            )
            .long("replay")
            .conflicts_with("input"),
        )
        .arg(word("output", "FILE", "the file to write: .mp4 or .mkv").long("output").required(true))
        .arg(
            word("param", "NAME=VALUE", "a parameter, its value as JSON or plain text")
                .long("param")
                .action(ArgAction::Append),
        )
        .arg(
            word("frames", "COUNT", "end after this many frames [default: all, or 150 without --input]")
                .long("frames")
                .value_parser(clap::value_parser!(u64)),
        )
        .arg(
            Arg::new("lossless")
                .long("lossless")
                .action(ArgAction::SetTrue)
                .help("keep every bit (FFV1, .mkv)"),
        );
    list("pipelines", "list, check, make and run pipelines")
        .args_conflicts_with_subcommands(true)
        .subcommand(list("list", "list every pipeline, and why one cannot run (the default)"))
        .subcommand(check)
        .subcommand(new)
        .subcommand(run)
}

/// The server's flags among those of `matches`, and the task.
///
/// # Errors
/// What is wrong with a parameter.
pub fn read(matches: &ArgMatches) -> Result<(&ArgMatches, Task), String> {
    let form = |matches: &ArgMatches| if matches.get_flag("json") { Form::Json } else { Form::Text };
    let text = |matches: &ArgMatches, name: &str| matches.get_one::<String>(name).cloned();
    let path = |matches: &ArgMatches, name: &str| text(matches, name).map(PathBuf::from);
    Ok(match matches.subcommand() {
        None => (matches, Task::List(form(matches))),
        Some(("check", own)) => (own, Task::Check(path(own, "folder").unwrap_or_default())),
        Some(("new", own)) => {
            let [name, kind] = ["name", "kind"].map(|name| text(own, name).unwrap_or_default());
            let into = path(own, "into").unwrap_or_else(|| PathBuf::from("."));
            (own, Task::New { name, kind, into })
        }
        Some(("run", own)) => {
            let parameters = own.get_many::<String>("param").into_iter().flatten();
            let run = Run {
                id: text(own, "id").unwrap_or_default(),
                input: path(own, "input"),
                replay: path(own, "replay"),
                output: path(own, "output").unwrap_or_default(),
                parameters: parameters.map(|one| parameter(one)).collect::<Result<_, _>>()?,
                lossless: own.get_flag("lossless"),
                frames: own.get_one::<u64>("frames").copied(),
            };
            (own, Task::Run(Box::new(run)))
        }
        Some((_, own)) => (own, Task::List(form(own))),
    })
}

fn parameter(text: &str) -> Result<(String, serde_json::Value), String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("--param: expected name=value, got {text:?}"))?;
    let read = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), read))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(words: &[&str]) -> Result<Task, String> {
        let command = command(&|command| command);
        let matches = command.try_get_matches_from(words).map_err(|error| error.to_string())?;
        read(&matches).map(|(_, task)| task)
    }

    #[test]
    fn pipelines_alone_lists_them() {
        assert_eq!(task(&["pipelines"]), Ok(Task::List(Form::Text)));
        assert_eq!(task(&["pipelines", "list", "--json"]), Ok(Task::List(Form::Json)));
    }

    #[test]
    fn parameters_are_json_or_else_text() {
        let words = ["pipelines", "run", "echo", "--input", "a", "--output", "b", "--lossless"];
        let values = ["--param", "work_ms=5", "--param", "prompts=a panda", "--param", "steps=[1,2]"];

        let Ok(Task::Run(run)) = task(&[words.as_slice(), &values].concat()) else { panic!("no run") };

        let wanted =
            [("work_ms", 5.into()), ("prompts", "a panda".into()), ("steps", serde_json::json!([1, 2]))];
        assert_eq!(
            run.parameters,
            wanted.map(|(name, value): (&str, serde_json::Value)| (name.to_owned(), value))
        );
        assert!(run.lossless && run.frames.is_none());
        assert!(
            task(&["pipelines", "run", "echo", "--output", "b", "--param", "x"])
                .unwrap_err()
                .contains("\"x\"")
        );
    }
}
