//! GStreamer, its elements and the codecs. Blocks: it tries the codecs.

use std::process::{Command, Stdio};

use super::finding::Finding;
use crate::{
    config::Config,
    media::{self, Inventory, Trial},
};

/// Older VA-API encoders ignore key frame requests, so a viewer who lost packets stays frozen (fixed in 1.24.4).
const VA_KEY_FRAMES: (u32, u32, u32) = (1, 24, 4);
/// Oldest build of plugins-bad with the fixes of CVE-2026-14935 and CVE-2026-59692 (DTLS), by Debian release.
const DTLS_FIXED: &[(&str, &str)] = &[("12", "1.22.0-4+deb12u8")];

/// GStreamer, its elements, the codecs.
pub fn check(config: &Config) -> Vec<Finding> {
    let inventory = match media::inventory() {
        Ok(inventory) => inventory,
        Err(error) => {
            return vec![Finding::missing(
                "gstreamer",
                error.to_string(),
                "apt-get install gstreamer1.0-tools",
            )];
        }
    };
    let mut findings = vec![version(&inventory)];
    findings.extend(dtls());
    findings.push(elements(&inventory));
    findings.extend(codecs(config));
    findings.push(hardware(&inventory));
    findings
}

fn version(inventory: &Inventory) -> Finding {
    let (major, minor, micro) = inventory.version;
    let found = format!("{major}.{minor}.{micro}");
    let has_va =
        inventory.hardware.iter().any(|element| element.starts_with("va") && element.ends_with("enc"));
    if has_va && inventory.version < VA_KEY_FRAMES {
        let found = format!("{found}, whose VA-API encoders ignore key frame requests");
        let advice = "update GStreamer to 1.24.4 or newer, or force a software encoder with SCOPE_ENCODERS";
        return Finding::warn("gstreamer", found, advice);
    }
    Finding::ok("gstreamer", found)
}

fn elements(inventory: &Inventory) -> Finding {
    if inventory.missing.is_empty() {
        return Finding::ok("elements", format!("all {} required elements are installed", inventory.present));
    }
    let names: Vec<_> = inventory.missing.iter().map(|(element, _)| *element).collect();
    let packages = inventory.missing.iter().map(|(_, package)| *package);
    Finding::missing("elements", format!("{} missing", names.join(", ")), install(packages))
}

fn install<'a>(packages: impl Iterator<Item = &'a str>) -> String {
    let mut packages: Vec<_> = packages.collect();
    packages.sort_unstable();
    packages.dedup();
    format!(
        "apt-get install {}; if they are installed, check GST_PLUGIN_SYSTEM_PATH and GST_REGISTRY",
        packages.join(" ")
    )
}

/// One finding for each codec in the configuration.
fn codecs(config: &Config) -> Vec<Finding> {
    let trials = match media::try_codecs(&config.media) {
        Ok(trials) => trials,
        Err(error) => return vec![Finding::fail("codecs", error.to_string(), "see the lines above")],
    };
    let mut names: Vec<_> = trials.iter().map(|trial| trial.codec).collect();
    names.dedup();
    let any = names.iter().any(|&name| chosen(&trials, name).is_some());
    names.iter().map(|&name| codec(&trials, name, config, any)).collect()
}

type Name = crate::signalling::CodecName;

fn chosen(trials: &[Trial], name: Name) -> Option<(&Trial, &Trial)> {
    let used = |direction| {
        trials.iter().find(|trial| trial.codec == name && trial.direction == direction && trial.chosen)
    };
    Some((used("encode")?, used("decode")?))
}

fn codec(trials: &[Trial], name: Name, config: &Config, any_works: bool) -> Finding {
    let title = format!("codec {}", name.to_string().to_lowercase());
    let own = || trials.iter().filter(move |trial| trial.codec == name);
    if let Some((encoder, decoder)) = chosen(trials, name) {
        let place = if encoder.hardware { "hardware" } else { "software" };
        return Finding::ok(title, format!("{} ({place}) and {} work", encoder.element, decoder.element));
    }
    let forced = config.media.forced_encoders.get(&name);
    let known: Vec<_> =
        own().filter(|trial| trial.direction == "encode").map(|trial| trial.element).collect();
    if let Some(forced) = forced.filter(|forced| !known.contains(&forced.as_str())) {
        let found = format!("forced encoder {forced} is not supported for this codec");
        return Finding::fail(
            title,
            found,
            format!("set SCOPE_ENCODERS to {} or unset it", known.join(" or ")),
        );
    }
    let reasons: Vec<_> = own().map(|trial| format!("{}: {}", trial.element, trial.reason)).collect();
    let advice = install(own().map(|trial| media::package(trial.element)));
    if any_works && forced.is_none() {
        let advice = format!("{advice}; or remove it from SCOPE_CODECS");
        return Finding::warn(title, reasons.join("; "), advice);
    }
    Finding::missing(title, reasons.join("; "), advice)
}

fn hardware(inventory: &Inventory) -> Finding {
    if inventory.hardware.is_empty() {
        return Finding::ok("hardware codecs", "none; codecs run on the CPU");
    }
    Finding::ok("hardware codecs", inventory.hardware.join(", "))
}

/// Whether Debian's build has the fixes; `None` on any other system.
fn dtls() -> Option<Finding> {
    let release = std::fs::read_to_string("/etc/os-release").ok()?;
    let floor = floor(&release)?;
    let version =
        output(Command::new("dpkg-query").args(["-W", "-f", "${Version}", "gstreamer1.0-plugins-bad"]))?;
    let is_old = Command::new("dpkg")
        .args(["--compare-versions", &version, "lt", floor])
        .status()
        .is_ok_and(|status| status.success());
    if is_old {
        let found =
            format!("gstreamer1.0-plugins-bad {version} lacks the fixes of CVE-2026-14935, CVE-2026-59692");
        let advice = "apt-get update && apt-get install --only-upgrade gstreamer1.0-plugins-bad, with \
                      Debian's security repository";
        return Some(Finding::warn("dtls fixes", found, advice));
    }
    Some(Finding::ok("dtls fixes", format!("gstreamer1.0-plugins-bad {version} has them")))
}

fn floor(os_release: &str) -> Option<&'static str> {
    let field = |name| {
        let value = os_release.lines().find_map(|line| line.strip_prefix(name))?;
        Some(value.trim_matches('"'))
    };
    let version = field("VERSION_ID=").filter(|_| field("ID=") == Some("debian"))?;
    DTLS_FIXED.iter().find_map(|(release, floor)| (*release == version).then_some(*floor))
}

/// What a short system command prints; `None` if it fails.
fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_that_of_the_installer() {
        let installer = include_str!("../../../.tools/deps");

        for (release, floor) in DTLS_FIXED {
            assert!(installer.contains(&format!("[{release}]={floor}")), "{release} {floor}");
        }
        assert_eq!(floor("ID=debian\nVERSION_ID=\"12\"\n"), Some(DTLS_FIXED[0].1));
        assert_eq!(floor("ID=ubuntu\nVERSION_ID=\"12\"\n"), None);
    }

    #[test]
    fn old_va_encoders_are_warned_of() {
        let host = |version, hardware| Inventory { version, present: 1, missing: vec![], hardware };

        assert!(version(&host((1, 22, 0), vec!["vah264enc"])).advice.is_some());
        assert!(version(&host((1, 22, 0), vec!["vah264dec"])).advice.is_none());
        assert!(version(&host((1, 24, 4), vec!["vah264enc"])).advice.is_none());
    }
}
