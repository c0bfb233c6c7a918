//! A message on the data channel, checked against two schemas: the one that every server has, and one of many types.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use scope_fuzz::{
    control::{self, Message, Update},
    stage::{Description, Error, Fault, Parameters, Schema, Values},
};

/// A longer reply does not fit a data channel whose peer declares no limit (RFC 8841 section 6.1).
const REPLY_BYTES: usize = 64 * 1024;
/// Longest path and sentence of one fault, in characters.
const FAULT_CHARS: usize = 1000;

const PIPELINES: [(&str, &str); 2] = [
    ("echo", include_str!("../../pipelines/catalog/echo/pipeline.toml")),
    ("rich", include_str!("rich.toml")),
];

static SCHEMAS: LazyLock<[Schema; 2]> = LazyLock::new(|| {
    PIPELINES.map(|(id, text)| {
        let about = Description::parse(text).expect("the file is a pipeline");
        assert_eq!(about.id, id);
        Schema::of(&about).expect("its parameters are a schema")
    })
});

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };

    let object = match control::parse(text) {
        Ok(object) => object,
        Err(fault) => {
            check_faults(vec![fault], None);
            return Corpus::Keep;
        }
    };
    let id = control::id(&object).unwrap_or_default();
    match control::selected(&object) {
        Ok(Some(pipeline)) => {
            if !PIPELINES.iter().any(|(id, _)| *id == pipeline) {
                let error = Error::unknown(&pipeline, "echo, rich".into());
                check_faults(vec![control::fault("/pipeline_id", error.to_string())], id.clone());
            }
        }
        Ok(None) => {}
        Err(fault) => check_faults(vec![fault], id.clone()),
    }
    for schema in SCHEMAS.iter() {
        check_update(object.clone(), id.clone(), schema);
    }
    Corpus::Keep
});

fn check_update(object: Values, id: Option<serde_json::Value>, schema: &Schema) {
    let first = Parameters { values: schema.defaults(), version: 0 };
    match Update::read(object.clone(), schema, &first) {
        Ok(update) => {
            let values = &update.stage.parameters.values;
            assert_eq!(schema.faults(values), [], "values that break their schema reach the stage");
            assert!(values.keys().all(|name| schema.has(name)));
            let once = Parameters { values: values.clone(), version: 0 };
            let again = Update::read(object, schema, &once);
            assert_eq!(again.as_ref(), Ok(&update), "the same update twice is another one");
            let reply = Message::ParametersUpdated {
                parameters: first.values, // only its schema bounds those of the stage
                frame: u64::MAX,
                ignored: update.ignored,
                id,
            };
            check_reply(&reply);
        }
        Err(faults) => check_faults(faults, id),
    }
}

fn check_faults(errors: Vec<Fault>, id: Option<serde_json::Value>) {
    assert!(!errors.is_empty(), "refused without a reason");
    for fault in &errors {
        assert!(fault.path.is_empty() || fault.path.starts_with('/'), "no JSON pointer: {:?}", fault.path);
        assert!(!fault.message.is_empty());
        let chars = fault.path.chars().count() + fault.message.chars().count();
        assert!(chars <= FAULT_CHARS, "a fault of {chars} characters: {fault:?}");
    }
    check_reply(&Message::ParametersRejected { errors, id });
}

fn check_reply(reply: &Message) {
    let text = serde_json::to_string(reply).expect("a reply can be written");
    assert!(text.len() < REPLY_BYTES, "a reply of {} bytes", text.len());
    assert!(text.starts_with(r#"{"type":"#));
}
