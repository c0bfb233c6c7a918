//! The OpenAPI document: what the handlers' attributes do not say one by one.

use utoipa::{
    OpenApi, ToSchema,
    openapi::{self, ContentBuilder, Ref, RefOr, ResponseBuilder, path::Operation},
};

/// The body of every error.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what error.rs builds as a value")]
pub struct ErrorBody {
    /// One sentence; with 422 a list of `{type, loc, msg, input}`, one for each fault.
    #[schema(value_type = Object)]
    detail: serde_json::Value,
    /// Stable name for programs.
    code: String,
    /// Why the session ended; with 410 alone.
    reason: Option<String>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Scope",
        description = "Real-time AI video server: a browser's camera in over WebRTC, \
        a pipeline's picture back."
    ),
    components(schemas(ErrorBody))
)]
struct Document;

/// The routes' document with title and error body; each operation can end in any error.
pub fn complete(routes: openapi::OpenApi) -> openapi::OpenApi {
    let mut document = Document::openapi().merge_from(routes);
    for item in document.paths.paths.values_mut() {
        let methods = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        methods.into_iter().flatten().for_each(describe_errors);
    }
    document
}

fn describe_errors(operation: &mut Operation) {
    let body = || ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
    let any =
        ResponseBuilder::new().description("any other error").content("application/json", body()).build();
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
        {
            response.content.insert("application/json".to_owned(), body().into());
        }
    }
    responses.insert("default".to_owned(), any.into());
}
