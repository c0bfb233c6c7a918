//! `scope pipelines`: list, check, make and run pipelines without a server.

mod new;
mod replay;
mod run;

use std::{path::Path, process::ExitCode};

use serde_json::json;

use super::{BAD_USE, FAILED, print};
use crate::{
    app,
    config::{Config, Form, Task},
    stage::{Catalog, Entry},
};

/// Runs the subcommand.
pub fn handle(task: &Task, config: &Config) -> ExitCode {
    match task {
        Task::List(form) => list(config, *form),
        Task::Check(folder) => check(folder, config),
        Task::New { name, kind, into } => match new::make(name, kind, into) {
            Ok(folder) => {
                let place = folder.display();
                print(&format!("created {place}; `scope pipelines check {place}` says whether it can run\n"));
                ExitCode::SUCCESS
            }
            Err(error) => refuse(&error),
        },
        Task::Run(run) => run::run(run, config),
    }
}

fn refuse(error: &str) -> ExitCode {
    eprintln!("{}", error.trim_end());
    ExitCode::from(BAD_USE)
}

fn catalog(config: &Config) -> Result<Catalog, String> {
    Catalog::read(&config.pipelines.folders(), &app::kinds(&config.pipelines))
        .map_err(|error| format!("a folder of pipelines: {error}"))
}

fn list(config: &Config, form: Form) -> ExitCode {
    let catalog = match catalog(config) {
        Ok(catalog) => catalog,
        Err(error) => return refuse(&error),
    };
    match form {
        Form::Json => print(&format!("{:#}\n", json!({ "pipelines": catalog.schemas() }))),
        Form::Text => print(&table(&catalog)),
    }
    ExitCode::SUCCESS
}

/// Aligned columns; a broken pipeline's error is on the lines below it.
fn table(catalog: &Catalog) -> String {
    let all = catalog.all();
    let cells: Vec<[String; 4]> = all
        .iter()
        .map(|(id, entry)| match entry {
            Ok(entry) => {
                let about = entry.about();
                [id.clone(), about.kind.clone(), about.version.clone(), about.name.clone()]
            }
            Err(_) => [id.clone(), "broken".into(), String::new(), String::new()],
        })
        .collect();
    let width = |column: usize| {
        let lengths = cells.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or(0)
    };
    let widths: [usize; 3] = std::array::from_fn(width);
    let mut text = String::new();
    for (row, (_, entry)) in cells.iter().zip(&all) {
        let line = format!(
            "{:a$}  {:b$}  {:c$}  {}",
            row[0],
            row[1],
            row[2],
            row[3],
            a = widths[0],
            b = widths[1],
            c = widths[2]
        );
        text += line.trim_end();
        text.push('\n');
        if let Err(error) = entry {
            let sentence = error.to_string();
            text.extend(sentence.trim().lines().flat_map(|line| ["    ", line, "\n"]));
        }
    }
    text
}

fn check(folder: &Path, config: &Config) -> ExitCode {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    match Entry::read(&folder, &app::kinds(&config.pipelines)) {
        Ok(entry) => {
            let about = entry.about();
            print(&format!(
                "{} can run: {} ({}), kind {}\n",
                about.id, about.name, about.version, about.kind
            ));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(FAILED)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Kinds;

    #[test]
    fn a_broken_pipeline_is_listed_with_its_error() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("bad")).unwrap();
        let catalog = Catalog::read(&[dir.path().to_owned()], &Kinds::default()).unwrap();

        let text = table(&catalog);

        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "bad   broken");
        assert!(lines[1].starts_with("    ") && lines[1].contains("pipeline.toml"), "{text}");
        assert_eq!(lines[2], "echo  echo    1.0.0  Echo");
    }
}
