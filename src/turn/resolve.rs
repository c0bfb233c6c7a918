//! Which host names resolve. The refresh task looks them up, never a session: webrtcbin resolves
//! names while it answers, and a name that does not resolve delays the answer by seconds.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// Looks all `hosts` up at once and returns those that had an address within `limit`.
pub(super) async fn resolvable(hosts: BTreeSet<String>, limit: Duration) -> HashSet<String> {
    let deadline = Instant::now() + limit;
    let mut lookups = JoinSet::new();
    for host in hosts {
        lookups.spawn(async move {
            let found =
                lookup_host((host.as_str(), 0)).await.is_ok_and(|mut addresses| addresses.next().is_some());
            found.then_some(host)
        });
    }
    let mut resolved = HashSet::new();
    // dropping the set cancels the slow ones
    while let Ok(Some(lookup)) = timeout_at(deadline, lookups.join_next()).await {
        resolved.extend(lookup.ok().flatten());
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_without_an_address_are_left_out() {
        // RFC 6761: "localhost" resolves always, ".invalid" never
        let hosts = ["localhost", "scope-test.invalid"].map(str::to_owned);

        let resolved = resolvable(BTreeSet::from(hosts), Duration::from_secs(2)).await;

        assert_eq!(resolved, HashSet::from(["localhost".to_owned()]));
    }
}
