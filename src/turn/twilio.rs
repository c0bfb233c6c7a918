//! Twilio's Network Traversal Service: <https://www.twilio.com/docs/stun-turn/api>

use reqwest::{Client, RequestBuilder};
use url::Url;

use super::endpoint::join;
use super::settings::Twilio;

/// What to do when Twilio refuses.
pub(super) const CHECK: &str = "check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN in Twilio's console";

/// `POST /2010-04-01/Accounts/{SID}/Tokens.json` with the form field `Ttl`, answered 201.
pub(super) fn request(client: &Client, base: Url, account: &Twilio, ttl_seconds: u64) -> RequestBuilder {
    let path = ["2010-04-01", "Accounts", &account.account_sid, "Tokens.json"];
    client
        .post(join(base, &path))
        .basic_auth(&account.account_sid, Some(account.auth_token.expose()))
        .form(&[("Ttl", ttl_seconds)])
}
