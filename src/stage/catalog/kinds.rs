//! The kinds of pipelines that this server supports: each creates a factory of stages from a pipeline's folder.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::Description;
use crate::stage::{Error, Stage, echo::Echo};

/// Creates a stage; called on a thread of its own, may block.
pub type Factory = Arc<dyn Fn() -> Result<Box<dyn Stage>, Error> + Send + Sync>;

/// Reads and checks everything of a pipeline's folder that can be checked without running it.
pub type Prepare = Arc<dyn Fn(&Path, &Description) -> Result<Factory, Error> + Send + Sync>;

/// Kinds by name.
#[derive(Clone)]
pub struct Kinds(BTreeMap<&'static str, Prepare>);

impl Default for Kinds {
    /// `echo`, which needs nothing.
    fn default() -> Self {
        let echo: Factory = Arc::new(|| Ok(Box::<Echo>::default() as Box<dyn Stage>));
        Self(BTreeMap::new()).with("echo", move |_, _| Ok(echo.clone()))
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
        self.0.insert(name, Arc::new(prepare));
        self
    }

    /// A factory for the pipeline in `folder`.
    ///
    /// # Errors
    /// [`Error::Description`] for an unknown kind, and the errors of the kind.
    pub fn prepare(&self, folder: &Path, about: &Description) -> Result<Factory, Error> {
        let Some(prepare) = self.0.get(about.kind.as_str()) else {
            let known = self.0.keys().copied().collect::<Vec<_>>().join(", ");
            return Err(Error::Description(format!("kind: expected one of {known}, got {:?}", about.kind)));
        };
        prepare(folder, about)
    }
}
