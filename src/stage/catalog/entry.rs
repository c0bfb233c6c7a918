//! One pipeline of the catalog: its description, its parameters, and the factory of its stages.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use super::{
    Description, Factory, Kinds, Listing, Schema,
    admission::{Member, Share},
};
use crate::stage::{Error, Info, Stage};

/// One pipeline that can run.
#[derive(Clone)]
pub struct Entry {
    /// What the session and its graph need to know.
    pub info: Info,
    /// Its parameters.
    pub schema: Schema,
    /// Creates a running instance.
    pub factory: Factory,
    about: Arc<Description>,
    share: Arc<Share>,
    spare: Arc<Mutex<Option<Box<dyn Stage>>>>,
}

impl Entry {
    /// An entry from its parts.
    ///
    /// # Errors
    /// [`Error::Description`]: the parameters are not a JSON Schema.
    pub fn new(about: Description, factory: Factory) -> Result<Self, Error> {
        let schema = Schema::of(&about)?;
        Ok(Self {
            info: about.info(),
            schema,
            factory,
            about: Arc::new(about),
            share: Arc::default(),
            spare: Arc::default(),
        })
    }

    /// An entry from the text of a `pipeline.toml`; `factory` replaces the factory of `kind`, which must be a kind without
    /// a folder.
    ///
    /// # Errors
    /// [`Error::Description`] with the line and what is wrong with it.
    pub fn parse(text: &str, factory: Option<Factory>) -> Result<Self, Error> {
        let about = Description::parse(text)?;
        let factory = match factory {
            Some(factory) => factory,
            None => Kinds::default().prepare(Path::new(""), &about)?,
        };
        Self::new(about, factory)
    }

    /// Reads a folder: its description, and the other files that its kind needs.
    ///
    /// # Errors
    /// What is wrong, with the names of the folder and the file.
    pub fn read(folder: &Path, kinds: &Kinds) -> Result<Self, Error> {
        kinds.check_writers(folder)?;
        let file = folder.join("pipeline.toml");
        let in_file = |error: Error| Error::Description(format!("{}: {error}", file.display()));
        let text = std::fs::read_to_string(&file)
            .map_err(|error| Error::Description(format!("{}: {error}", file.display())))?;
        let about = Description::parse(&text).map_err(in_file)?;
        if folder.file_name().is_none_or(|name| *name != *about.id) {
            return Err(in_file(Error::Description(format!("id {:?} is not the folder's name", about.id))));
        }
        let factory = kinds.prepare(folder, &about).map_err(|error| {
            let place = folder.display().to_string();
            let sentence = error.to_string();
            // The kind's own sentence may name a file below the folder already.
            Error::Description(if sentence.contains(&place) {
                sentence
            } else {
                format!("{place}: {sentence}")
            })
        })?;
        Self::new(about, factory).map_err(in_file)
    }

    /// Its `pipeline.toml`.
    pub fn about(&self) -> &Description {
        &self.about
    }

    /// Whether both are the same entry, not a pipeline of the same id that was read later.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.about, &other.about)
    }

    /// A session's part in the pipeline's load.
    pub fn join(&self) -> Member {
        self.share.join()
    }

    /// Checks that another session leaves the others their frame rate.
    ///
    /// # Errors
    /// [`Error::Overloaded`] with the current load.
    pub fn check_load(&self) -> Result<(), Error> {
        let Some(limit) = self.about.most_load() else { return Ok(()) };
        let (now, then) = self.share.load(Instant::now());
        if then <= limit {
            return Ok(());
        }
        Err(Error::Overloaded { id: self.info.id.clone(), now, then, limit })
    }

    /// Keeps a running stage for the next session; returns the one that was kept before.
    pub fn keep_spare(&self, stage: Box<dyn Stage>) -> Option<Box<dyn Stage>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).replace(stage)
    }

    /// The stage that was kept.
    pub fn take_spare(&self) -> Option<Box<dyn Stage>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The entry in Scope's own shape (`GET /api/v1/pipelines/schemas`).
    pub fn listing(&self) -> Listing {
        Listing::of(&self.about, self.schema.document().clone())
    }
}
