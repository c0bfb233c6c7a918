//! Graphics cards as the kernel shows them to every user (`/sys/class/drm`); NVIDIA's library reports more about its own.

use std::{
    fs::{read_dir, read_to_string},
    path::{Path, PathBuf},
    time::Instant,
};

use super::{Gpu, rate::Rate};

/// PCI ids of the vendors.
const VENDORS: [(&str, &str); 3] = [("0x1002", "AMD"), ("0x8086", "Intel"), ("0x10de", "NVIDIA")];

/// A card and its last readings.
pub struct Card {
    index: u32,
    vendor: &'static str,
    device: PathBuf,
    /// Intel: files with the milliseconds that each part of the card has slept.
    sleep: Vec<(PathBuf, Rate)>,
}

impl Card {
    /// Every card of a known vendor, in the kernel's order. `root` is `/` but in tests.
    pub fn find(root: &Path) -> Vec<Self> {
        let folder = root.join("sys/class/drm");
        let mut cards: Vec<_> = names(&folder)
            .iter()
            // Connectors are named card0-HDMI-A-1 and so on.
            .filter_map(|name| Some((name.strip_prefix("card")?.parse().ok()?, folder.join(name))))
            .filter_map(|(index, card)| Self::open(index, &card))
            .collect();
        cards.sort_by_key(|card| card.index);
        cards
    }

    fn open(index: u32, card: &Path) -> Option<Self> {
        let device = card.join("device");
        let number = text(&device.join("vendor"))?;
        let (_, vendor) = VENDORS.into_iter().find(|(known, _)| *known == number)?;
        let sleep = if vendor == "Intel" { sleep_files(card) } else { Vec::new() };
        Some(Self {
            index,
            vendor,
            device,
            sleep: sleep.into_iter().map(|file| (file, Rate::default())).collect(),
        })
    }

    /// Whether NVIDIA's library reports it.
    pub fn is_nvidia(&self) -> bool {
        self.vendor == "NVIDIA"
    }

    /// What the kernel reports about it now.
    pub fn read(&mut self, now: Instant) -> Gpu {
        let number = |name: &str| text(&self.device.join(name))?.parse().ok();
        let (total, used) = (number("mem_info_vram_total"), number("mem_info_vram_used"));
        let busy = number("gpu_busy_percent").and_then(|percent| u32::try_from(percent).ok());
        let product = text(&self.device.join("product_name"));
        let name = product.unwrap_or_else(|| match text(&self.device.join("device")) {
            Some(device) => format!("{} {device}", self.vendor),
            None => self.vendor.to_owned(),
        });
        Gpu {
            index: self.index,
            name: Some(name),
            memory_total_bytes: total,
            memory_used_bytes: used,
            utilization_percent: busy,
            awake_percent: self.awake(now),
        }
    }

    /// The share of the part that slept least.
    fn awake(&mut self, now: Instant) -> Option<u32> {
        let awake = self.sleep.iter_mut().filter_map(|(file, rate)| {
            let slept = rate.read(now, text(file).and_then(|text| text.parse().ok()))?;
            Some((100.0 - slept / 10.0).clamp(0.0, 100.0))
        });
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies in 0 to 100")]
        awake.reduce(f64::max).map(|percent| percent.round() as u32)
    }
}

/// i915's files, else those of i915 before Linux 5.19, else xe's.
fn sleep_files(card: &Path) -> Vec<PathBuf> {
    let existing =
        |files: Vec<PathBuf>| -> Vec<PathBuf> { files.into_iter().filter(|file| file.exists()).collect() };
    let parts = |folder: &Path, prefix: &str| -> Vec<PathBuf> {
        let named = names(folder).into_iter().filter(|name| name.starts_with(prefix));
        named.map(|name| folder.join(name)).collect()
    };
    let of_i915 =
        || existing(parts(&card.join("gt"), "gt").iter().map(|gt| gt.join("rc6_residency_ms")).collect());
    let of_old_i915 = || existing(vec![card.join("power/rc6_residency_ms")]);
    let of_xe = || {
        let tiles = parts(&card.join("device"), "tile");
        let gts = tiles.iter().flat_map(|tile| parts(tile, "gt"));
        existing(gts.map(|gt| gt.join("gtidle/idle_residency_ms")).collect())
    };
    [of_i915(), of_old_i915(), of_xe()].into_iter().find(|files| !files.is_empty()).unwrap_or_default()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn text(file: &Path) -> Option<String> {
    Some(read_to_string(file).ok()?.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join("sys/class/drm").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn an_amd_card_tells_its_use_and_its_memory() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "card1/device/vendor", "0x1002\n");
        write(root.path(), "card1/device/device", "0x73bf\n");
        write(root.path(), "card1/device/gpu_busy_percent", "37\n");
        write(root.path(), "card1/device/mem_info_vram_total", "17163091968\n");
        write(root.path(), "card1/device/mem_info_vram_used", "1073741824\n");
        write(root.path(), "card1-DP-1/device/vendor", "0x1002\n");
        write(root.path(), "card0/device/vendor", "0x1af4\n");

        let mut cards = Card::find(root.path());

        assert_eq!(cards.len(), 1, "neither a connector nor a virtual machine's card");
        let gpu = cards[0].read(Instant::now());
        assert_eq!((gpu.index, gpu.name.as_deref()), (1, Some("AMD 0x73bf")));
        assert_eq!(gpu.memory_total_bytes, Some(17_163_091_968));
        assert_eq!((gpu.memory_used_bytes, gpu.utilization_percent), (Some(1 << 30), Some(37)));
        assert_eq!(gpu.awake_percent, None);
    }

    #[test]
    fn an_intel_card_tells_how_long_it_was_awake_and_no_use() {
        for file in
            ["gt/gt0/rc6_residency_ms", "power/rc6_residency_ms", "device/tile0/gt0/gtidle/idle_residency_ms"]
        {
            let root = tempfile::tempdir().unwrap();
            write(root.path(), "card0/device/vendor", "0x8086\n");
            write(root.path(), &format!("card0/{file}"), "1000\n");
            let mut cards = Card::find(root.path());
            let start = Instant::now();

            let first = cards[0].read(start);
            write(root.path(), &format!("card0/{file}"), "1750\n");
            let second = cards[0].read(start + Duration::from_secs(1));

            assert_eq!((first.awake_percent, second.awake_percent), (None, Some(25)), "{file}");
            assert_eq!((second.utilization_percent, second.memory_used_bytes), (None, None));
        }
    }

    #[test]
    fn a_host_without_cards_has_none() {
        assert_eq!(Card::find(Path::new("/nowhere")).len(), 0);
    }
}
