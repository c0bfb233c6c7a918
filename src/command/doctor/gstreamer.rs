//! GStreamer, its elements and the codecs. Blocks: it tries the codecs.

use super::finding::Finding;
use crate::{
    config::Config,
    media::{self, Inventory, Trial},
    system::fixes,
};

/// Older VA-API encoders ignore key frame requests, so a viewer who lost packets stays frozen (fixed in 1.24.4).
const VA_KEY_FRAMES: (u32, u32, u32) = (1, 24, 4);

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
    findings.extend(fixes());
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

/// Which security fixes its packages have.
fn fixes() -> impl Iterator<Item = Finding> {
    fixes::look().into_iter().map(|fix| match fix.advice() {
        Some(advice) => Finding::warn("dtls fixes", fix.to_string(), advice),
        None => Finding::ok("dtls fixes", fix.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_va_encoders_are_warned_of() {
        let host = |version, hardware| Inventory { version, present: 1, missing: vec![], hardware };

        assert!(version(&host((1, 22, 0), vec!["vah264enc"])).advice.is_some());
        assert!(version(&host((1, 22, 0), vec!["vah264dec"])).advice.is_none());
        assert!(version(&host((1, 24, 4), vec!["vah264enc"])).advice.is_none());
    }
}
