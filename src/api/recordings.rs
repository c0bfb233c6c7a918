//! Recordings: Scope's routes by session, and this server's own by recording.
//!
//! An id in the path is a session's (a UUID) or a recording's (`<day>-<time>-<random>`): neither looks like the other.
//! Files are read on blocking threads.

use std::path::PathBuf;

use axum::{
    Json,
    extract::{FromRequest, Path, Query, Request, State as Extract},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tower::ServiceExt;
use tower_http::services::ServeFile;
use utoipa::{IntoParams, ToSchema};

use super::{State, body::Object, error::Error, sessions::SessionId};
use crate::{
    recordings::{self, Kind, Recording, is_name},
    session::{self, Recorded},
};

/// A file grows while it is recorded, so it is asked for again each time.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// All recordings, the newest first.
#[derive(Serialize, ToSchema)]
pub struct RecordingsBody {
    recordings: Vec<Recording>,
}

/// How a file is wanted.
#[derive(Deserialize, IntoParams)]
pub struct Wanted {
    /// With it, and any value, a browser saves the file and does not play it.
    download: Option<String>,
}

/// The recordings of all sessions, those that are over too; the newest first.
#[utoipa::path(get, path = "/api/v1/recordings", responses((status = 200, body = RecordingsBody)))]
pub async fn list(Extract(state): Extract<State>) -> Result<Json<RecordingsBody>, Error> {
    let recordings = on_disk(move || Ok(state.recordings.list())).await?;
    Ok(Json(RecordingsBody { recordings }))
}

/// Starts a recording of the session `id`: of what is sent, and with `{"input": true}` of what comes, too. The body may
/// be left out.
#[utoipa::path(post, path = "/api/v1/recordings/{id}/start", request_body = Option<Object>,
    responses((status = 200, body = Recorded), (status = 404), (status = 409), (status = 410), (status = 507)))]
pub async fn start(
    Extract(state): Extract<State>,
    SessionId(id): SessionId,
    request: Request,
) -> Result<Json<Recorded>, Error> {
    let empty = request.headers().get(header::CONTENT_LENGTH).is_none_or(|length| length == "0")
        && request.headers().get(header::TRANSFER_ENCODING).is_none();
    let input = if empty {
        false
    } else {
        let mut body = Object::from_request(request, &state).await?;
        let input = body.optional_switch("input");
        body.check()?;
        input.unwrap_or(false)
    };
    Ok(Json(state.registry.record(&id, session::Request::Start { input }).await?))
}

/// Ends the recording of the session `id`; its files are closed when the answer comes.
#[utoipa::path(post, path = "/api/v1/recordings/{id}/stop",
    responses((status = 200, body = Recorded), (status = 404), (status = 410)))]
pub async fn stop(Extract(state): Extract<State>, SessionId(id): SessionId) -> Result<Json<Recorded>, Error> {
    Ok(Json(state.registry.record(&id, session::Request::Stop).await?))
}

/// With a recording's id what it is. With a session's id, as Scope has it, the newest picture that was recorded of it:
/// a file, which plays while it is still written.
#[utoipa::path(get, path = "/api/v1/recordings/{id}", params(Wanted), responses(
    (status = 200, description = "`video/mp4` or `video/webm` for a session's id", body = Recording), (status = 404)))]
pub async fn show(
    Extract(state): Extract<State>,
    SessionId(id): SessionId,
    request: Request,
) -> Result<Response, Error> {
    let id = id.to_string();
    if is_name(&id) {
        let recording = on_disk(move || state.recordings.get(&id)).await?;
        return Ok(Json(recording).into_response());
    }
    let (path, name) = on_disk(move || {
        let recording = state.recordings.newest_of(&id)?;
        let output =
            recording.files.iter().rfind(|file| file.kind == Kind::Output).or(recording.files.last());
        let file = output.ok_or_else(|| recordings::Error::NotFound(format!("of session {id} yet")))?;
        let name = format!("{}-{}", recording.id, file.name);
        Ok((state.recordings.file(&recording.id, &file.name)?, name))
    })
    .await?;
    Ok(serve(path, Some(&name), request).await)
}

/// Deletes a recording that is over.
#[utoipa::path(delete, path = "/api/v1/recordings/{id}",
    responses((status = 204), (status = 404), (status = 409)))]
pub async fn delete(Extract(state): Extract<State>, SessionId(id): SessionId) -> Result<StatusCode, Error> {
    on_disk(move || state.recordings.delete(&id.to_string())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A file of a recording, or a range of it: a picture, or its `recording.json`.
#[utoipa::path(get, path = "/api/v1/recordings/{id}/{file}", params(Wanted), responses(
    (status = 200, content_type = "video/mp4"), (status = 206), (status = 404), (status = 416)))]
pub async fn file(
    Extract(state): Extract<State>,
    Path((id, file)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
    request: Request,
) -> Result<Response, Error> {
    let name = wanted.download.map(|_| format!("{id}-{file}"));
    let path = on_disk(move || state.recordings.file(&id, &file)).await?;
    Ok(serve(path, name.as_deref(), request).await)
}

async fn serve(path: PathBuf, download: Option<&str>, request: Request) -> Response {
    let Ok(served) = ServeFile::new(path).oneshot(request).await;
    let mut response = served.into_response();
    let disposition =
        download.and_then(|name| HeaderValue::try_from(format!("attachment; filename=\"{name}\"")).ok());
    let headers: [(HeaderName, Option<HeaderValue>); 2] =
        [(header::CACHE_CONTROL, Some(ASK_AGAIN)), (header::CONTENT_DISPOSITION, disposition)];
    for (name, value) in headers {
        if let Some(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, recordings::Error> + Send + 'static,
) -> Result<T, Error> {
    let done = spawn_blocking(work).await;
    let panicked =
        |_| Err(recordings::Error::Write("the server failed at this request; its log says why".into()));
    Ok(done.unwrap_or_else(panicked)?)
}
