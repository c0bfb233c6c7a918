//! The catalog: every pipeline that a user can select, read from `pipeline.toml` files.
//!
//! Shared by all sessions behind an `Arc`; read at start. A broken folder becomes an entry with its error.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Entry, Error, Kinds, Values};

/// The one pipeline that needs no folder: the server works with it wherever it is started.
const ECHO: &str = include_str!("../../pipelines/catalog/echo/pipeline.toml");

/// All pipelines, and which of them new sessions get.
#[derive(Clone)]
pub struct Catalog {
    entries: Arc<BTreeMap<String, Result<Entry, Error>>>,
    loaded: Arc<Mutex<LoadStatus>>,
}

/// Where the server's loaded pipeline is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadState {
    /// Nothing was asked for; sessions get `echo`.
    #[default]
    NotLoaded,
    /// Under way.
    Loading,
    /// Ready for sessions.
    Loaded,
    /// The last load failed.
    Error,
}

/// Answer of `GET /api/v1/pipeline/status`.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct LoadStatus {
    /// Where it is.
    pub status: LoadState,
    /// The pipeline that new sessions get.
    pub pipeline_id: Option<String>,
    /// What it was loaded with.
    #[schema(value_type = Option<Object>)]
    pub load_params: Option<Values>,
    /// What the load is doing, in words.
    pub loading_stage: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

impl Default for Catalog {
    fn default() -> Self {
        Self::of([("echo".to_owned(), Entry::parse(ECHO, None))])
    }
}

impl Catalog {
    /// The built-in pipelines and those of every folder `<dir>/<id>/pipeline.toml`.
    ///
    /// # Errors
    /// A directory that cannot be read; what is wrong inside one becomes an entry with its error.
    pub fn read(dirs: &[PathBuf], kinds: &Kinds) -> std::io::Result<Self> {
        let mut found = vec![("echo".to_owned(), Entry::parse(ECHO, None))];
        for dir in dirs {
            for folder in std::fs::read_dir(dir)? {
                let folder = folder?.path();
                if folder.is_dir() {
                    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
                    found.push((name.unwrap_or_default(), Entry::read(&folder, kinds)));
                }
            }
        }
        Ok(Self::of(found))
    }

    /// The same catalog with one more pipeline.
    #[must_use]
    pub fn with(&self, entry: Entry) -> Self {
        let mut entries = (*self.entries).clone();
        entries.insert(entry.info.id.clone(), Ok(entry));
        Self { entries: Arc::new(entries), loaded: self.loaded.clone() }
    }

    /// The pipeline of that id or alias.
    ///
    /// # Errors
    /// [`Error::UnknownPipeline`], or [`Error::Broken`] with the entry's own error.
    pub fn get(&self, id: &str) -> Result<Entry, Error> {
        if let Some(entry) = self.entries.get(id) {
            return entry
                .clone()
                .map_err(|error| Error::Broken { id: id.to_owned(), reason: error.to_string() });
        }
        self.entries
            .values()
            .flatten()
            .find(|entry| entry.about().aliases.iter().any(|alias| alias == id))
            .cloned()
            .ok_or_else(|| Error::UnknownPipeline {
                id: id.chars().take(64).collect(),
                known: self.entries.keys().cloned().collect::<Vec<_>>().join(", "),
            })
    }

    /// The pipeline of a session that names none: the loaded one, else `echo`.
    pub fn default_id(&self) -> String {
        self.status().pipeline_id.unwrap_or_else(|| "echo".to_owned())
    }

    /// Every pipeline by id, in Scope's own shape; a broken one with `schema_error`.
    pub fn schemas(&self) -> Map<String, Value> {
        self.entries
            .iter()
            .map(|(id, entry)| {
                let document = match entry {
                    Ok(entry) => entry.document(),
                    Err(error) => json!({
                        "id": id, "name": id, "description": "", "version": "", "supported_modes": [],
                        "default_mode": null, "inputs": [], "outputs": [], "supports_prompts": false,
                        "config_schema": {}, "schema_error": error.to_string(),
                    }),
                };
                (id.clone(), document)
            })
            .collect()
    }

    /// Makes `ids` the pipeline of new sessions.
    ///
    /// # Errors
    /// What [`Catalog::get`] says, [`Error::Chain`] for more than one, [`Error::Parameters`].
    pub fn load(&self, ids: &[String], load_params: Option<Values>) -> Result<(), Error> {
        let [id] = ids else { return Err(Error::Chain { count: ids.len() }) };
        let entry = self.get(id)?;
        let own: Values = load_params
            .iter()
            .flatten()
            .filter(|(name, _)| entry.schema.has(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let faults = entry.schema.faults(&own);
        if !faults.is_empty() {
            return Err(Error::Parameters(faults));
        }
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) = LoadStatus {
            status: LoadState::Loaded,
            pipeline_id: Some(entry.info.id),
            load_params,
            ..LoadStatus::default()
        };
        Ok(())
    }

    /// Which pipeline is loaded.
    pub fn status(&self) -> LoadStatus {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn of(entries: impl IntoIterator<Item = (String, Result<Entry, Error>)>) -> Self {
        Self { entries: Arc::new(entries.into_iter().collect()), loaded: Arc::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        std::fs::create_dir(dir.path().join("bad")).unwrap();
        std::fs::write(dir.path().join("bad/pipeline.toml"), "id = 3").unwrap();

        let catalog = Catalog::read(&[dir.path().to_owned()], &Kinds::default()).unwrap();

        assert!(matches!(catalog.get("bad"), Err(Error::Broken { .. })));
        assert!(catalog.schemas()["bad"]["schema_error"].is_string());
        assert!(catalog.get("echo").is_ok());
    }

    #[test]
    fn load_names_the_pipeline_of_new_sessions() {
        let catalog = Catalog::default();

        catalog.load(&["passthrough".into()], None).unwrap();

        assert_eq!(catalog.status().status, LoadState::Loaded);
        assert_eq!(catalog.default_id(), "echo");
        assert!(catalog.load(&["x".into()], None).is_err());
        assert!(catalog.load(&[], None).is_err());
    }
}
