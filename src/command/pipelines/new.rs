//! `scope pipelines new`: copies a template's folder under a new name.

use std::path::{Path, PathBuf};

use crate::stage;

/// Where templates are: in a checkout, or installed.
const TEMPLATES: [&str; 2] = ["pipelines/templates", "/usr/share/scope/pipelines/templates"];
/// Stands for the new id in a template's files and in their names.
const ID: &str = "__ID__";

/// Copies the template of `kind`; gives the new folder.
pub fn make(name: &str, kind: &str, into: &Path) -> Result<PathBuf, String> {
    if !stage::is_id(name) {
        let expected = "expected a name of 1 to 64 letters, digits, '-', '_' or '.', not starting with a dot";
        return Err(format!("{expected}; got {name:?}"));
    }
    let templates = TEMPLATES.iter().map(Path::new).find(|folder| folder.is_dir());
    let templates = templates
        .ok_or_else(|| format!("no templates found: neither {} nor {} exists", TEMPLATES[0], TEMPLATES[1]))?;
    make_from(templates, name, kind, into)
}

fn make_from(templates: &Path, name: &str, kind: &str, into: &Path) -> Result<PathBuf, String> {
    let kinds = names(templates)?;
    if !kinds.iter().any(|known| known == kind) {
        return Err(format!("--kind: expected one of {}, got {kind:?}", kinds.join(", ")));
    }
    let folder = into.join(name);
    if folder.exists() {
        return Err(format!("{} already exists; choose another name", folder.display()));
    }
    copy(&templates.join(kind), &folder, name).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

fn names(templates: &Path) -> Result<Vec<String>, String> {
    let entries =
        std::fs::read_dir(templates).map_err(|error| format!("{}: {error}", templates.display()))?;
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

fn copy(from: &Path, to: &Path, id: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().replace(ID, id);
        if name == "__pycache__" {
            continue;
        }
        let (path, place) = (entry.path(), to.join(name));
        if path.is_dir() {
            copy(&path, &place, id)?;
            continue;
        }
        std::fs::copy(&path, &place)?;
        // A file that is not text, such as a model, is copied as it is.
        if let Ok(text) = std::fs::read_to_string(&path)
            && text.contains(ID)
        {
            std::fs::write(&place, text.replace(ID, id))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{app, stage::Entry};

    #[test]
    fn every_template_is_of_its_kind_and_those_that_need_nothing_can_run() {
        let dir = tempfile::tempdir().unwrap();
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/templates");

        for kind in names(&templates).unwrap() {
            let folder = make_from(&templates, &format!("my-{kind}"), &kind, dir.path()).unwrap();

            let text = std::fs::read_to_string(folder.join("pipeline.toml")).unwrap();
            assert!(text.contains(&format!("id = \"my-{kind}\"")), "{kind}: {text}");
            assert!(text.contains(&format!("kind = \"{kind}\"")), "{kind}: {text}");
        }
        for id in ["my-echo", "my-launch", "my-python"] {
            let read = Entry::read(&dir.path().join(id), &app::kinds(&stage::Settings::default()));
            assert!(read.is_ok(), "{id}: {}", read.err().unwrap());
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_and_a_folder_that_exists_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/templates");
        make_from(&templates, "a", "echo", dir.path()).unwrap();

        assert!(make_from(&templates, "a", "echo", dir.path()).unwrap_err().contains("already"));
        assert!(make_from(&templates, "b", "nothing", dir.path()).unwrap_err().contains("echo"));
        assert!(make("../a", "echo", dir.path()).is_err());
    }
}
