//! Clients that ask for more than a person can: it is bounded, said, and costs the others nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use scope::{
    frame::Frame,
    stage::{Catalog, Entry, Error, Factory, Parameters, Stage},
};
use serde_json::json;

use crate::support::{LIMIT, client::Client, http, own_server, server::Server, stats::Stats, wait_until};

struct Through;

impl Stage for Through {
    fn set(&mut self, _: &Parameters) -> Result<(), Error> {
        Ok(())
    }

    fn process(&mut self, frame: &Frame) -> Result<Option<Frame>, Error> {
        Ok(Some(frame.clone()))
    }
}

/// How many stages were built, and how many at once.
#[derive(Default)]
struct Builds {
    all: AtomicUsize,
    under_way: AtomicUsize,
    at_once: AtomicUsize,
}

/// A pipeline whose stage takes a while to build.
fn slow(id: &str, builds: &Arc<Builds>) -> Entry {
    let builds = builds.clone();
    let factory: Factory = Arc::new(move || {
        builds.all.fetch_add(1, Relaxed);
        builds.at_once.fetch_max(builds.under_way.fetch_add(1, Relaxed) + 1, Relaxed);
        std::thread::park_timeout(Duration::from_millis(100));
        builds.under_way.fetch_sub(1, Relaxed);
        Ok(Box::new(Through) as Box<dyn Stage>)
    });
    let text = format!("id = \"{id}\"\nname = \"{id}\"\nkind = \"test\"\nlayouts = [\"I420\"]\n");
    Entry::parse(&text, Some(factory)).unwrap()
}

/// Threads of this process by name.
fn threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|found| found.trim() == name).count()
}

fn rss_mb() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<usize>().unwrap() / 1024
}

#[test]
fn of_1500_switches_few_are_built_and_the_last_one_wins() {
    let builds = Arc::new(Builds::default());
    let catalog =
        ["one", "other", "last"].iter().fold(Catalog::default(), |all, id| all.with(slow(id, &builds)));
    own_server::run(catalog, |url| {
        let client = Client::builder().fps(30).connect(url).unwrap();
        client.expect("frames and a channel", |stats| stats.rises() >= 5 && stats.channel_open, LIMIT);
        let before = rss_mb();

        for number in 0..1499 {
            let id = ["one", "other"][number % 2];
            client.send(&json!({ "pipeline_id": id, "client_delay_ms": 20 }));
        }
        client.send(&json!({ "pipeline_id": "last" }));

        let (mut slowest, mut loaders) = (Duration::ZERO, 0);
        let switched = wait_until(
            || {
                let asked = Instant::now();
                assert_eq!(http::get(&format!("{url}/health")).unwrap().status, 200);
                slowest = slowest.max(asked.elapsed());
                loaders = loaders.max(threads("stage-load"));
                client.read(|stats| {
                    stats
                        .messages_of("pipeline_changed")
                        .last()
                        .is_some_and(|told| told["pipeline_id"] == "last")
                })
            },
            LIMIT,
        );
        let all = builds.all.load(Relaxed);
        println!(
            "{all} builds, {loaders} loaders, /health within {slowest:.1?}, {} MB more",
            rss_mb().saturating_sub(before)
        );
        assert!(switched, "{}", client.read(Stats::summary));
        assert_eq!(builds.at_once.load(Relaxed), 1, "one session builds one at a time");
        assert!(all < 60, "{all} builds");
        assert!(loaders <= 2, "{loaders} threads");
        assert!(slowest < Duration::from_secs(5), "/health took {slowest:.1?}");
        assert!(rss_mb() < before + 100, "{before} MB before, {} after", rss_mb());
        let risen = client.read(Stats::rises);
        client.expect("frames go on", |stats| stats.rises() >= risen + 10, LIMIT);
    });
}

#[test]
fn a_client_that_floods_for_long_loses_its_channel_and_keeps_its_video() {
    let server = Server::spawn(&[], &[("SCOPE_OFFLINE", "1")]);
    let client = Client::builder().fps(10).connect(server.url()).unwrap();
    let other = Client::builder().fps(10).connect(server.url()).unwrap();
    for client in [&client, &other] {
        client.expect("frames and a channel", |stats| stats.rises() >= 3 && stats.channel_open, LIMIT);
    }

    let closed = wait_until(
        || {
            // A thousand a second: more than the server reads, and not more than this client can send.
            for _ in 0..20 {
                client.send(&json!({ "paused": false }));
            }
            client.read(|stats| stats.channel_closed)
        },
        LIMIT,
    );

    assert!(closed, "{}", client.read(Stats::summary));
    let told = |words: &str| {
        client.read(|stats| {
            stats.messages_of("parameters_rejected").any(|message| message.to_string().contains(words))
        })
    };
    assert!(told("200 messages and 1 MB a second"), "it was told before");
    for client in [&client, &other] {
        let before = client.read(Stats::rises);
        client.expect("frames go on", |stats| stats.rises() >= before + 10, LIMIT);
    }
    other.send(&json!({ "id": "mine" }));
    other.expect(
        "a reply",
        |stats| stats.messages_of("parameters_updated").any(|told| told["id"] == "mine"),
        LIMIT,
    );
    let metrics = http::get(&format!("{}/metrics", server.url())).unwrap().text();
    let refused =
        metrics.lines().find(|line| line.starts_with("scope_limit_refusals_total{limit=\"message_rate\"}"));
    assert!(refused.is_some_and(|line| !line.ends_with(" 0")), "{refused:?}");
}

#[test]
fn one_load_by_http_is_under_way_at_a_time() {
    let builds = Arc::new(Builds::default());
    let catalog = ["one", "other"].iter().fold(Catalog::default(), |all, id| all.with(slow(id, &builds)));
    own_server::run(catalog, |url| {
        let load = |id: &str| {
            http::post_json(&format!("{url}/api/v1/pipeline/load"), &json!({"pipeline_id": id})).unwrap()
        };

        let answers: Vec<_> = (0..60).map(|number| load(["one", "other"][number % 2])).collect();

        let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
        assert!(!refused.is_empty());
        for answer in refused {
            assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("load_running")));
            assert!(answer.header("retry-after").is_some() && answer.text().contains("try again"));
        }
        assert_eq!(builds.at_once.load(Relaxed), 1);
    });
}
