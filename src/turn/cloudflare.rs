//! Cloudflare Realtime TURN with the user's own key:
//! <https://developers.cloudflare.com/realtime/turn/generate-credentials/>

use reqwest::{Client, RequestBuilder};
use serde_json::json;
use url::Url;

use super::endpoint::join;
use super::settings::CloudflareKeys;

/// What to do when Cloudflare refuses.
pub(super) const CHECK: &str =
    "check CLOUDFLARE_TURN_KEY_ID and CLOUDFLARE_TURN_KEY_API_TOKEN in Cloudflare's dashboard";

/// `POST /v1/turn/keys/{key id}/credentials/generate-ice-servers`, answered 201.
pub(super) fn request(client: &Client, base: Url, keys: &CloudflareKeys, ttl_seconds: u64) -> RequestBuilder {
    let path = ["v1", "turn", "keys", &keys.key_id, "credentials", "generate-ice-servers"];
    client.post(join(base, &path)).bearer_auth(keys.api_token.expose()).json(&json!({ "ttl": ttl_seconds }))
}
