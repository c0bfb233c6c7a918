//! Recordings: Scope's routes by session, and this server's own by recording.
//!
//! An id in the path is a session's (a UUID) or a recording's (`<day>-<time>-<random>`): neither looks like the other.
//! Files are read on blocking threads.

use std::{convert::Infallible, fs::File, os::fd::AsRawFd};

use axum::{
    Extension, Json,
    body::Body,
    extract::{
        FromRequest, Path, Query, Request, State as Extract,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tower::ServiceExt;
use tower_http::services::ServeFile;
use utoipa::{IntoParams, ToSchema};

use super::{
    State,
    body::{JSON, Object},
    document::Bytes,
    error::Error,
    sessions::SessionId,
};
use crate::{
    access::Caller,
    recordings::{self, Document, Kind, Parts, Recording, SIDECAR, is_name},
    session::{self, Recorded},
};

/// A file grows while it is recorded, so caches revalidate it each time.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
/// A folder may come from elsewhere; nothing in it runs as this server's page.
const SECURITY_POLICY: HeaderValue =
    HeaderValue::from_static("sandbox; default-src 'none'; media-src 'self'");

/// All recordings, the newest first.
#[derive(Serialize, ToSchema)]
pub struct RecordingsBody {
    recordings: Vec<Recording>,
}

/// How a file is given.
#[derive(Deserialize, IntoParams)]
pub struct FileQuery {
    /// With it, whatever its value, a browser saves the file and does not play it.
    download: Option<String>,
}

/// Body of a start.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what Object reads field by field")]
pub struct RecordBody {
    /// Whether what is received is recorded too; false without.
    input: Option<bool>,
}

/// The recordings of the caller's sessions, ended ones included, for an operator those of all; the newest first.
#[utoipa::path(get, path = "/api/v1/recordings", operation_id = "list_recordings",
    responses((status = 200, body = RecordingsBody)))]
pub async fn list(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<RecordingsBody>, Error> {
    let mut recordings = on_disk(move || Ok(state.recordings.list())).await?;
    recordings.retain(|recording| caller.owns(&recording.owner().into()));
    Ok(Json(RecordingsBody { recordings }))
}

/// Starts a recording of the session `id`: of what is sent, and with `{"input": true}` of what is received too. The body
/// is optional.
#[utoipa::path(post, path = "/api/v1/recordings/{id}/start", operation_id = "start_recording", params(SessionId),
    request_body = Option<RecordBody>,
    responses((status = 200, body = Recorded), (status = 404), (status = 409, description = "nothing to record"),
    (status = 410), (status = 507, description = "no room for recordings")))]
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
#[utoipa::path(post, path = "/api/v1/recordings/{id}/stop", operation_id = "stop_recording", params(SessionId),
    responses((status = 200, body = Recorded), (status = 404), (status = 410)))]
pub async fn stop(Extract(state): Extract<State>, SessionId(id): SessionId) -> Result<Json<Recorded>, Error> {
    Ok(Json(state.registry.record(&id, session::Request::Stop).await?))
}

/// With a recording's id, what it is. With a session's id, as Scope has it, the newest file that was recorded of it, which
/// plays while it is still written.
#[utoipa::path(get, path = "/api/v1/recordings/{id}", operation_id = "get_recording", params(SessionId, FileQuery),
    responses((status = 200, description = "the recording, or for a session's id its newest file", content(
        (Recording = "application/json"), (Bytes = "video/mp4"), (Bytes = "video/webm"))),
    (status = 206, description = "a range of the file", content((Bytes = "video/mp4"), (Bytes = "video/webm"))),
    (status = 404), (status = 416, description = "a range beyond the file's end; no body")))]
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
    let (file, recording, name) = on_disk(move || {
        let recording = state.recordings.newest_of(&id)?;
        let output =
            recording.files.iter().rfind(|file| file.kind == Kind::Output).or(recording.files.last());
        let file = output.ok_or_else(|| recordings::Error::NotFound(format!("of session {id} yet")))?;
        Ok((state.recordings.open(&recording.id, &file.name)?, recording.id, file.name.clone()))
    })
    .await?;
    Ok(serve(file, &name, Some(&format!("{recording}-{name}")), request).await)
}

/// Deletes a recording that is over.
#[utoipa::path(delete, path = "/api/v1/recordings/{id}", operation_id = "delete_recording", params(SessionId),
    responses((status = 204), (status = 404), (status = 409, description = "it is under way")))]
pub async fn delete(Extract(state): Extract<State>, SessionId(id): SessionId) -> Result<StatusCode, Error> {
    on_disk(move || state.recordings.delete(&id.to_string())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A file of a recording, or a range of it: a video, or its `recording.json`.
#[utoipa::path(get, path = "/api/v1/recordings/{id}/{file}", operation_id = "get_recording_file",
    params(SessionId, ("file" = String, Path), FileQuery), responses(
    (status = 200, content((Bytes = "video/mp4"), (Bytes = "video/webm"), (Bytes = "application/json"))),
    (status = 206, description = "a range of the file", content(
        (Bytes = "video/mp4"), (Bytes = "video/webm"), (Bytes = "application/json"))),
    (status = 404), (status = 416, description = "a range beyond the file's end; no body")))]
pub async fn file(
    Extract(state): Extract<State>,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Result<Query<FileQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Error> {
    let Ok(Path((id, name))) = path else {
        return Err(recordings::Error::NotFound("of no text".into()).into());
    };
    let Query(query) = query?;
    let download = query.download.map(|_| format!("{id}-{name}"));
    let (recordings, wanted) = (state.recordings, name.clone());
    let document = on_disk(move || match wanted.as_str() {
        SIDECAR => recordings.document(&id),
        file => recordings.open(&id, file).map(Document::File),
    })
    .await?;
    Ok(match document {
        Document::File(file) => serve(file, &name, download.as_deref(), request).await,
        Document::Parts(parts) => described(body(parts).into_response(), &name, download.as_deref()),
    })
}

/// A body that is read from the disk, on blocking threads, as fast as its client takes it.
fn body(parts: Parts) -> Body {
    Body::from_stream(stream::unfold(parts, |mut parts| async {
        let read = move || parts.next().map(|part| (Ok::<_, Infallible>(part), parts));
        spawn_blocking(read).await.ok().flatten() // it panicked: the log says so, and the body is cut short
    }))
}

/// Serves a file that is open already: by its path, it might be another one when it is opened again.
async fn serve(file: File, name: &str, download: Option<&str>, request: Request) -> Response {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let Ok(served) = ServeFile::new(path).oneshot(request).await;
    drop(file);
    described(served.into_response(), name, download)
}

/// Says what is served, and under which name a browser saves it.
fn described(mut response: Response, name: &str, download: Option<&str>) -> Response {
    let disposition =
        download.and_then(|name| HeaderValue::try_from(format!("attachment; filename=\"{name}\"")).ok());
    let kind = response.status().is_success().then(|| media_type(name));
    let headers: [(HeaderName, Option<HeaderValue>); 4] = [
        (header::CACHE_CONTROL, Some(ASK_AGAIN)),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CONTENT_SECURITY_POLICY, Some(SECURITY_POLICY)),
        (header::CONTENT_TYPE, kind),
    ];
    for (name, value) in headers {
        if let Some(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The media type of a recording's file; a browser shows none of them as a page.
fn media_type(name: &str) -> HeaderValue {
    HeaderValue::from_static(match name.rsplit_once('.') {
        Some((_, "mp4")) => "video/mp4",
        Some((_, "webm")) => "video/webm",
        _ => JSON,
    })
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, recordings::Error> + Send + 'static,
) -> Result<T, Error> {
    let done = spawn_blocking(work).await;
    let panicked = |_| Err(recordings::Error::Write("the server failed on this request; see its log".into()));
    Ok(done.unwrap_or_else(panicked)?)
}
