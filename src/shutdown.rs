//! The signal to stop, and the time limits of a shutdown.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// After the last session has ended: time to send the remaining responses.
pub const HTTP_GRACE: Duration = Duration::from_secs(2);
/// Tasks that only wait for the token end at once; this catches one that does not.
pub const TASK_GRACE: Duration = Duration::from_secs(1);

/// A token that SIGINT or SIGTERM cancels.
///
/// # Errors
/// The system refuses a signal handler.
pub fn signal() -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        };
        tracing::info!(signal = name, "stopping");
        cancel.cancel();
    });
    Ok(token)
}
