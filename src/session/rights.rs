//! What each key of an update needs of its sender: the one check in front of every message. Pure.

use super::control::fault;
use crate::{
    access::{Caller, Right, Rights},
    stage::{Fault, Values},
};

/// Keys that start, end or replace something.
const NOTED: [&str; 4] = ["pipeline_id", "pipeline_ids", "recording", "input_source"];

/// When an update comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// With the request that makes the session.
    Start,
    /// While it is live.
    Later,
}

/// Checks that the sender of an update has the rights for all of it.
///
/// # Errors
/// The first key that needs a right that it lacks.
pub fn permit(object: &Values, rights: Rights, moment: Moment) -> Result<(), Fault> {
    let lacking =
        object.keys().find_map(|key| Some((key, need(key, moment).filter(|need| !rights.has(*need))?)));
    lacking.map_or(Ok(()), |(key, right)| {
        let path = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        let sentence =
            format!("expected the right {} for this, which the session's owner does not have", right.name());
        Err(fault(&path, sentence))
    })
}

/// The keys of an update that the audit notes: what starts, ends or replaces something. Parameters change too often.
pub fn noted(object: &Values) -> Vec<&'static str> {
    NOTED.into_iter().filter(|key| object.contains_key(*key)).collect()
}

/// Checks that a caller may run the pipeline that an update selects, by its id: an alias is another word for one.
///
/// # Errors
/// Its token is for others.
pub fn permit_pipeline(caller: &Caller, id: &str) -> Result<(), Fault> {
    if caller.may_run(id) {
        return Ok(());
    }
    Err(fault("/pipeline_id", format!("expected a pipeline that the token is for, got {id}")))
}

/// The right that a key needs, if it needs one.
fn need(key: &str, moment: Moment) -> Option<Right> {
    match key {
        "id" | "client_delay_ms" => None,
        "recording" => Some(Right::Record),
        "pipeline_id" | "pipeline_ids" if moment == Moment::Start => Some(Right::Publish),
        // The pipeline, the source, pauses, and every parameter.
        _ => Some(Right::Control),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_key_needs_its_right() {
        let lacks = |update: serde_json::Value, rights: &[Right], moment| {
            let refused = permit(update.as_object().unwrap(), Rights::of(rights), moment);
            refused.err().map(|fault| fault.path)
        };
        let all =
            json!({"recording": true, "pipeline_id": "x", "input_source": null, "prompts": "x", "id": 1});

        assert_eq!(lacks(all, &Right::ALL, Moment::Later), None);
        assert_eq!(lacks(json!({"id": 1, "client_delay_ms": 3}), &[], Moment::Later), None);
        assert_eq!(
            lacks(json!({"recording": true}), &[Right::Control], Moment::Later),
            Some("/recording".into())
        );
        for key in
            ["pipeline_id", "pipeline_ids", "input_source", "paused", "reset", "transition", "prompts", "own"]
        {
            let update = || json!({key: null});
            assert_eq!(
                lacks(update(), &[Right::Publish, Right::Record], Moment::Later),
                Some(format!("/{key}"))
            );
            assert_eq!(lacks(update(), &[Right::Control], Moment::Later), None, "{key}");
        }
        assert_eq!(lacks(json!({"pipeline_id": "x"}), &[Right::Publish], Moment::Start), None);
        assert_eq!(lacks(json!({"a/b": 1}), &[Right::Publish], Moment::Start), Some("/a~1b".into()));
    }
}
