//! Offers, candidates, ICE servers.

use axum::{
    Extension, Json,
    extract::{FromRequest, Request, State as Extract},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    State,
    body::{self, Object},
    error::Error,
    sessions::SessionId,
    waiting::{self, WaitingBody},
};
use crate::{
    access::Caller,
    session,
    signalling::{self, Candidate, Reach, limits},
    turn,
};

/// An SDP fragment with candidates (RFC 8840), as WHIP clients send it.
const SDPFRAG: &str = "application/trickle-ice-sdpfrag";

/// Body of an offer.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what Object reads field by field")]
pub struct OfferBody {
    /// SDP of the offer.
    sdp: String,
    /// `offer`.
    r#type: OfferType,
    /// The first update, as the data channel takes it.
    #[serde(rename = "initialParameters")]
    initial_parameters: Option<session::UpdateBody>,
    /// The `resumeToken` of an earlier answer: its stage, parameters and pipeline continue on this connection.
    #[serde(rename = "resumeToken")]
    resume_token: Option<String>,
    /// The token of a client that waited, once it is its turn.
    #[serde(rename = "waitingToken")]
    waiting_token: Option<String>,
}

/// What an offer is (W3C `RTCSdpType`).
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents what Object reads field by field")]
pub enum OfferType {
    /// An offer.
    Offer,
}

/// What an answer is (W3C `RTCSdpType`).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerType {
    /// An answer.
    Answer,
}

/// Body of an answer.
#[derive(Serialize, ToSchema)]
pub struct AnswerBody {
    /// SDP of the answer, with the server's candidates.
    sdp: String,
    /// `answer`.
    r#type: AnswerType,
    /// The new session.
    #[serde(rename = "sessionId")]
    session_id: String,
    /// A later offer with it takes the session over, after a change of network for instance.
    #[serde(rename = "resumeToken")]
    resume_token: String,
    /// Whether this offer took over an earlier session.
    resumed: bool,
}

/// Candidates of the client.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what the handler reads field by field")]
pub struct CandidatesBody {
    /// As `RTCIceCandidate.toJSON()` gives them; an empty candidate ends the list.
    #[schema(max_items = 100)]
    candidates: Vec<CandidateBody>,
}

/// One candidate (W3C `RTCIceCandidateInit`).
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what the handler reads field by field")]
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
    ice_servers: Vec<turn::IceServer>,
}

/// Starts a session.
#[utoipa::path(post, path = "/api/v1/webrtc/offer", operation_id = "create_session", request_body = OfferBody, responses(
    (status = 200, body = AnswerBody),
    (status = 202, body = WaitingBody, description = "full, and a place in the waiting line, where the server has one"),
    (status = 400, description = "an offer that cannot be answered"),
    (status = 404, description = "unknown pipeline"), (status = 503, description = "full; Retry-After says when")))]
pub async fn create(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
    Extension(reach): Extension<Reach>,
    body: Result<Object, Error>,
) -> Response {
    let waits = |error: &Error| matches!(error, Error::Session(session::Error::Full { .. }));
    let answer = match answer(&state, caller.clone(), reach, body).await {
        Err(error) if waits(&error) => waiting::join(&state, &caller).unwrap_or(Err(error)),
        answer => answer.map(|answer| Json(answer).into_response()),
    };
    match answer {
        Ok(answer) => answer,
        Err(error) => {
            let refusal = error.into_response();
            state.metrics.offers_refused.with_label_values(&[refusal.status().as_str()]).inc();
            refusal
        }
    }
}

async fn answer(
    state: &State,
    caller: Caller,
    reach: Reach,
    body: Result<Object, Error>,
) -> Result<AnswerBody, Error> {
    let mut body = body?;
    let sdp = body.string("sdp");
    body.literal("type", "offer");
    let initial = body.object("initialParameters").unwrap_or_default();
    let resume_token = body.optional_string("resumeToken");
    let waiting_token = body.optional_string("waitingToken");
    body.check()?;
    let offer = signalling::Offer::parse_from(&sdp, reach)?;
    let resumes = resume_token.as_deref().is_some_and(|token| state.registry.can_resume(token));
    let count =
        state.access.tokens().begin_session(&caller, resumes).map_err(|error| Error::Access(error.into()))?;
    let options = session::Options { caller, initial, resume_token, waiting_token };
    let created = state.registry.create(offer, options).await;
    let created = created.map_err(|error| Error::from(error).inside("initialParameters"))?;
    // A session that is taken over was counted when it was made.
    if !created.resumed {
        count.keep();
    }
    Ok(AnswerBody {
        sdp: created.answer.expect("an offer that is accepted has an answer").sdp,
        r#type: AnswerType::Answer,
        session_id: created.id.to_string(),
        resume_token: created.resume_token,
        resumed: created.resumed,
    })
}

/// Adds candidates: JSON, or a fragment of SDP (RFC 8840).
#[utoipa::path(patch, path = "/api/v1/webrtc/offer/{id}", operation_id = "add_candidates", params(SessionId),
    request_body(content((CandidatesBody = "application/json"), (String = "application/trickle-ice-sdpfrag"))),
    responses((status = 204), (status = 400, description = "bad candidate"), (status = 404), (status = 410)))]
pub async fn add_candidates(
    Extract(state): Extract<State>,
    SessionId(id): SessionId,
    request: Request,
) -> Result<StatusCode, Error> {
    let got = body::content_type(&request);
    let candidates = match got.as_str() {
        body::JSON => from_json(Object::from_request(request, &state).await?)?,
        SDPFRAG => {
            let bytes = body::bytes(request).await?;
            let text = std::str::from_utf8(&bytes)
                .map_err(|error| Error::Body(format!("expected UTF-8 text: {error}")))?;
            signalling::parse_sdpfrag(text)?
        }
        _ => {
            return Err(Error::ContentType {
                expected: "application/json or application/trickle-ice-sdpfrag",
                got,
            });
        }
    };
    state.registry.add_candidates(&id, candidates).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a session. Idempotent: an unknown or ended session is a success too.
#[utoipa::path(delete, path = "/api/v1/webrtc/offer/{id}", operation_id = "delete_offer", params(SessionId),
    responses((status = 204)))]
pub async fn close(Extract(state): Extract<State>, SessionId(id): SessionId) -> Result<StatusCode, Error> {
    match state.registry.close(&id).await {
        Ok(()) | Err(session::Error::NotFound(_) | session::Error::Ended { .. }) => {
            Ok(StatusCode::NO_CONTENT)
        }
        Err(error) => Err(error.into()),
    }
}

/// STUN and TURN servers with fresh credentials. An open server keeps the passwords of its accounts to itself.
#[utoipa::path(get, path = "/api/v1/webrtc/ice-servers", operation_id = "get_ice_servers",
    responses((status = 200, body = IceServersBody)))]
pub async fn ice_servers(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
) -> Json<IceServersBody> {
    let known = caller.is_known();
    let ice_servers = if known { state.turn.ice_servers() } else { state.turn.ice_servers_for_strangers() };
    Json(IceServersBody { ice_servers })
}

fn from_json(mut body: Object) -> Result<Vec<Candidate>, Error> {
    if !body.has("candidates") {
        body.missing("candidates");
    }
    let list = body.objects("candidates", |one| {
        (one.string("candidate"), one.optional_string("sdpMid"), one.optional_index("sdpMLineIndex"))
    });
    body.check()?;
    let list = list.unwrap_or_default();
    if list.len() > limits::CANDIDATES_PER_PATCH {
        return Err(signalling::Error::TooManyCandidates { limit: limits::CANDIDATES_PER_PATCH }.into());
    }
    let parsed = list.iter().map(|(line, mid, index)| Candidate::parse(line, mid.as_deref(), *index));
    Ok(parsed.collect::<Result<_, _>>()?)
}
