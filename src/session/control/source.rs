//! The choice of the source of a session's video. Pure.

use serde::Serialize;
use serde_json::Value;

use super::{Fault, fault};
use crate::stage::Values;

/// The key of an update.
pub const SOURCE: &str = "input_source";

/// A file that replaces the client's video, in Scope's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = InputSource)]
pub struct Source {
    /// What kind of file.
    pub source_type: SourceType,
    /// Its name; for a recording its id, a slash and the file's name.
    pub source_name: String,
    /// Whether it starts again at its end.
    #[serde(rename = "loop")]
    pub repeat: bool,
}

/// Kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceType {
    /// In the folder of `--video-files`.
    VideoFile,
    /// A recording.
    Recording,
}

/// The source that an update chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The client's own video.
    Client,
    /// A file.
    File(Source),
}

/// Takes the choice of a source out of an update.
pub fn take_source(object: &mut Values) -> Result<Option<Choice>, Fault> {
    let wrong =
        |path: &str, expected: &str| Err(fault(&format!("/{SOURCE}{path}"), format!("expected {expected}")));
    let chosen = match object.remove(SOURCE) {
        None => return Ok(None),
        Some(Value::Null) => return Ok(Some(Choice::Client)),
        Some(Value::Object(chosen)) => chosen,
        Some(_) => return wrong("", "an object or null"),
    };
    match chosen.get("enabled") {
        None | Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Ok(Some(Choice::Client)),
        Some(_) => return wrong("/enabled", "true or false"),
    }
    let source_type = match chosen.get("source_type").and_then(Value::as_str) {
        Some("video_file") => SourceType::VideoFile,
        Some("recording") => SourceType::Recording,
        _ => return wrong("/source_type", "\"video_file\" or \"recording\""),
    };
    let Some(repeat) = chosen.get("loop").map_or(Some(true), Value::as_bool) else {
        return wrong("/loop", "true or false");
    };
    match chosen.get("source_name").and_then(Value::as_str) {
        Some(name) => Ok(Some(Choice::File(Source { source_type, source_name: name.to_owned(), repeat }))),
        None => wrong("/source_name", "a name"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taken(value: Value) -> Result<Option<Choice>, String> {
        let mut object = Values::from_iter([(SOURCE.to_owned(), value)]);
        let taken = take_source(&mut object);
        assert!(object.is_empty());
        taken.map_err(|fault| fault.path)
    }

    #[test]
    fn a_choice_is_read_in_scopes_shape() {
        let file = |source_type, name: &str, repeat| {
            Ok(Some(Choice::File(Source { source_type, source_name: name.into(), repeat })))
        };

        let clip = json!({"enabled": true, "source_type": "video_file", "source_name": "a.mp4"});
        assert_eq!(taken(clip), file(SourceType::VideoFile, "a.mp4", true));
        let recording = json!({"source_type": "recording", "source_name": "x/output-000.mp4", "loop": false});
        assert_eq!(taken(recording), file(SourceType::Recording, "x/output-000.mp4", false));
        assert_eq!(taken(json!(null)), Ok(Some(Choice::Client)));
        assert_eq!(taken(json!({"enabled": false, "source_type": "ndi"})), Ok(Some(Choice::Client)));
        assert_eq!(take_source(&mut Values::new()), Ok(None));
        for (wrong, path) in [
            (json!(3), "/input_source"),
            (json!({"enabled": 1}), "/input_source/enabled"),
            (json!({"source_type": "ndi"}), "/input_source/source_type"),
            (json!({"source_type": "video_file", "source_name": 1}), "/input_source/source_name"),
            (json!({"source_type": "video_file", "source_name": "a", "loop": 1}), "/input_source/loop"),
        ] {
            assert_eq!(taken(wrong), Err(path.to_owned()));
        }
    }
}
