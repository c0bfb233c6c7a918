//! Graphviz as a child process: the graph's text in, an image out.
//!
//! Runs on tokio; never more than [`AT_ONCE`] children, each killed when its limit is over or its request is dropped.

use std::{io::ErrorKind, process::Stdio, time::Duration};

use tokio::{io::AsyncWriteExt, process::Command, sync::Semaphore, time::timeout};

/// Graphviz's own name for it.
pub const PROGRAM: &str = "dot";

/// A session's graph takes 0.3 s of one core.
const LIMIT: Duration = Duration::from_secs(10);
/// An image is a convenience: it must not take processors from the sessions.
const AT_ONCE: usize = 2;
/// How long a request waits for its turn.
const TURN_LIMIT: Duration = Duration::from_secs(5);
static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not installed.
    #[error(
        "Graphviz, which draws this image, is not installed; install Debian's package graphviz, or use graph.dot"
    )]
    Missing,
    /// Others are being drawn.
    #[error("Graphviz is drawing {AT_ONCE} graphs; try again")]
    Busy,
    /// It took too long.
    #[error("Graphviz did not draw the graph within {} s; use graph.dot", LIMIT.as_secs())]
    Slow,
    /// It said no.
    #[error("Graphviz failed: {0}")]
    Failed(String),
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == ErrorKind::NotFound { Self::Missing } else { Self::Failed(error.to_string()) }
    }
}

/// Draws `dot` as SVG.
pub async fn draw(program: &str, dot: Vec<u8>) -> Result<Vec<u8>, Error> {
    // The semaphore is never closed.
    let _turn = timeout(TURN_LIMIT, TURNS.acquire()).await.map_err(|_| Error::Busy)?;
    timeout(LIMIT, run(program, dot)).await.unwrap_or(Err(Error::Slow))
}

async fn run(program: &str, dot: Vec<u8>) -> Result<Vec<u8>, Error> {
    let mut child = Command::new(program)
        .arg("-Tsvg")
        .env_clear() // it needs none of the server's secrets
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdin = child.stdin.take();
    let write = async move {
        if let Some(mut stdin) = stdin {
            stdin.write_all(&dot).await.ok(); // it ended early: its status says why
        }
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    let output = output?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said: String = String::from_utf8_lossy(&output.stderr).chars().take(200).collect();
    Err(Error::Failed(format!("{}: {}", output.status, said.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_graph_becomes_an_image_and_nonsense_an_error() {
        let svg = draw(PROGRAM, b"digraph { a -> b }".to_vec()).await.unwrap();
        assert!(String::from_utf8_lossy(&svg).contains("</svg>"));

        let nonsense = draw(PROGRAM, b"no graph".to_vec()).await.unwrap_err();
        assert!(matches!(&nonsense, Error::Failed(said) if said.contains("syntax error")), "{nonsense}");
        let missing = draw("no-such-program", Vec::new()).await.unwrap_err();
        assert!(matches!(missing, Error::Missing) && missing.to_string().contains("package graphviz"));
    }

    #[tokio::test]
    async fn a_request_that_is_dropped_takes_its_child_along() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (script, pid) = (folder.path().join("hang"), folder.path().join("pid"));
        std::fs::write(&script, format!("#!/bin/sh\necho $$ > {}\nexec sleep 600\n", pid.display())).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        let running = || {
            let pid = std::fs::read_to_string(&pid).unwrap_or_default();
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            stat.contains("(sleep)") && !stat.contains(") Z")
        };

        tokio::select! {
            drawn = draw(script.to_str().unwrap(), Vec::new()) => panic!("{drawn:?}"),
            () = until(running) => {}
        }

        until(|| !running()).await;
    }

    async fn until(condition: impl Fn() -> bool) {
        let poll = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(8), poll).await.expect("it comes true");
    }
}
