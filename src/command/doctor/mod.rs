//! `scope doctor`: what this host and this configuration lack, and what to do about it.
//!
//! The parts run concurrently, those that block on blocking threads; each has a time limit, so the whole takes a few
//! seconds whatever the network does.

mod access;
mod files;
mod finding;
mod gstreamer;
mod host;
mod network;
mod udp;

use std::{process::ExitCode, time::Duration};

use finding::{Finding, Status};
use serde_json::json;
use tokio::{task::spawn_blocking, time::timeout};

use super::{FAILED, MISSING, print};
use crate::{
    config::{Config, Form},
    tls,
};

/// At worst, the ICE servers take 7 s for their credentials and 5 s for the probes.
const PART_LIMIT: Duration = Duration::from_secs(14);

/// Checks everything and prints the findings.
pub fn examine(config: &Config, form: Form) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start threads: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let findings = runtime.block_on(all(config));
    // A part that ran into its limit may still block; its result is not needed.
    runtime.shutdown_background();
    match form {
        Form::Text => print(&findings.iter().map(Finding::text).collect::<String>()),
        Form::Json => print(&format!("{:#}\n", json!({ "findings": findings }))),
    }
    exit_code(&findings)
}

async fn all(config: &Config) -> Vec<Finding> {
    tls::install_provider();
    let (access, media, host, files, network) = tokio::join!(
        blocking("access", config, access::check),
        blocking("gstreamer", config, gstreamer::check),
        blocking("host", config, host::check),
        blocking("files", config, files::check),
        within("network", network::check(config)),
    );
    [access, media, host, files, network].concat()
}

async fn blocking(name: &'static str, config: &Config, check: fn(&Config) -> Vec<Finding>) -> Vec<Finding> {
    let config = config.clone();
    within(name, async move {
        let done = spawn_blocking(move || check(&config)).await;
        done.unwrap_or_else(|panic| {
            vec![Finding::fail(name, format!("the check failed: {panic}"), "report this as a bug in scope")]
        })
    })
    .await
}

async fn within(name: &'static str, check: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
    timeout(PART_LIMIT, check).await.unwrap_or_else(|_| {
        let found = format!("the checks took over {} s", PART_LIMIT.as_secs());
        vec![Finding::fail(name, found, "try again when the machine is less busy")]
    })
}

fn exit_code(findings: &[Finding]) -> ExitCode {
    if findings.iter().any(|finding| finding.missing) {
        ExitCode::from(MISSING)
    } else if findings.iter().any(|finding| finding.status == Status::Fail) {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    }
}
