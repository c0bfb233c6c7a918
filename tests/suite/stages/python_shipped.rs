//! The shipped Python pipelines end to end: a foreign client, the shipped binary, the package `scope_pipeline` and numpy.

use serde_json::{Value, json};

use crate::support::{
    LIMIT,
    client::{Client, Media},
    server::Server,
    stats::Stats,
};

/// A server that finds numpy where `make deps` puts it.
fn server() -> Server {
    Server::spawn(&[], &[("SCOPE_OFFLINE", "1")])
}

fn client(server: &Server, media: Media, parameters: Value) -> Client {
    let builder = Client::builder().fps(15).size(320, 240).media(media);
    builder.parameters(parameters).connect(server.url()).unwrap()
}

/// Mean luma of the lower half, where the source has no stamp.
fn light(stats: &Stats) -> Option<f64> {
    let picture = stats.last_frame.as_ref()?;
    let below = &picture.luma[(picture.width * picture.height / 2) as usize..];
    Some(below.iter().map(|&luma| f64::from(luma)).sum::<f64>() / below.len() as f64)
}

/// Sends an update and waits until it is in force.
fn change(client: &Client, mut update: Value, id: &str) {
    update["id"] = json!(id);
    client.send(&update);
    let replied = |stats: &Stats| stats.messages_of("parameters_updated").any(|reply| reply["id"] == id);
    client.expect("the reply", replied, LIMIT);
}

#[track_caller]
fn runs(client: &Client) {
    client.read(|stats| {
        let states: Vec<_> = stats.messages_of("stage_state").collect();
        assert!(states.iter().any(|state| state["state"] == "running"), "{states:?}");
        let trouble = |state: &&&Value| state["state"] == "restarting" || state["state"] == "failed";
        assert!(states.iter().find(trouble).is_none(), "{states:?}");
    });
}

#[test]
fn light_trails_glow_over_what_a_client_sends() {
    let server = server();
    let still = json!({"pipeline_id": "light-trails", "picture": 1.0, "threshold": 255, "source": "light"});
    let client = client(&server, Media::Sent, still);
    let ready = |stats: &Stats| {
        let running = stats.messages_of("stage_state").any(|state| state["state"] == "running");
        running && stats.rises() >= 15
    };
    client.expect("its own picture where nothing glows", ready, LIMIT);
    let own = client.read(light).unwrap();
    assert!((60.0..220.0).contains(&own), "{own}");

    change(&client, json!({"picture": 0.0}), "dark");
    client.expect("nothing but trails: black", |stats| light(stats).is_some_and(|luma| luma < 40.0), LIMIT);
    change(&client, json!({"threshold": 0, "palette": "ice"}), "glow");
    client.expect("all of it glows", |stats| light(stats).is_some_and(|luma| luma > 60.0), LIMIT);

    change(&client, json!({"picture": 1.0, "threshold": 255, "length": 0.05}), "still");
    let back = |stats: &Stats| light(stats).is_some_and(|luma| (luma - own).abs() < 15.0);
    client.expect("its own picture when the trails are gone", back, LIMIT);
    runs(&client);
}

#[test]
fn dream_paints_its_prompts_alone_and_over_what_a_client_sends() {
    let server = server();
    for media in [Media::Withheld, Media::Sent] {
        let night = json!({"pipeline_id": "dream", "prompts": ["black"]});
        let client = client(&server, media, night);
        let painted = |stats: &Stats| {
            let running = stats.messages_of("stage_state").any(|state| state["state"] == "running");
            running && stats.frames_decoded >= 30
        };
        client.expect("pictures", painted, LIMIT);
        client.expect("dark ones", |stats| light(stats).is_some_and(|luma| luma < 60.0), LIMIT);
        let dark = client.read(light).unwrap();

        change(&client, json!({"prompts": [{"text": "white", "weight": 1.0}]}), "white");
        client.expect("bright ones", |stats| light(stats).is_some_and(|luma| luma > dark + 50.0), LIMIT);

        runs(&client);
        client.delete().unwrap();
    }
}
