//! Offers, candidates, ICE servers.

use axum::{
    Json,
    extract::{FromRequest, Path, Request, State as Extract},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    State,
    body::{self, Object},
    error::{self, Error},
};
use crate::{
    session,
    signalling::{self, Candidate, limits},
    stage,
};

/// Body of an offer.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what Object reads field by field")]
pub struct OfferBody {
    /// SDP of the offer.
    sdp: String,
    /// `offer`.
    r#type: String,
    /// The first update, as the data channel takes it.
    #[serde(rename = "initialParameters")]
    #[schema(value_type = Option<Object>)]
    initial_parameters: Option<Map<String, Value>>,
}

/// Body of an answer.
#[derive(Serialize, ToSchema)]
pub struct AnswerBody {
    /// SDP of the answer, with the server's candidates.
    sdp: String,
    /// `answer`.
    r#type: &'static str,
    /// The new session.
    #[serde(rename = "sessionId")]
    session_id: String,
}

/// Candidates of the client.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what the handler reads field by field")]
pub struct CandidatesBody {
    /// As `RTCIceCandidate.toJSON()` gives them; an empty candidate ends the list.
    candidates: Vec<CandidateBody>,
}

/// One candidate (W3C `RTCIceCandidateInit`).
#[derive(Deserialize, ToSchema)]
pub struct CandidateBody {
    /// `candidate:…`
    candidate: String,
    /// Its m-line by name.
    #[serde(rename = "sdpMid")]
    sdp_mid: Option<String>,
    /// Its m-line by number.
    #[serde(rename = "sdpMLineIndex")]
    sdp_m_line_index: Option<u32>,
}

/// ICE servers for the browser.
#[derive(Serialize, ToSchema)]
pub struct IceServersBody {
    /// W3C `RTCIceServer` each.
    #[serde(rename = "iceServers")]
    #[schema(value_type = Vec<Object>)]
    ice_servers: Vec<crate::turn::IceServer>,
}

/// Starts a session.
#[utoipa::path(post, path = "/api/v1/webrtc/offer", request_body = OfferBody, responses(
    (status = 200, body = AnswerBody), (status = 400, description = "an offer that cannot be answered"),
    (status = 404, description = "unknown pipeline"), (status = 413), (status = 415),
    (status = 422, description = "missing or wrong fields"), (status = 503, description = "full; Retry-After says when")))]
pub async fn create(Extract(state): Extract<State>, mut body: Object) -> Result<Json<AnswerBody>, Error> {
    let sdp = body.string("sdp");
    body.literal("type", "offer");
    let initial = body.object("initialParameters").unwrap_or_default();
    body.check()?;
    let offer = signalling::Offer::parse(&sdp)?;
    let created = state.registry.create(offer, initial).await.map_err(|error| match error {
        session::Error::Stage(stage::Error::Parameters(faults)) => {
            Error::Fields(error::parameter_fields(Some("initialParameters"), &faults))
        }
        other => other.into(),
    })?;
    Ok(Json(AnswerBody { sdp: created.answer, r#type: "answer", session_id: created.id.to_string() }))
}

/// Adds candidates: JSON, or a fragment of SDP (RFC 8840).
#[utoipa::path(patch, path = "/api/v1/webrtc/offer/{id}", request_body = CandidatesBody, responses(
    (status = 204), (status = 400, description = "bad candidate"), (status = 404), (status = 410), (status = 415)))]
pub async fn add_candidates(
    Extract(state): Extract<State>,
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, Error> {
    let id = session::Id::from(id.as_str());
    let candidates = match body::content_type(&request).as_str() {
        "application/json" => from_json(Object::from_request(request, &state).await?)?,
        "application/trickle-ice-sdpfrag" => {
            let bytes = body::bytes(request, &state).await?;
            let text = std::str::from_utf8(&bytes).map_err(|error| Error::Body(error.to_string()))?;
            signalling::parse_sdpfrag(text)?
        }
        _ => return Err(Error::ContentType("application/json or application/trickle-ice-sdpfrag")),
    };
    state.registry.add_candidates(&id, candidates).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a session; one that is not there is as good as ended.
#[utoipa::path(delete, path = "/api/v1/webrtc/offer/{id}", responses((status = 204)))]
pub async fn close(Extract(state): Extract<State>, Path(id): Path<String>) -> Result<StatusCode, Error> {
    match state.registry.close(&session::Id::from(id.as_str())).await {
        Ok(()) | Err(session::Error::NotFound(_) | session::Error::Ended { .. }) => {
            Ok(StatusCode::NO_CONTENT)
        }
        Err(error) => Err(error.into()),
    }
}

/// STUN and TURN servers with fresh credentials.
#[utoipa::path(get, path = "/api/v1/webrtc/ice-servers", responses((status = 200, body = IceServersBody)))]
pub async fn ice_servers(Extract(state): Extract<State>) -> Json<IceServersBody> {
    Json(IceServersBody { ice_servers: state.turn.ice_servers() })
}

fn from_json(mut body: Object) -> Result<Vec<Candidate>, Error> {
    let list = body.list("candidates");
    if list.is_none() && !body.has("candidates") {
        body.fault("missing", "candidates", "a list of candidates is wanted", &Value::Null);
    }
    let list = list.unwrap_or_default();
    let mut parsed = Vec::with_capacity(list.len());
    for (index, value) in list.iter().enumerate() {
        match CandidateBody::deserialize(value) {
            Ok(one) => parsed.push(one),
            Err(error) => {
                let field = format!("candidates.{index}.candidate");
                body.fault("value_error", &field, &format!("a candidate is wanted: {error}"), value);
            }
        }
    }
    body.check()?;
    if parsed.len() > limits::CANDIDATES_PER_PATCH {
        return Err(signalling::Error::TooManyCandidates { limit: limits::CANDIDATES_PER_PATCH }.into());
    }
    let candidate = |one: CandidateBody| {
        Candidate::parse(&one.candidate, one.sdp_mid.as_deref(), one.sdp_m_line_index).map_err(Error::from)
    };
    parsed.into_iter().map(candidate).collect()
}
