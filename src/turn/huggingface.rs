//! Cloudflare's TURN through a Hugging Face token, as `FastRTC`'s `get_cloudflare_turn_credentials`
//! asks for it: <https://fastrtc.org/deployment/>

use reqwest::{Client, RequestBuilder};
use url::Url;

use super::endpoint::join;
use super::secret::Secret;

/// What to do when the service refuses.
pub(super) const CHECK: &str = "check that HF_TOKEN is a valid token of huggingface.co";
/// What to do when the service is unreachable: its name has not resolved since June 2026
/// (gradio-app/fastrtc#429).
pub(super) const UNREACHABLE: &str = "turn.fastrtc.org may be gone; configure your own Cloudflare keys \
     (CLOUDFLARE_TURN_KEY_ID, CLOUDFLARE_TURN_KEY_API_TOKEN) or TURN server";

/// `GET /credentials?ttl={seconds}`.
pub(super) fn request(client: &Client, base: Url, token: &Secret, ttl_seconds: u64) -> RequestBuilder {
    let mut url = join(base, &["credentials"]);
    url.query_pairs_mut().append_pair("ttl", &ttl_seconds.to_string());
    client.get(url).bearer_auth(token.expose())
}
