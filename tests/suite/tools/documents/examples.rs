//! Examples that run as they stand: those of the API guide against a server, and what is cheap of the others.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

use super::{Document, document, documents, root, shell};
use crate::support::{
    http,
    server::{Server, scope},
};

/// What the documents call the server.
const URL: &str = "http://localhost:8000";
/// Commands that need neither a server nor a network, and end.
const CHEAP: &[&[&str]] = &[&["codecs"], &["pipelines", "list"], &["pipelines", "check"]];

#[test]
fn the_api_guides_examples_run() {
    let dir = tempfile::tempdir().unwrap();
    let [videos, recordings] = ["videos", "recordings"].map(|name| dir.path().join(name));
    std::fs::create_dir(&videos).unwrap();
    film(&videos.join("clip.mp4"));
    let flags = [
        "--video-files",
        videos.to_str().unwrap(),
        "--recordings",
        recordings.to_str().unwrap(),
        "--offline",
    ];
    let server = Server::spawn(&flags, &[]);
    let guide = document("docs/api.md");
    let readme = scripts(&document("README.md"));
    let scripts: Vec<_> =
        scripts(&guide).into_iter().chain(readme).filter(|script| script.contains(URL)).collect();
    assert!(scripts.len() > 3, "expected examples of requests, found {scripts:?}");

    for script in scripts {
        let ran = bash(&script.replace(URL, server.url()), dir.path());
        assert!(ran.status.success(), "{script}\n{}\n{}", text(&ran.stdout), text(&ran.stderr));
    }

    let contract = http::get(&format!("{}/openapi.json", server.url())).unwrap().json();
    assert_eq!(unlisted(&guide.text, &contract), [""; 0], "docs/api.md lacks these");
    let still = std::fs::read(dir.path().join("now.jpg")).unwrap();
    assert!(still.starts_with(&[0xff, 0xd8]), "now.jpg is no JPEG");
    assert!(std::fs::metadata(dir.path().join("out.mp4")).unwrap().len() > 1000);
}

#[test]
fn what_the_guide_lacks_is_found() {
    let tagged = |tag: &str, name: &str| json!({"properties": {tag: {"enum": [name]}}});
    let schemas = json!({
        "EndReason": {"enum": ["a", "b"]},
        "Cause": {"oneOf": [tagged("kind", "a"), tagged("kind", "c")]},
        "ServerMessage": {"oneOf": [{"allOf": [{"$ref": "x"}, tagged("type", "d")]}]},
        "Update": {"properties": {"a": {}, "e": {}}},
    });
    let contract = json!({"paths": {"/x": {}, "/y": {}}, "components": {"schemas": schemas}});

    assert_eq!(unlisted("| `GET /x` | |\n| `a` | |\n", &contract), ["/y", "b", "c", "d", "e"]);
}

#[test]
fn what_is_cheap_runs_as_it_stands() {
    let mut ran = 0;
    for command in documents().iter().flat_map(scripts).flat_map(|script| shell::commands(&script)) {
        let words: Vec<_> = command.words.iter().map(String::as_str).collect();
        let cheap = |rest: &&[&str]| CHEAP.iter().any(|words| rest.starts_with(words));
        // The folder of an example that makes one first is not there.
        let made =
            |rest: &&[&str]| rest.starts_with(&["pipelines", "check"]) && !root().join(rest[2]).exists();
        let ours = words.strip_prefix(&["scope"]).filter(cheap).filter(|rest| !made(rest));
        let Some(rest) = ours else { continue };
        let output = scope().current_dir(root()).args(rest).output().unwrap();
        assert!(output.status.success(), "{words:?}\n{}", text(&output.stderr));
        ran += 1;
    }
    assert!(ran > 3, "only {ran} commands ran");
}

#[test]
fn lines_of_gstreamer_in_the_guides_run() {
    let guides = documents().into_iter().filter(|document| !document.path.starts_with("pipelines"));
    let lines: Vec<_> =
        guides.flat_map(|guide| scripts(&guide)).filter(|script| script.contains("gst-launch-1.0")).collect();

    assert!(!lines.is_empty());
    for line in lines {
        let ran = bash(&line, root());
        assert!(ran.status.success(), "{line}\n{}", text(&ran.stderr));
    }
}

#[test]
fn the_pipelines_of_the_guides_pass_their_selftest() {
    let guides = ["README.md", "pipelines/README.md", "pipelines/python/README.md"].map(document);
    let blocks = guides.iter().flat_map(Document::blocks);
    let classes: Vec<_> =
        blocks.filter(|block| block.language == "python" && block.text.contains("\nserve(")).collect();
    let classes: Vec<_> = classes.iter().filter(|class| class.text.contains("(Pipeline):")).collect();
    assert!(classes.len() > 1, "expected classes in the guides, found {classes:?}");

    for class in classes {
        let ran = selftest(&class.text);
        assert!(ran.status.success(), "{}\n{}{}", class.text, text(&ran.stdout), text(&ran.stderr));
    }
    assert!(!selftest("from scope_pipeline import Pipeline, serve\n\nserve(Pipeline)\n").status.success());
}

#[test]
fn an_example_that_fails_is_noticed() {
    let planted =
        Document::planted("```sh\ncurl -sSf http://localhost:8000/health\n```\n```text\nfalse\n```\n");
    let scripts = scripts(&planted);

    assert_eq!(scripts.len(), 1);
    assert!(!bash(&scripts[0].replace(URL, "http://127.0.0.1:9"), root()).status.success());
    assert!(!bash("false | true\n", root()).status.success(), "a failure in the middle of a pipe");
}

/// What of the contract the guide lacks: routes, and rows for end reasons, causes and the messages of both sides.
fn unlisted(guide: &str, contract: &Value) -> Vec<String> {
    let schema = |name: &str| &contract["components"]["schemas"][name];
    let rows = [
        texts(&schema("EndReason")["enum"]),
        tags(schema("Cause"), "kind"),
        tags(schema("ServerMessage"), "type"),
    ];
    assert!(rows.iter().all(|names| !names.is_empty()), "expected the contract's lists, found {rows:?}");
    let has_row = |name: &String| guide.contains(&format!("\n| `{name}` |"));
    let routes = keys(&contract["paths"]).into_iter().filter(|path| !guide.contains(&format!("{path}`")));
    let updates = keys(&schema("Update")["properties"]).into_iter();
    let updates = updates.filter(|key| !guide.contains(&format!("`{key}`")));
    routes.chain(rows.concat().into_iter().filter(|name| !has_row(name))).chain(updates).collect()
}

/// The names by which `tag` tells the variants of a schema apart.
fn tags(schema: &Value, tag: &str) -> Vec<String> {
    let variants = schema["oneOf"].as_array().into_iter().flatten();
    // A variant that holds another type is that type and the tag.
    let parts =
        variants.flat_map(|variant| variant["allOf"].as_array().cloned().unwrap_or(vec![variant.clone()]));
    parts.flat_map(|part| texts(&part["properties"][tag]["enum"])).collect()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn keys(object: &Value) -> Vec<String> {
    object.as_object().into_iter().flat_map(|object| object.keys().cloned()).collect()
}

/// The shell blocks of a document.
fn scripts(document: &Document) -> Vec<String> {
    let blocks = document.blocks().into_iter().filter(|block| block.language == "sh");
    blocks.map(|block| block.text).collect()
}

fn bash(script: &str, folder: &Path) -> Output {
    let options = ["60", "bash", "-euo", "pipefail", "-c", script];
    Command::new("timeout").args(options).current_dir(folder).output().unwrap()
}

fn selftest(class: &str) -> Output {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("pipeline.py"), class).unwrap();
    let mut python = Command::new(root().join(".venv/bin/python"));
    python.args(["pipeline.py", "--selftest"]).env("PYTHONPATH", root().join("pipelines/python"));
    python.current_dir(dir.path()).output().unwrap()
}

/// Three seconds of a test pattern in H.264.
fn film(path: &Path) {
    let line = format!(
        "gst-launch-1.0 -q videotestsrc num-buffers=90 ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! x264enc tune=zerolatency ! mp4mux ! filesink location={}",
        path.display()
    );
    let made = bash(&line, root());
    assert!(made.status.success(), "{}", text(&made.stderr));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
