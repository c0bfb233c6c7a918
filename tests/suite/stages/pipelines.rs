//! Pipelines as people meet them: folders that come and go, switches, loads, prompts, and the command line.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use crate::support::{
    LIMIT,
    client::{self, Client, Media},
    http, own_server,
    server::Server,
    stage::put,
    wait_until,
};
use scope::{
    config::Config,
    frame::{Frame, Packed},
    stage::{Catalog, Cause, Entry, Error, Factory, Parameters, Stage, Values},
};
use serde_json::{Value, json};

fn schema(url: &str, id: &str) -> Value {
    http::get(&format!("{url}/api/v1/pipelines/schemas")).unwrap().json()["pipelines"][id].clone()
}

fn settle(claim: &str, condition: impl FnMut() -> bool) {
    assert!(wait_until(condition, LIMIT), "{claim}");
}

#[test]
fn a_folder_appears_breaks_and_vanishes_while_the_server_runs() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let server = Server::spawn(&["--pipelines", folder], &[("SCOPE_OFFLINE", "1")]);
    let url = server.url();
    let with_look = || Client::builder().fps(30).parameters(json!({"pipeline_id": "look"})).connect(url);
    assert!(schema(url, "look").is_null() && with_look().is_err());

    put(dir.path(), "look", "");
    let copied = Instant::now();
    settle("it appears", || schema(url, "look")["name"] == "look");
    let appeared = copied.elapsed();
    let client = with_look().unwrap();
    client.expect("it works", |stats| stats.rises() >= 2, LIMIT);
    println!("in schemas after {appeared:.2?}, its pictures after {:.2?}", copied.elapsed());

    put(dir.path(), "look", "colour = 3");
    settle("it is broken", || schema(url, "look")["schema_error"].is_string());
    let error = schema(url, "look")["schema_error"].as_str().unwrap().to_owned();
    assert!(error.contains("look/pipeline.toml") && error.contains("colour"), "{error}");
    let Err(client::Error::Refused { status, body }) = with_look() else { panic!("a broken one runs") };
    assert_eq!((status, &body["code"]), (409, &json!("broken_pipeline")));

    std::fs::remove_dir_all(dir.path().join("look")).unwrap();
    settle("it vanishes", || schema(url, "look").is_null());
    let Err(client::Error::Refused { status, .. }) = with_look() else { panic!("one that is gone runs") };
    assert_eq!(status, 404);
    let before = client.read(crate::support::stats::Stats::rises);
    client.expect("what runs goes on", |stats| stats.rises() >= before + 10, LIMIT);
}

/// A stage that shows a grey of its own, or gives the frame back.
struct Probe {
    grey: Option<u8>,
    prompts: Sender<Value>,
}

impl Stage for Probe {
    fn set(&mut self, parameters: &Parameters) -> Result<(), Error> {
        if let Some(prompts) = parameters.values.get("prompts") {
            self.prompts.send(prompts.clone()).ok(); // the test may be over
        }
        Ok(())
    }

    fn process(&mut self, frame: &Frame) -> Result<Option<Frame>, Error> {
        let Some(grey) = self.grey else { return Ok(Some(frame.clone())) };
        let (width, height) = (frame.width as usize, frame.height as usize);
        let luma = width * height;
        let bytes = [vec![grey; luma], vec![128; luma / 2]].concat();
        let data = Packed::new(bytes, vec![0, luma, luma * 5 / 4]);
        Ok(Some(Frame { strides: vec![width, width / 2, width / 2], data: Arc::new(data), ..frame.clone() }))
    }
}

fn entry(id: &str, rest: &str, factory: Factory) -> Entry {
    let text = format!("id = \"{id}\"\nname = \"A\"\nkind = \"test\"\nlayouts = [\"I420\"]\n{rest}");
    Entry::parse(&text, Some(factory)).unwrap()
}

fn probe(grey: Option<u8>) -> (Factory, Receiver<Value>) {
    let (prompts, seen) = channel();
    (Arc::new(move || Ok(Box::new(Probe { grey, prompts: prompts.clone() }))), seen)
}

fn states(stats: &crate::support::stats::Stats) -> Vec<String> {
    stats.messages_of("stage_state").map(|message| message["state"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_switch_keeps_the_connection_and_the_picture_while_the_new_stage_loads() {
    let (open, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let slow: Factory = Arc::new(move || {
        gate.lock().unwrap().recv().ok(); // the test may be over
        Ok(Box::new(Probe { grey: None, prompts: channel().0 }))
    });
    own_server::run(Catalog::default().with(entry("slow", "", slow)), |url| {
        let client = Client::builder().fps(30).connect(url).unwrap();
        client.expect("a picture and a channel", |stats| stats.rises() >= 10 && stats.channel_open, LIMIT);

        let chosen = http::send(
            http::Method::PUT,
            &format!("{}/pipeline", client.detail_url()),
            &[("content-type", "application/json")],
            json!({"pipeline_id": "slow"}).to_string().into_bytes(),
        );

        assert_eq!(chosen.unwrap().status, 204);
        client.expect(
            "it loads",
            |stats| states(stats).last().is_some_and(|state| state == "loading"),
            LIMIT,
        );
        let before = client.read(crate::support::stats::Stats::rises);
        client.expect("echo goes on meanwhile", |stats| stats.rises() >= before + 20, LIMIT);
        assert_eq!(http::get(&client.detail_url()).unwrap().json()["pipeline_id"], "echo");
        open.send(()).unwrap();
        client.expect("the change", |stats| stats.messages_of("pipeline_changed").count() == 1, LIMIT);
        let before = client.read(crate::support::stats::Stats::rises);
        client.expect("the picture after it", |stats| stats.rises() >= before + 20, LIMIT);
        client.read(|stats| {
            let changed = stats.messages_of("pipeline_changed").next().unwrap();
            assert_eq!(changed["pipeline_id"], "slow");
            assert!(changed["frame"].as_u64().is_some_and(|frame| frame > 0), "{changed}");
            assert_eq!((stats.falls(), &stats.end), (0, &None));
        });
        assert_eq!(http::get(&client.detail_url()).unwrap().json()["pipeline_id"], "slow");
    });
}

#[test]
fn a_pipeline_that_does_not_load_is_refused_by_name_and_the_old_one_goes_on() {
    let fails: Factory = Arc::new(|| Err(Error::Process("no weights".into())));
    let hangs: Factory = Arc::new(|| {
        std::thread::park();
        Err(Error::Process("woken".into()))
    });
    let catalog =
        Catalog::default().with(entry("fails", "", fails)).with(entry("hangs", "load_limit_s = 0.5", hangs));
    own_server::run(catalog, |url| {
        let client = Client::builder().fps(30).connect(url).unwrap();
        client.expect("a picture and a channel", |stats| stats.rises() >= 10 && stats.channel_open, LIMIT);
        for (pipeline, why) in [("fails", "no weights"), ("hangs", "not ready after")] {
            client.send(&json!({"pipeline_id": pipeline, "id": pipeline}));

            client.expect(
                pipeline,
                |stats| {
                    stats.messages_of("parameters_rejected").any(|message| {
                        let error = &message["errors"][0];
                        error["path"] == "/pipeline_id"
                            && error["message"].as_str().unwrap().contains(why)
                            && message["id"] == pipeline
                    })
                },
                LIMIT,
            );
            let before = client.read(crate::support::stats::Stats::rises);
            client.expect("echo goes on", |stats| stats.rises() >= before + 10, LIMIT);
            client.send(&json!({"work_ms": 1, "id": format!("after {pipeline}")}));
            client.expect(
                "and takes its own parameters",
                |stats| {
                    let marks = stats.messages_of("parameters_updated").map(|message| message["id"].clone());
                    marks.into_iter().any(|mark| mark == format!("after {pipeline}"))
                },
                LIMIT,
            );
        }
    });
}

#[test]
fn a_stage_that_is_gone_leaves_its_last_picture_moving_on() {
    struct Mortal(u64);
    impl Stage for Mortal {
        fn set(&mut self, _: &Parameters) -> Result<(), Error> {
            Ok(())
        }

        fn process(&mut self, frame: &Frame) -> Result<Option<Frame>, Error> {
            self.0 += 1;
            if self.0 > 30 {
                Err(Cause::ElementFailed { message: "planted".into() }.into())
            } else {
                Ok(Some(frame.clone()))
            }
        }
    }
    let first = Mutex::new(true);
    let once: Factory = Arc::new(move || {
        if std::mem::take(&mut *first.lock().unwrap()) {
            Ok(Box::new(Mortal(0)))
        } else {
            Err(Error::Process("no more".into()))
        }
    });
    own_server::run(Catalog::default().with(entry("mortal", "on_failure = \"hold\"", once)), |url| {
        let client =
            Client::builder().fps(30).parameters(json!({"pipeline_id": "mortal"})).connect(url).unwrap();

        client.expect("given up", |stats| states(stats).last().is_some_and(|state| state == "failed"), LIMIT);
        let (decoded, rises) = client.read(|stats| (stats.frames_decoded, stats.rises()));
        client.expect("pictures all the same", |stats| stats.frames_decoded >= decoded + 30, LIMIT);

        client.read(|stats| {
            assert_eq!(stats.rises(), rises, "the last good one, again and again");
            let told: Vec<_> = stats.messages_of("stage_state").map(|told| told["detail"].clone()).collect();
            assert!(told.iter().any(|detail| detail.as_str().unwrap().contains("planted")), "{told:?}");
        });
    });
}

#[test]
fn a_parameter_that_a_stage_loads_with_builds_another_one_behind_the_picture() {
    let built = Arc::new(Mutex::new(0));
    let count = built.clone();
    let factory: Factory = Arc::new(move || {
        *count.lock().unwrap() += 1;
        Ok(Box::new(Probe { grey: None, prompts: channel().0 }))
    });
    let rest =
        "[parameters.size]\ntype = \"integer\"\ndefault = 1\nui = { is_load_param = true, label = \"Size\" }";
    own_server::run(Catalog::default().with(entry("model", rest, factory)), |url| {
        let ui = schema(url, "model")["config_schema"]["properties"]["size"]["ui"].clone();
        assert_eq!(ui, json!({"is_load_param": true, "label": "Size", "applies": "rebuild"}));
        let client =
            Client::builder().fps(30).parameters(json!({"pipeline_id": "model"})).connect(url).unwrap();
        client.expect("a picture and a channel", |stats| stats.rises() >= 10 && stats.channel_open, LIMIT);
        assert_eq!(*built.lock().unwrap(), 1);

        client.send(&json!({"size": 2, "id": 1}));

        client.expect(
            "a reply",
            |stats| stats.messages_of("parameters_updated").any(|it| it["id"] == 1),
            LIMIT,
        );
        assert_eq!(*built.lock().unwrap(), 2);
        let before = client.read(crate::support::stats::Stats::rises);
        client.expect("the picture after it", |stats| stats.rises() >= before + 10, LIMIT);
        client.read(|stats| {
            assert_eq!((stats.falls(), stats.messages_of("pipeline_changed").count()), (0, 0));
        });
    });
}

#[test]
fn a_pipeline_that_makes_pictures_needs_none_to_come_in() {
    let (factory, _seen) = probe(Some(200));
    let mut config = Config::default();
    config.session.limits.media = Duration::from_secs(1);
    let rest = "input = \"none\"\nfps = 30.0\nwidth = 320\nheight = 240";
    own_server::run_with(config, Catalog::default().with(entry("dream", rest, factory)), |url| {
        let client = Client::builder()
            .media(Media::Withheld)
            .parameters(json!({"pipeline_id": "dream"}))
            .connect(url)
            .unwrap();

        client.expect(
            "pictures for longer than others may have none",
            |stats| stats.frames_decoded >= 60,
            LIMIT,
        );

        client.read(|stats| {
            let picture = stats.last_frame.as_ref().unwrap();
            assert_eq!((picture.width, picture.height), (320, 240));
            let mean = picture.luma.iter().map(|&luma| u32::from(luma)).sum::<u32>() / (320 * 240);
            assert!((195..=205).contains(&mean), "{mean}");
            assert_eq!(stats.messages_of("stream_stopped").count(), 0);
        });
        assert_eq!(http::get(&client.detail_url()).unwrap().json()["state"], "live");
    });
}

#[test]
fn prompts_of_every_form_reach_the_stage_as_weighted_texts_and_change_over_steps() {
    let (factory, seen) = probe(None);
    let catalog = Catalog::default().with(entry("painter", "supports_prompts = true", factory));
    own_server::run(catalog, |url| {
        let client = Client::builder()
            .fps(30)
            .parameters(json!({"pipeline_id": "painter", "prompts": ["day"]}))
            .connect(url)
            .unwrap();
        client.expect("a picture and a channel", |stats| stats.rises() >= 10 && stats.channel_open, LIMIT);
        assert_eq!(seen.try_iter().next(), Some(json!([{"text": "day", "weight": 1.0}])));

        client.send(&json!({"transition": {"target_prompts": [{"text": "night"}], "num_steps": 4}, "id": 1}));
        client.expect(
            "a reply",
            |stats| stats.messages_of("parameters_updated").any(|it| it["id"] == 1),
            LIMIT,
        );

        let night = json!([{"text": "night", "weight": 1.0}]);
        client.read(|stats| {
            let reply = stats.messages_of("parameters_updated").find(|it| it["id"] == 1).unwrap().clone();
            assert_eq!(reply["parameters"]["prompts"], night);
            assert!(reply["frame"].is_u64(), "{reply}");
        });
        let mut steps = Vec::new();
        settle("the last step", || {
            steps.extend(seen.try_iter());
            steps.last() == Some(&night)
        });
        assert_eq!(steps.len(), 4, "{steps:?}");
        assert_eq!(steps[0], json!([{"text": "day", "weight": 0.75}, {"text": "night", "weight": 0.25}]));
        client.send(&json!({"prompts": [7], "id": 2}));
        client.expect(
            "a refusal",
            |stats| stats.messages_of("parameters_rejected").any(|it| it["id"] == 2),
            LIMIT,
        );
        client.send(&json!({"reset": true, "reset_cache": true, "id": 3}));
        client.expect(
            "a reset",
            |stats| stats.messages_of("parameters_updated").any(|it| it["id"] == 3),
            LIMIT,
        );
    });
}

#[test]
fn a_load_tells_its_steps_and_the_next_session_gets_the_stage() {
    let (open, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let built = Arc::new(Mutex::new(0));
    let count = built.clone();
    let slow: Factory = Arc::new(move || {
        gate.lock().unwrap().recv().ok(); // the test may be over
        *count.lock().unwrap() += 1;
        Ok(Box::new(Probe { grey: None, prompts: channel().0 }))
    });
    own_server::run(Catalog::default().with(entry("slow", "", slow)), |url| {
        let status = || http::get(&format!("{url}/api/v1/pipeline/status")).unwrap().json();
        assert_eq!(status()["status"], "not_loaded");

        let loaded = http::post_json(&format!("{url}/api/v1/pipeline/load"), &json!({"pipeline_id": "slow"}));

        assert_eq!(loaded.unwrap().status, 200, "at once");
        settle("a step", || status()["loading_stage"] == "starting");
        assert_eq!((&status()["status"], &status()["pipeline_id"]), (&json!("loading"), &json!("slow")));
        open.send(()).unwrap();
        settle("ready", || status()["status"] == "loaded" && status()["loading_stage"] == "ready");
        let client = Client::builder().fps(30).connect(url).unwrap();
        client.expect("a picture", |stats| stats.rises() >= 10, LIMIT);
        assert_eq!(http::get(&client.detail_url()).unwrap().json()["pipeline_id"], "slow");
        assert_eq!(*built.lock().unwrap(), 1, "no second one is built for the session");
    });
}

#[test]
fn a_session_that_would_break_the_others_frame_rate_is_refused() {
    let busy: Factory = Arc::new(|| {
        struct Busy;
        impl Stage for Busy {
            fn set(&mut self, _: &Parameters) -> Result<(), Error> {
                Ok(())
            }
            fn process(&mut self, frame: &Frame) -> Result<Option<Frame>, Error> {
                Ok(Some(frame.clone()))
            }
            fn compute(&self) -> Option<Duration> {
                Some(Duration::from_secs(1))
            }
        }
        Ok(Box::new(Busy))
    });
    own_server::run(Catalog::default().with(entry("busy", "max_load = 0.9", busy)), |url| {
        let connect = || Client::builder().fps(30).parameters(json!({"pipeline_id": "busy"})).connect(url);
        let first = connect().unwrap();
        first.expect("a picture", |stats| stats.rises() >= 10, LIMIT);

        let Err(client::Error::Refused { status, body }) = connect() else { panic!("a second session fits") };

        assert_eq!((status, &body["code"]), (503, &json!("pipeline_full")));
        assert!(body["detail"].as_str().unwrap().contains("busy"), "{body}");
        assert!(Client::builder().connect(url).is_ok(), "another pipeline has room");
    });
}

#[test]
fn no_words_of_a_client_become_a_path_or_a_pipeline() {
    let server = Server::spawn(&[], &[("SCOPE_OFFLINE", "1")]);
    let ids = ["../echo", "/etc", "echo/../echo", "videotestsrc ! fakesink", "os; import os", ".", ""];
    for id in ids {
        let parameters: Values = [("pipeline_id".to_owned(), json!(id))].into_iter().collect();
        let Err(client::Error::Refused { status, body }) =
            Client::builder().parameters(parameters.into()).connect(server.url())
        else {
            panic!("{id:?} is a pipeline");
        };
        assert_eq!((status, &body["code"]), (404, &json!("unknown_pipeline")), "{id:?}");
        let loaded =
            http::post_json(&format!("{}/api/v1/pipeline/load", server.url()), &json!({"pipeline_id": id}));
        assert_eq!(loaded.unwrap().status, 404, "{id:?}");
    }
}
