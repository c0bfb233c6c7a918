//! The pipeline that new sessions get, and its stage that is ready for the next one.
//!
//! Runs: `pipeline-load`, one at a time, which builds that stage once it is its turn.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{Entry, build::build};
use crate::{
    limits,
    stage::{
        Activity, Cause, Error, ParameterValues, Parameters, Stage, Values,
        builds::{self, Place, Turn},
    },
};

/// How often a load asks for its turn: a person does not notice it.
const TURN_POLL: Duration = Duration::from_millis(50);

/// The state of the server's loaded pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadState {
    /// Nothing was asked for; sessions get `echo`.
    #[default]
    NotLoaded,
    /// Loading.
    Loading,
    /// Ready for sessions.
    Loaded,
    /// The last load failed.
    Error,
}

/// Response of `GET /api/v1/pipeline/status`.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct LoadStatus {
    /// Where it is.
    pub status: LoadState,
    /// The pipeline that new sessions get.
    pub pipeline_id: Option<String>,
    /// The parameters that it was loaded with.
    #[schema(value_type = Option<ParameterValues>)]
    pub load_params: Option<Values>,
    /// What the load is doing: checking, starting, the steps of a Python worker, warming up, ready.
    pub loading_stage: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Seconds since the load began.
    pub elapsed_s: Option<f64>,
}

/// The loaded pipeline.
#[derive(Clone, Default)]
pub struct Preload(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    number: u64,
    status: LoadStatus,
    since: Option<Instant>,
    took: Option<Duration>,
    entry: Option<Entry>,
}

impl Preload {
    /// Loads a pipeline in the background and replaces the previous one. The same load again changes nothing.
    ///
    /// # Errors
    /// [`Error::LoadRunning`] while another load is under way; [`Error::Parameters`] where its own are wrong; others in `load_params` are another pipeline's and do not count.
    pub fn start(&self, entry: Entry, load_params: Option<Values>) -> Result<(), Error> {
        let mut values = entry.schema.defaults();
        let own = load_params.iter().flatten().filter(|(name, _)| entry.schema.has(name));
        values.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        let faults = entry.schema.faults(&values);
        if !faults.is_empty() {
            return Err(Error::Parameters(faults));
        }
        self.status(); // a load that hangs is over
        let mut inner = self.lock();
        if inner.status.status == LoadState::Loading {
            let id = inner.status.pipeline_id.clone().unwrap_or_default();
            if id == entry.info.id && inner.status.load_params == load_params {
                return Ok(());
            }
            limits::PRELOADS.refused();
            return Err(Error::LoadRunning { id });
        }
        let before = inner.entry.replace(entry.clone()).and_then(|before| before.take_spare());
        inner.number += 1;
        let number = inner.number;
        (inner.since, inner.took) = (Some(Instant::now()), None);
        inner.status = LoadStatus {
            status: LoadState::Loading,
            pipeline_id: Some(entry.info.id.clone()),
            load_params,
            loading_stage: Some("checking".into()),
            ..LoadStatus::default()
        };
        drop(inner);
        let (preload, place) = (self.clone(), builds::queue());
        let thread = std::thread::Builder::new().name("pipeline-load".into()).spawn(move || {
            drop(before); // the previous stage may take a while to stop
            let Some(turn) = preload.wait_for_turn(number, &place) else { return };
            let told = preload.clone();
            let step = move |step: &str| told.step(number, step);
            let parameters = Parameters { values, version: 0 };
            let built = builds::with_turn(turn, || build(&entry, &parameters, None, step));
            preload.finish(number, &entry, built);
        });
        if let Err(error) = thread {
            self.fail(number, &Cause::NotStarted { message: error.to_string() }.to_string());
        }
        Ok(())
    }

    /// The progress of the load.
    pub fn status(&self) -> LoadStatus {
        let inner = self.lock();
        let limit = inner.entry.as_ref().map_or(Duration::MAX, |entry| entry.info.load_limit);
        let elapsed = inner.since.map(|since| inner.took.unwrap_or_else(|| since.elapsed()));
        let number = inner.number;
        let hangs =
            inner.status.status == LoadState::Loading && elapsed.is_some_and(|elapsed| elapsed >= limit);
        drop(inner);
        if hangs {
            let cause = Cause::TimedOut { during: Activity::Loading, seconds: limit.as_secs_f64() };
            self.fail(number, &cause.to_string());
        }
        LoadStatus { elapsed_s: elapsed.map(|elapsed| elapsed.as_secs_f64()), ..self.lock().status.clone() }
    }

    /// The pipeline of sessions that select none.
    pub fn id(&self) -> Option<String> {
        let status = self.status();
        let usable = matches!(status.status, LoadState::Loading | LoadState::Loaded);
        status.pipeline_id.filter(|_| usable)
    }

    /// The parameters that the pipeline of that id was loaded with.
    pub fn values(&self, id: &str) -> Values {
        let inner = self.lock();
        let params = inner.status.load_params.as_ref();
        params.filter(|_| inner.status.pipeline_id.as_deref() == Some(id)).cloned().unwrap_or_default()
    }

    /// Blocks until it is this load's turn to build; `None` once the load is given up.
    fn wait_for_turn(&self, number: u64, place: &Place) -> Option<Turn> {
        loop {
            if let Some(turn) = place.turn(Instant::now()) {
                return Some(turn);
            }
            let status = self.status();
            if status.status != LoadState::Loading || self.lock().number != number {
                return None;
            }
            std::thread::park_timeout(TURN_POLL);
        }
    }

    fn step(&self, number: u64, step: &str) {
        let mut inner = self.lock();
        if inner.number == number && inner.status.status == LoadState::Loading {
            inner.status.loading_stage = Some(step.to_owned());
        }
    }

    fn finish(&self, number: u64, entry: &Entry, built: Result<Box<dyn Stage>, Error>) {
        let stage = match built {
            Ok(stage) => stage,
            Err(error) => return self.fail(number, &error.to_string()),
        };
        let mut inner = self.lock();
        if inner.number != number || inner.status.status != LoadState::Loading {
            return; // a newer load replaced this one
        }
        let before = entry.keep_spare(stage);
        inner.took = inner.since.map(|since| since.elapsed());
        inner.status.status = LoadState::Loaded;
        inner.status.loading_stage = Some("ready".into());
        drop(inner);
        drop(before);
        tracing::info!(pipeline = entry.info.id, "pipeline loaded");
    }

    fn fail(&self, number: u64, sentence: &str) {
        let mut inner = self.lock();
        if inner.number != number || inner.status.status != LoadState::Loading {
            return;
        }
        let id = inner.status.pipeline_id.clone().unwrap_or_default();
        tracing::error!(pipeline = id, error = sentence, "pipeline not loaded");
        inner.took = inner.since.map(|since| since.elapsed());
        inner.status.status = LoadState::Error;
        inner.status.error = Some(format!("pipeline {id} cannot start: {sentence}; new sessions get echo"));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::{Catalog, Factory};

    /// Waits for the end of the load.
    fn settled(catalog: &Catalog) -> LoadStatus {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let status = catalog.status();
            if status.status != LoadState::Loading {
                return status;
            }
            assert!(Instant::now() < end, "{status:?}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_load_names_the_pipeline_of_new_sessions_and_keeps_a_stage_for_the_next() {
        let catalog = Catalog::default();

        catalog.load(&["passthrough".into()], None).unwrap();

        assert_eq!(settled(&catalog).status, LoadState::Loaded);
        assert_eq!(catalog.status().loading_stage.as_deref(), Some("ready"));
        assert_eq!(catalog.default_id(), "echo");
        let entry = catalog.get("echo").unwrap();
        assert!(entry.take_spare().is_some() && entry.take_spare().is_none());
        assert!(catalog.load(&["x".into()], None).is_err());
        assert!(catalog.load(&[], None).is_err());
    }

    #[test]
    fn what_a_pipeline_was_loaded_with_is_what_its_sessions_start_with() {
        let catalog = Catalog::default();
        let Value::Object(params) = serde_json::json!({"work_ms": 7, "height": 320}) else { unreachable!() };

        catalog.load(&["echo".into()], Some(params)).unwrap();

        let values = catalog.first_values(&catalog.get("echo").unwrap());
        assert_eq!(Value::from(values), serde_json::json!({"work_ms": 7}));
    }

    #[test]
    fn one_load_at_a_time_is_under_way() {
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        let slow: Factory = Arc::new(move || {
            gate.lock().unwrap().recv().ok();
            Err(Error::Process("no weights".into()))
        });
        let text = "id = \"a\"\nname = \"A\"\nkind = \"a\"\nlayouts = [\"RGB\"]\n";
        let catalog = Catalog::default().with(Entry::parse(text, Some(slow)).unwrap());
        catalog.load(&["a".into()], None).unwrap();

        let refused = catalog.load(&["echo".into()], None).unwrap_err();

        assert_eq!(refused, Error::LoadRunning { id: "a".into() });
        assert!(refused.to_string().contains("try again"), "{refused}");
        assert_eq!(catalog.load(&["a".into()], None), Ok(()), "the same again");
        open.send(()).unwrap();
        assert_eq!(settled(&catalog).status, LoadState::Error);
        assert_eq!(catalog.load(&["echo".into()], None), Ok(()));
        assert_eq!(settled(&catalog).status, LoadState::Loaded);
    }

    #[test]
    fn a_load_that_fails_or_hangs_says_why_and_new_sessions_get_echo() {
        let fails: Factory = Arc::new(|| Err(Error::Process("no weights".into())));
        let hangs: Factory = Arc::new(|| {
            std::thread::park();
            Err(Error::Process("woken".into()))
        });
        for (factory, limit, word) in
            [(fails, "", "no weights"), (hangs, "load_limit_s = 0.1", "not ready after")]
        {
            let about = format!("id = \"a\"\nname = \"A\"\nkind = \"a\"\nlayouts = [\"RGB\"]\n{limit}");
            let catalog = Catalog::default().with(Entry::parse(&about, Some(factory)).unwrap());

            catalog.load(&["a".into()], None).unwrap();

            let status = settled(&catalog);
            assert_eq!(status.status, LoadState::Error);
            assert!(status.error.as_ref().unwrap().contains(word), "{status:?}");
            assert_eq!(catalog.default_id(), "echo");
        }
    }

    use serde_json::Value;
}
