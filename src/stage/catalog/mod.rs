//! The catalog: every pipeline that a user can select, read from folders `<dir>/<id>/pipeline.toml`.
//!
//! Shared by all; read at start, and again where a folder changes. A broken folder becomes an entry with its error.
//! A session keeps its [`Entry`]: a folder that is removed or changed affects new sessions alone.

mod admission;
mod build;
mod description;
mod entry;
mod expected;
mod folder_state;
mod kinds;
mod listing;
mod params;
mod permissions;
mod preload;
mod watch;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

pub use self::{
    admission::Member,
    build::{build, panic_text},
    description::{Description, is_id},
    entry::Entry,
    kinds::{Factory, Kinds, Prepare},
    listing::{Listing, Mode},
    params::{FAULTS, Schema},
    preload::{LoadState, LoadStatus},
    watch::Watch,
};
use self::{folder_state::FolderState, preload::Preload};
use super::{Error, Values};

/// The only pipeline without a folder: the server has it wherever it is started.
const ECHO: &str = include_str!("../../../pipelines/catalog/echo/pipeline.toml");

/// All pipelines, and the one that new sessions get.
#[derive(Clone)]
pub struct Catalog(Arc<Shelf>);

struct Shelf {
    dirs: Vec<PathBuf>,
    kinds: Kinds,
    /// Pipelines without a folder.
    fixed: Vec<Entry>,
    all: RwLock<BTreeMap<String, Row>>,
    loaded: Preload,
}

/// A folder's pipeline, as last read.
#[derive(Clone)]
struct Row {
    folder: Option<(PathBuf, FolderState)>,
    entry: Result<Entry, Error>,
}

impl Default for Catalog {
    fn default() -> Self {
        Self::of(Vec::new(), Kinds::default(), echo())
    }
}

/// The built-in pipeline.
fn echo() -> Vec<Entry> {
    Entry::parse(ECHO, None).into_iter().collect()
}

impl Catalog {
    /// The built-in pipelines and those of every folder `<dir>/<id>`; for a duplicate id the last folder wins.
    ///
    /// # Errors
    /// A directory that cannot be read; what is wrong inside one becomes an entry with its error.
    pub fn read(dirs: &[PathBuf], kinds: &Kinds) -> std::io::Result<Self> {
        for dir in dirs {
            let named = |error: std::io::Error| {
                std::io::Error::new(error.kind(), format!("{}: {error}", dir.display()))
            };
            std::fs::read_dir(dir).map_err(named)?;
        }
        Ok(Self::of(dirs.to_vec(), kinds.clone(), echo()))
    }

    /// Adds a pipeline.
    #[must_use]
    pub fn with(&self, entry: Entry) -> Self {
        let mut fixed = self.0.fixed.clone();
        fixed.push(entry);
        Self::of(self.0.dirs.clone(), self.0.kinds.clone(), fixed)
    }

    fn of(dirs: Vec<PathBuf>, kinds: Kinds, fixed: Vec<Entry>) -> Self {
        let all = RwLock::default();
        let catalog = Self(Arc::new(Shelf { dirs, kinds, fixed, all, loaded: Preload::default() }));
        catalog.refresh();
        catalog
    }

    /// Reads new and changed folders, and removes those that are gone; returns their ids. Blocks.
    pub fn refresh(&self) -> Vec<String> {
        let Shelf { dirs, kinds, fixed, .. } = &*self.0;
        let before = self.rows().clone();
        let mut rows: BTreeMap<_, _> = fixed
            .iter()
            .map(|entry| (entry.info.id.clone(), Row { folder: None, entry: Ok(entry.clone()) }))
            .collect();
        let mut changed = Vec::new();
        // Of two with one name the later one counts.
        let named = |folder: PathBuf| {
            let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            (name, folder)
        };
        let folders: BTreeMap<_, _> = dirs.iter().flat_map(|dir| folders(dir)).map(named).collect();
        for (name, folder) in folders {
            let state = FolderState::of(&folder);
            let known = before.get(&name).filter(|row| {
                row.folder.as_ref().is_some_and(|(place, then)| *place == folder && *then == state)
            });
            let row = known.cloned().unwrap_or_else(|| {
                changed.push(name.clone());
                Row { entry: Entry::read(&folder, kinds), folder: Some((folder, state)) }
            });
            rows.insert(name, row);
        }
        changed.extend(before.keys().filter(|id| !rows.contains_key(*id)).cloned());
        *self.0.all.write().unwrap_or_else(PoisonError::into_inner) = rows;
        changed
    }

    /// The directories of its folders.
    pub fn dirs(&self) -> &[PathBuf] {
        &self.0.dirs
    }

    /// The pipeline with that id or alias.
    ///
    /// # Errors
    /// [`Error::UnknownPipeline`], or [`Error::Broken`] with the entry's own error.
    pub fn get(&self, id: &str) -> Result<Entry, Error> {
        let rows = self.rows();
        if let Some(row) = rows.get(id) {
            let broken = |error: &Error| Error::Broken { id: id.to_owned(), reason: error.to_string() };
            return row.entry.as_ref().cloned().map_err(broken);
        }
        let entries = rows.values().filter_map(|row| row.entry.as_ref().ok());
        let mut named = entries.filter(|entry| entry.about().aliases.iter().any(|alias| alias == id));
        let known = || rows.keys().cloned().collect::<Vec<_>>().join(", ");
        named.next().cloned().ok_or_else(|| Error::unknown(id, known()))
    }

    /// Every pipeline by id: its entry, or why it cannot run.
    pub fn all(&self) -> Vec<(String, Result<Entry, Error>)> {
        self.rows().iter().map(|(id, row)| (id.clone(), row.entry.clone())).collect()
    }

    /// The pipeline of a session that selects none: the loaded one, else `echo`.
    pub fn default_id(&self) -> String {
        self.0.loaded.id().unwrap_or_else(|| "echo".to_owned())
    }

    /// Every pipeline by id, in Scope's own shape; a broken one with `schema_error`.
    pub fn schemas(&self) -> BTreeMap<String, Listing> {
        let listing = |id: &String, row: &Row| match &row.entry {
            Ok(entry) => entry.listing(),
            Err(error) => Listing::broken(id, error.to_string()),
        };
        self.rows().iter().map(|(id, row)| (id.clone(), listing(id, row))).collect()
    }

    /// Makes `ids` the pipeline of new sessions and loads a stage for the next one in the background.
    ///
    /// # Errors
    /// The errors of [`Catalog::get`], [`Error::Chain`] for more than one, [`Error::Parameters`].
    pub fn load(&self, ids: &[String], load_params: Option<Values>) -> Result<(), Error> {
        let [id] = ids else { return Err(Error::Chain { count: ids.len() }) };
        self.0.loaded.start(self.get(id)?, load_params)
    }

    /// The loaded pipeline, and the progress of its load.
    pub fn status(&self) -> LoadStatus {
        self.0.loaded.status()
    }

    /// The first parameter values of a session: the pipeline's defaults, and those that it was loaded with.
    pub fn first_values(&self, entry: &Entry) -> Values {
        let mut values = entry.schema.defaults();
        values.extend(
            self.0.loaded.values(&entry.info.id).into_iter().filter(|(name, _)| entry.schema.has(name)),
        );
        values
    }

    fn rows(&self) -> RwLockReadGuard<'_, BTreeMap<String, Row>> {
        self.0.all.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The folders in a directory, without those of editors and tools, whose names start with a dot.
fn folders(dir: &Path) -> Vec<PathBuf> {
    let hidden = |path: &Path| path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut folders: Vec<_> =
        entries.map(|entry| entry.path()).filter(|path| path.is_dir() && !hidden(path)).collect();
    folders.sort();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, id: &str, text: &str) {
        std::fs::create_dir_all(dir.join(id)).unwrap();
        std::fs::write(dir.join(id).join("pipeline.toml"), text).unwrap();
    }

    fn about(id: &str) -> String {
        format!("id = \"{id}\"\nname = \"A\"\nkind = \"echo\"\nlayouts = [\"I420\"]\n")
    }

    #[test]
    fn echo_is_there_without_a_folder_and_has_its_alias() {
        let catalog = Catalog::default();

        assert_eq!(catalog.get("echo").unwrap().info.id, "echo");
        assert_eq!(catalog.get("passthrough").unwrap().info.id, "echo");
        assert!(matches!(catalog.get("nothing"), Err(Error::UnknownPipeline { .. })));
    }

    #[test]
    fn a_broken_folder_is_an_entry_with_its_error_and_hurts_no_other() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "bad", "id = 3");

        let catalog = Catalog::read(&[dir.path().to_owned()], &Kinds::default()).unwrap();

        assert!(matches!(catalog.get("bad"), Err(Error::Broken { .. })));
        let error = catalog.schemas()["bad"].schema_error.clone().unwrap();
        assert!(error.contains("bad/pipeline.toml") && error.contains("id"), "{error}");
        assert!(catalog.get("echo").is_ok());
    }

    #[test]
    fn what_changes_in_a_folder_is_read_again_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "one", &about("one"));
        let catalog = Catalog::read(&[dir.path().to_owned()], &Kinds::default()).unwrap();
        let one = catalog.get("one").unwrap();

        write(dir.path(), "two", &about("two"));

        assert_eq!(catalog.refresh(), ["two"]);
        assert!(catalog.get("two").is_ok());
        assert!(catalog.get("one").unwrap().is(&one), "what did not change is the same");
        write(dir.path(), "one", &(about("one") + "layout = 1"));
        assert_eq!(catalog.refresh(), ["one"]);
        assert!(matches!(catalog.get("one"), Err(Error::Broken { .. })));
        std::fs::remove_dir_all(dir.path().join("two")).unwrap();
        assert_eq!(catalog.refresh(), ["two"]);
        assert!(matches!(catalog.get("two"), Err(Error::UnknownPipeline { .. })));
        assert_eq!(catalog.refresh(), [""; 0]);
    }

    #[test]
    fn of_two_folders_with_one_name_the_later_one_is_read_and_once() {
        let (shipped, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(shipped.path(), "one", &about("one"));
        write(own.path(), "one", &about("one").replace("\"A\"", "\"B\""));
        let dirs = [shipped.path().to_owned(), own.path().to_owned()];

        let catalog = Catalog::read(&dirs, &Kinds::default()).unwrap();

        assert_eq!(catalog.get("one").unwrap().about().name, "B");
        assert_eq!(catalog.refresh(), [""; 0]);
    }

    #[test]
    fn a_folder_that_has_another_name_than_its_pipeline_is_broken() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "one", &about("other"));

        let catalog = Catalog::read(&[dir.path().to_owned()], &Kinds::default()).unwrap();

        let error = catalog.get("one").err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("\"other\""), "{error}");
        assert!(Catalog::read(&[dir.path().join("none")], &Kinds::default()).is_err());
    }
}
