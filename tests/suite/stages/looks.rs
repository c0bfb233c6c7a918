//! The looks that ship: each does to a picture what its name says, as a stage and through the server.

use scope::frame::Layout;
use serde_json::{Value, json};

use crate::support::{
    LIMIT,
    client::Client,
    codec::Decoded,
    http,
    server::Server,
    stage::{self, Image, StageUnderTest, halves, slope},
    stats::{Frame, Stats},
};

const LOOKS: [&str; 7] = ["neon", "kaleidoscope", "grade", "film", "pond", "palette", "soft"];
const SIZE: (usize, usize) = (320, 240);
/// What a way to RGB and back costs a pixel of luma: 2.9 in BT.601, 0.5 in BT.709 (videoconvert counts in 8 bits).
const ROUNDING: f64 = 3.5;

fn start(id: &str) -> StageUnderTest {
    StageUnderTest::start(&stage::shipped(id))
}

fn halved(look: &mut StageUnderTest) -> Image {
    look.image(SIZE.0, SIZE.1, halves)
}

fn sloped(look: &mut StageUnderTest) -> Image {
    look.image(SIZE.0, SIZE.1, slope)
}

fn original(paint: stage::Paint) -> Image {
    Image::of(&stage::draw(0, SIZE.0, SIZE.1, Layout::I420, paint))
}

/// How far a picture is from itself upside down.
fn asymmetry(picture: &Image) -> f64 {
    picture.distance(&picture.flipped())
}

#[test]
fn every_look_of_the_catalog_is_listed_here() {
    let mut folders: Vec<_> = std::fs::read_dir(stage::catalog())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("stage.launch").exists())
        .map(|folder| folder.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    folders.sort_unstable();
    let mut listed = LOOKS;
    listed.sort_unstable();

    assert_eq!(folders, listed);
}

#[test]
fn every_look_takes_both_layouts_and_a_change_of_size() {
    for id in LOOKS {
        let mut look = start(id);
        for layout in [Layout::I420, Layout::Nv12] {
            look.layout = layout;
            for (width, height) in [(320, 240), (640, 360), (176, 144), (320, 240)] {
                let picture = look.image(width, height, slope);

                assert_eq!((picture.width, picture.height), (width, height), "{id}");
            }
        }
    }
}

#[test]
fn every_control_has_a_label_a_default_and_a_sentence() {
    for id in LOOKS {
        let entry = stage::shipped(id);
        let about = entry.about();
        assert!(!about.description.is_empty() && !about.version.is_empty(), "{id}");
        for (name, schema) in &about.parameters {
            for place in ["/default", "/title", "/description", "/ui/label", "/ui/order", "/ui/category"] {
                assert!(schema.pointer(place).is_some(), "{id}: parameters.{name} lacks {place}");
            }
        }
    }
}

#[test]
fn neon_shows_edges_and_nothing_else() {
    let mut look = start("neon");

    let picture = halved(&mut look);

    let (flat, edge) = (picture.columns(20, 140), picture.columns(152, 168));
    assert!(flat < 20.0 && edge > flat + 20.0, "flat {flat}, edge {edge}");
    look.set(&json!({"glow": 0}));
    let dark = halved(&mut look);
    assert!(dark.columns(152, 168) < 20.0, "without glow the edge has {}", dark.columns(152, 168));
}

#[test]
fn kaleidoscope_is_symmetric_about_its_centre() {
    let mut look = start("kaleidoscope");
    let asymmetric = asymmetry(&original(slope));

    let six = sloped(&mut look);

    assert!(asymmetric > 20.0 && asymmetry(&six) < 4.0, "{asymmetric} before, {} after", asymmetry(&six));
    look.set(&json!({"sides": 3}));
    let three = sloped(&mut look);
    assert!(three.distance(&six) > 3.0, "three sides are {} from six", three.distance(&six));
    look.set(&json!({"turn": 40}));
    assert!(asymmetry(&sloped(&mut look)) > 4.0, "a turned pattern has other axes");
}

#[test]
fn grade_changes_brightness_and_colour_as_told() {
    let mut look = start("grade");
    let neutral = json!({"contrast": 1, "saturation": 1, "gamma": 1});
    look.set(&neutral);
    let plain = sloped(&mut look);
    assert!(plain.distance(&original(slope)) < 0.5, "neutral is no change");

    look.set(&json!({"contrast": 1, "saturation": 0, "gamma": 1, "brightness": 0.2}));
    let bright = sloped(&mut look);

    assert!(bright.brightness() > plain.brightness() + 30.0);
    assert!(bright.colour < 1.0 && plain.colour > 15.0, "{} and {}", bright.colour, plain.colour);
    look.set(&json!({"contrast": 1, "saturation": 1, "gamma": 2}));
    assert!(sloped(&mut look).brightness() > plain.brightness() + 10.0);
}

#[test]
fn grade_gives_the_layout_that_it_got() {
    let entry = stage::shipped("grade");
    let mut stage = (entry.factory)().unwrap();
    for (seq, layout) in [Layout::I420, Layout::Nv12].into_iter().enumerate() {
        let frame = stage::draw(seq as u64, SIZE.0, SIZE.1, layout, slope);

        let output = stage.process(&frame).unwrap().expect("a frame");

        assert_eq!(output.layout, layout, "a conversion that nobody asked for");
    }
}

#[test]
fn film_flickers_and_is_still_without_its_faults() {
    let mut look = start("film");
    look.set(&json!({"scratches": 20}));
    let frames: Vec<_> = (0..12).map(|_| sloped(&mut look)).collect();
    assert!(frames.windows(2).any(|pair| pair[0].distance(&pair[1]) > 0.5), "nothing moves on the film");

    look.set(&json!({"scratches": 0, "dust": false, "pits": false, "fading": false, "colour": 1}));
    let clean = sloped(&mut look);

    assert!(clean.distance(&original(slope)) < ROUNDING, "{}", clean.distance(&original(slope)));
    look.set(&json!({"scratches": 0, "dust": false, "pits": false, "fading": false, "colour": 0}));
    assert!(sloped(&mut look).colour < 1.0 && clean.colour > 15.0);
}

#[test]
fn pond_has_waves_in_the_rain_and_is_still_without_movement() {
    let mut still = start("pond");
    still.set(&json!({"waves": "Movement"}));
    let calm = sloped(&mut still);
    let waves = |look: &mut StageUnderTest| (0..90).map(|_| sloped(look).distance(&calm)).fold(0.0, f64::max);

    let (rain, movement) = (waves(&mut start("pond")), waves(&mut still));

    assert!(rain > 0.1 && movement < 0.05, "rain moves {rain}, a still picture {movement}");
}

#[test]
fn palette_replaces_colours_from_the_named_frame_on() {
    let mut look = start("palette");
    let thermal = halved(&mut look);
    assert!(thermal.colour > 15.0, "a grey picture has {} of colour", thermal.colour);

    look.set(&json!({"palette": "X-ray"}));
    let negative = halved(&mut look);
    assert!(negative.columns(0, 150) > negative.columns(170, 320), "dark is light in an X-ray");

    look.set(&json!({"palette": "None"}));
    assert!(halved(&mut look).distance(&original(halves)) < ROUNDING);
}

#[test]
fn soft_softens_and_sharpens() {
    let mut look = start("soft");
    let sharpness = |look: &mut StageUnderTest, softness: f64| {
        look.set(&json!({"softness": softness, "light": 0}));
        halved(look).sharpness()
    };

    let (soft, plain) = (sharpness(&mut look, 6.0), sharpness(&mut look, 0.0));

    assert!(soft < 40 && plain > 100, "soft {soft}, plain {plain}");
    look.set(&json!({"softness": 0, "light": 0.3}));
    assert!(halved(&mut look).brightness() > original(halves).brightness() + 50.0);
}

fn server() -> Server {
    let folder = stage::catalog();
    Server::spawn(&["--pipelines", folder.to_str().unwrap()], &[("SCOPE_OFFLINE", "1")])
}

fn connect(server: &Server, id: &str, parameters: &Value) -> Client {
    let mut all = parameters.clone();
    all["pipeline_ids"] = json!([id]);
    Client::builder().size(320, 240).fps(30).kbps(2000).parameters(all).connect(server.url()).unwrap()
}

/// The lower half of a decoded picture, which has no stamp.
fn below_the_stamp(picture: &Decoded) -> Image {
    let (width, height) = (picture.width as usize, picture.height as usize);
    Image::grey(width, height / 2, picture.luma[width * (height - height / 2)..].to_vec())
}

fn decoded(stats: &Stats) -> Option<Image> {
    stats.last_frame.as_ref().filter(|_| stats.frames_decoded >= 10).map(below_the_stamp)
}

type Claim = Box<dyn Fn(&Image) -> bool>;

/// Waits until the picture that comes back fulfils `condition`.
#[track_caller]
fn shows(client: &Client, claim: &str, condition: impl Fn(&Image) -> bool) {
    client.expect(claim, |stats| decoded(stats).is_some_and(|picture| condition(&picture)), LIMIT);
}

#[test]
fn the_server_lists_the_looks_with_their_controls() {
    let server = server();

    let schemas = http::get(&format!("{}/api/v1/pipelines/schemas", server.url())).unwrap().json();

    for id in LOOKS {
        let pipeline = &schemas["pipelines"][id];
        assert!(pipeline["schema_error"].is_null(), "{pipeline}");
        assert!(pipeline["config_schema"]["properties"].as_object().is_some_and(|all| !all.is_empty()));
    }
}

#[test]
fn each_look_comes_back_through_the_server_and_follows_its_parameters() {
    let server = server();
    // What the camera sends, through the pipeline that changes nothing.
    let echo = connect(&server, "echo", &json!({}));
    shows(&echo, "the camera's picture", |picture| picture.brightness() > 80.0);
    let camera = echo.read(decoded).unwrap();
    echo.delete().unwrap();
    let (light, edges) = (camera.brightness(), camera.sharpness());

    let claim = |claim: fn(&Image, (f64, u8)) -> bool| -> Claim {
        Box::new(move |picture| claim(picture, (light, edges)))
    };
    let cases: [(&str, Claim, Value, Claim); 5] = [
        (
            "neon",
            claim(|picture, (light, _)| picture.brightness() < light * 0.8),
            json!({"glow": 0}),
            claim(|picture, _| picture.brightness() < 20.0),
        ),
        (
            "film",
            claim(|picture, (_, edges)| picture.sharpness() > edges.saturating_add(30)),
            json!({"scratches": 0, "dust": false, "pits": false, "fading": false}),
            claim(|picture, (_, edges)| picture.sharpness() < edges.saturating_add(20)),
        ),
        (
            "palette",
            claim(|picture, _| picture.brightness() > 0.0),
            json!({"palette": "X-ray"}),
            claim(|picture, (light, _)| (picture.brightness() - light).abs() > 15.0),
        ),
        (
            "soft",
            claim(|picture, (_, edges)| picture.sharpness() < edges),
            json!({"light": 0.4}),
            claim(|picture, (light, _)| picture.brightness() > light + 60.0),
        ),
        (
            "grade",
            claim(|picture, (light, _)| picture.brightness() > light),
            json!({"brightness": -0.4}),
            claim(|picture, (light, _)| picture.brightness() < light - 50.0),
        ),
    ];
    for (id, before, change, after) in cases {
        let client = connect(&server, id, &json!({}));
        shows(&client, &format!("{id} at its defaults"), before);

        client.expect("a channel", |stats| stats.channel_open, LIMIT);
        client.send(&change);

        client.expect("the reply", |stats| stats.messages_of("parameters_updated").count() > 0, LIMIT);
        shows(&client, &format!("{id} with {change}"), after);
        let session = http::get(&client.detail_url()).unwrap().json();
        assert_eq!(session["pipeline_id"], id, "{session}");
        assert!(
            client.read(|stats| stats.messages_of("stage_state").all(|state| state["state"] != "degraded"))
        );
        client.delete().unwrap();
    }
}

/// How far the rows of the client's texture are from the rows above, which are the same seven pixels on.
fn bend(picture: &Image) -> f64 {
    let lines = |(above, line): (&[u8], &[u8])| {
        above[7..].iter().zip(line).map(|(one, other)| f64::from(one.abs_diff(*other))).sum::<f64>()
    };
    let rows: Vec<_> = picture.luma.chunks(picture.width).collect();
    let sum: f64 = rows.windows(2).map(|pair| lines((pair[0], pair[1]))).sum();
    sum / picture.luma.len() as f64
}

/// The most of what sixty pictures show.
fn most_bent(client: &Client) -> f64 {
    let mut from = None;
    let mut most = 0.0_f64;
    let looked = |stats: &Stats| {
        let Some(picture) = decoded(stats) else { return false };
        most = most.max(bend(&picture));
        stats.frames_decoded >= *from.get_or_insert(stats.frames_decoded) + 60
    };
    client.expect("two seconds of pictures", looked, LIMIT);
    most
}

#[test]
fn the_pond_of_the_server_bends_what_lies_in_it() {
    let server = server();
    let echo = connect(&server, "echo", &json!({}));
    let straight = most_bent(&echo);
    echo.delete().unwrap();

    // Not every drop is one that is seen: on a busy machine few pictures are looked at.
    let pond = connect(&server, "pond", &json!({}));
    shows(&pond, "rows that are bent", |picture| bend(picture) > 1.25 * straight);
}

#[test]
fn a_kaleidoscope_of_the_server_is_symmetric() {
    let server = server();
    let client = connect(&server, "kaleidoscope", &json!({"sides": 8}));

    let whole = |stats: &Stats| {
        let picture = stats.last_frame.as_ref().filter(|_| stats.frames_decoded >= 10)?;
        Some(Image::grey(picture.width as usize, picture.height as usize, picture.luma.clone()))
    };
    client.expect("a picture", |stats| whole(stats).is_some_and(|picture| asymmetry(&picture) < 8.0), LIMIT);

    client.expect("a channel", |stats| stats.channel_open, LIMIT);
    client.send(&json!({"centre_y": 0.2}));
    client.expect(
        "another centre",
        |stats| whole(stats).is_some_and(|picture| asymmetry(&picture) > 12.0),
        LIMIT,
    );
}

#[test]
fn a_parameter_changes_the_decoded_picture_from_the_named_frame_on() {
    let server = server();
    let neutral = json!({"contrast": 1, "saturation": 1, "gamma": 1});
    let client = connect(&server, "grade", &neutral);
    client.expect("a picture and a channel", |stats| stats.rises() >= 20 && stats.channel_open, LIMIT);
    let light = client.read(|stats| stats.frames.last().unwrap().light);
    let mut bounds = Vec::new();

    for (count, brightness) in [(1, -0.3), (2, 0.0), (3, -0.3)] {
        // From the last picture before the request on: the change may be in the next one that comes.
        let start = client.read(|stats| stats.frames.len() - 1);
        client.send(&json!({"brightness": brightness}));
        client.expect("the reply", |stats| stats.messages_of("parameters_updated").count() == count, LIMIT);
        let dark = move |frame: &Frame| frame.light + 38 < light;
        let wanted = brightness < 0.0;
        client.expect(
            "the change",
            |stats| {
                stats.frames.len() >= start + 30
                    && stats.frames.last().is_some_and(|frame| dark(frame) == wanted)
            },
            LIMIT,
        );

        client.read(|stats| {
            let reply = stats.messages_of("parameters_updated").nth(count - 1).unwrap();
            let named = reply["frame"].as_i64().unwrap();
            let seen = &stats.frames[start..];
            let first = seen.iter().position(|frame| dark(frame) == wanted).unwrap();
            assert!(seen[first..].iter().all(|frame| dark(frame) == wanted), "it changes back: {reply}");
            assert!(first > 0, "it changed before it was asked for");
            // The server counts decoded frames, the stamp counts sent ones: they differ by what was lost at the start.
            bounds.push((i64::from(seen[first - 1].stamp) - named, i64::from(seen[first].stamp) - named));
        });
    }

    let least = bounds.iter().map(|(before, _)| *before).max().unwrap();
    let most = bounds.iter().map(|(_, after)| *after).min().unwrap();
    assert!(least < most, "the named frames are not those that changed: {bounds:?}");
    println!("stamp less named frame, of the last picture before and the first one after: {bounds:?}");
}
