//! How an offer reaches each server and its answer comes back.

use std::time::Instant;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use crate::support::http;

/// Whose HTTP interface the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `POST /api/v1/webrtc/offer`; the aiortc peer has the same.
    Scope,
    /// `POST /echo/offer` with an id of the client's choice.
    Fastrtc,
    /// The Janus HTTP interface, plugin echotest.
    Janus,
}

/// The answer, and when the request that held the offer was sent.
pub struct Answered {
    pub offered_at: Instant,
    pub sdp: String,
}

impl Api {
    /// `FastRTC` sends no picture before the client has opened a data channel.
    pub fn needs_channel(self) -> bool {
        self == Api::Fastrtc
    }

    /// Offers session `number` to the server at `base`.
    pub fn offer(self, base: &str, number: usize, sdp: &str) -> anyhow::Result<Answered> {
        match self {
            Api::Scope => {
                simple(&format!("{base}/api/v1/webrtc/offer"), &json!({ "sdp": sdp, "type": "offer" }))
            }
            Api::Fastrtc => {
                let body = json!({ "sdp": sdp, "type": "offer", "webrtc_id": format!("load-{number}") });
                simple(&format!("{base}/echo/offer"), &body)
            }
            Api::Janus => janus(&format!("{base}/janus"), sdp),
        }
    }
}

fn simple(url: &str, body: &Value) -> anyhow::Result<Answered> {
    let offered_at = Instant::now();
    let answer = post(url, body)?;
    let sdp = answer["sdp"].as_str().with_context(|| format!("no sdp in {answer}"))?;
    Ok(Answered { offered_at, sdp: sdp.into() })
}

/// <https://janus.conf.meetecho.com/docs/rest>: a session, a handle of the plugin, the offer; the answer is an event.
fn janus(url: &str, sdp: &str) -> anyhow::Result<Answered> {
    let session = created(&post(url, &json!({ "janus": "create", "transaction": "create" }))?)?;
    let url = format!("{url}/{session}");
    let attach = json!({ "janus": "attach", "plugin": "janus.plugin.echotest", "transaction": "attach" });
    let handle = created(&post(&url, &attach)?)?;

    let offered_at = Instant::now();
    let body = json!({
        "janus": "message",
        "transaction": "offer",
        "body": { "audio": false, "video": true },
        // All candidates are in the offer.
        "jsep": { "type": "offer", "sdp": sdp, "trickle": false },
    });
    post(&format!("{url}/{handle}"), &body)?;
    loop {
        let event = http::get(&format!("{url}?maxev=1"))?.json();
        if let Some(sdp) = event["jsep"]["sdp"].as_str() {
            return Ok(Answered { offered_at, sdp: sdp.into() });
        }
        // A keepalive means that a whole long poll passed without an answer.
        let is_refused = event["plugindata"]["data"].get("error").is_some();
        ensure!(event["janus"] != "keepalive" && !is_refused, "no answer from Janus but {event}");
    }
}

fn created(answer: &Value) -> anyhow::Result<u64> {
    answer["data"]["id"].as_u64().with_context(|| format!("no id in {answer}"))
}

fn post(url: &str, body: &Value) -> anyhow::Result<Value> {
    let response = http::post_json(url, body)?;
    if response.status != 200 {
        bail!("{url} answered {}: {}", response.status, response.text());
    }
    Ok(response.json())
}
