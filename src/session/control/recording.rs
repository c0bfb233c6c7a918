//! Requests to start and stop a recording, and the messages about one. Pure.

use serde::Serialize;
use serde_json::Value;

use super::{Fault, unexpected};
use crate::stage::Values;

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Record the video that the server sends.
    Start {
        /// Whether to record the client's video too.
        input: bool,
    },
    /// Stop recording.
    Stop,
}

/// The outcome of a request, in Scope's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Recorded {
    /// What it led to.
    pub status: RecordedStatus,
    /// The recording's id; null where there is none.
    pub id: Option<String>,
}

/// What a request for a recording led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordedStatus {
    /// A recording began.
    Started,
    /// One was under way.
    AlreadyRecording,
    /// It ended.
    Stopped,
    /// There was none to end.
    NotRecording,
}

/// A session's recording at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct RecordingInfo {
    /// Whether it runs.
    pub state: RecordingState,
    /// Its id; null where it could not start.
    pub id: Option<String>,
    /// One sentence.
    pub sentence: String,
    /// Bytes written.
    pub bytes: u64,
    /// Seconds since its start; its length once it is over.
    pub seconds: f64,
}

/// The state of a session's recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RecordingProgress)]
pub enum RecordingState {
    /// It has just begun.
    Started,
    /// It continues.
    Running,
    /// It was stopped on request.
    Stopped,
    /// It could not start or continue; the session continues.
    Failed,
}

/// Takes a recording request out of an update: Scope's `recording`, a boolean or `{"input": true}`.
pub fn take_recording(object: &mut Values) -> Result<Option<Request>, Fault> {
    match object.remove("recording") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(true)) => Ok(Some(Request::Start { input: false })),
        Some(Value::Bool(false)) => Ok(Some(Request::Stop)),
        Some(Value::Object(options)) => match options.get("input") {
            None => Ok(Some(Request::Start { input: false })),
            Some(Value::Bool(input)) => Ok(Some(Request::Start { input: *input })),
            Some(other) => Err(unexpected("/recording/input", "true or false", other)),
        },
        Some(other) => Err(unexpected("/recording", "true or false", &other)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taken(value: Value) -> Result<Option<Request>, Fault> {
        let mut object =
            Values::from_iter([("recording".to_owned(), value), ("paused".to_owned(), true.into())]);
        let taken = take_recording(&mut object);
        assert_eq!(object.len(), 1, "the rest stays");
        taken
    }

    #[test]
    fn scope_s_word_and_the_one_for_the_input_are_read() {
        assert_eq!(taken(json!(true)), Ok(Some(Request::Start { input: false })));
        assert_eq!(taken(json!(false)), Ok(Some(Request::Stop)));
        assert_eq!(taken(json!({"input": true})), Ok(Some(Request::Start { input: true })));
        assert_eq!(taken(json!(null)), Ok(None));
        for (wrong, path) in [(json!("yes"), "/recording"), (json!({"input": 1}), "/recording/input")] {
            assert_eq!(taken(wrong).unwrap_err().path, path);
        }
    }
}
