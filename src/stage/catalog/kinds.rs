//! The kinds of pipelines that this server supports: each creates a factory of stages from a pipeline's folder.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::{Description, permissions};
use crate::stage::{Error, Stage, echo::Echo};

/// Creates a stage; called on a thread of its own, may block.
pub type Factory = Arc<dyn Fn() -> Result<Box<dyn Stage>, Error> + Send + Sync>;

/// Reads and checks everything of a pipeline's folder that can be checked without running it.
pub type Prepare = Arc<dyn Fn(&Path, &Description) -> Result<Factory, Error> + Send + Sync>;

/// Kinds by name.
#[derive(Clone)]
pub struct Kinds {
    by_name: BTreeMap<&'static str, Prepare>,
    /// Whether pipelines run from folders that other users may write.
    from_writable: bool,
}

impl Default for Kinds {
    /// `echo`, which needs nothing.
    fn default() -> Self {
        let echo: Factory = Arc::new(|| Ok(Box::<Echo>::default() as Box<dyn Stage>));
        Self { by_name: BTreeMap::new(), from_writable: false }.with("echo", move |_, _| Ok(echo.clone()))
    }
}

impl Kinds {
    /// Adds a kind.
    #[must_use]
    pub fn with(
        mut self,
        name: &'static str,
        prepare: impl Fn(&Path, &Description) -> Result<Factory, Error> + Send + Sync + 'static,
    ) -> Self {
        self.by_name.insert(name, Arc::new(prepare));
        self
    }

    /// Allows folders that other users may write, or refuses them.
    #[must_use]
    pub fn from_writable_folders(mut self, allowed: bool) -> Self {
        self.from_writable = allowed;
        self
    }

    /// Checks that nobody else can change the pipeline in `folder`.
    ///
    /// # Errors
    /// [`Error::Description`] with who may write what.
    pub fn check_writers(&self, folder: &Path) -> Result<(), Error> {
        if self.from_writable { Ok(()) } else { permissions::check(folder) }
    }

    /// A factory for the pipeline in `folder`.
    ///
    /// # Errors
    /// [`Error::Description`] for an unknown kind, and the errors of the kind.
    pub fn prepare(&self, folder: &Path, about: &Description) -> Result<Factory, Error> {
        let Some(prepare) = self.by_name.get(about.kind.as_str()) else {
            let known = self.by_name.keys().copied().collect::<Vec<_>>().join(", ");
            return Err(Error::Description(format!("kind: expected one of {known}, got {:?}", about.kind)));
        };
        prepare(folder, about)
    }
}
