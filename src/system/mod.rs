//! Figures of the host: processors, memory, graphics cards; and which security fixes its packages have. An unknown figure
//! is null, never 0.
//!
//! Read on request, in under a millisecond, on the caller's thread; a lock guards the last reading, since load is a
//! difference of two.

mod cards;
mod cgroup;
pub mod fixes;
mod rate;
pub mod threads;

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use cards::Card;
use cgroup::Group;
use nvml_wrapper::Nvml;
use rate::Rate;
use serde::Serialize;

/// The host at one moment.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Host)]
pub struct Snapshot {
    /// Processors.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Memory,
    /// Graphics cards that a driver reports.
    pub gpus: Vec<Gpu>,
    /// Load averages over 1, 5 and 15 minutes.
    pub load_average: Option<[f64; 3]>,
}

/// Processors.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Cpu {
    /// The vendor's name for it.
    pub model: Option<String>,
    /// Logical processors.
    pub cores: usize,
    /// Use of all of them since the last reading, 0 to 100; null at the first, and if the last was long ago.
    pub usage_percent: Option<f32>,
    /// CPU time that the container may use, in processors; null without such a limit.
    pub limit_cores: Option<f64>,
    /// How much of that it uses, 0 to 100; null if unknown.
    pub limit_usage_percent: Option<f64>,
}

/// Memory in bytes.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Memory {
    /// Of the host.
    pub total_bytes: u64,
    /// In use on the host.
    pub used_bytes: u64,
    /// The container's limit; null without one.
    pub limit_bytes: Option<u64>,
    /// How much of that it uses, without the file cache, which the kernel reclaims first.
    pub limit_used_bytes: Option<u64>,
    /// Of this process.
    pub process_bytes: Option<u64>,
}

/// A graphics card.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Gpu {
    /// The driver's number for it.
    pub index: u32,
    /// The vendor's name for it.
    pub name: Option<String>,
    /// Its memory.
    pub memory_total_bytes: Option<u64>,
    /// In use.
    pub memory_used_bytes: Option<u64>,
    /// Use of its processors, 0 to 100.
    pub utilization_percent: Option<u32>,
    /// Share of the time that they were not asleep, 0 to 100: an upper bound of their use. Intel's drivers report only
    /// this to ordinary users.
    pub awake_percent: Option<u32>,
}

/// Reads the host's figures.
pub struct System {
    state: Mutex<State>,
    nvml: Option<Nvml>,
    root: PathBuf,
}

struct State {
    system: sysinfo::System,
    read_at: Option<Instant>,
    usage: Option<f32>,
    group_time: Rate,
    cards: Vec<Card>,
}

impl System {
    /// Looks for graphics cards and for NVIDIA's driver once.
    ///
    /// # Errors
    /// The host's figures cannot be read.
    pub fn new() -> Result<Self, sysinfo::Error> {
        let root = PathBuf::from("/");
        let mut system = sysinfo::System::new()?;
        system.refresh_cpu_all();
        let nvml = Nvml::init().inspect_err(|error| tracing::debug!(%error, "no NVIDIA driver")).ok();
        let cards = Card::find(&root);
        let state = State { system, read_at: None, usage: None, group_time: Rate::default(), cards };
        Ok(Self { state: Mutex::new(state), nvml, root })
    }

    /// The host now; the processors' use is since the last call.
    pub fn snapshot(&self) -> Snapshot {
        let now = Instant::now();
        let group = Group::read(&self.root);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let usage = state.usage(now);
        state.system.refresh_memory();
        let used_cores = state.group_time.read(now, group.cpu_seconds);
        let gpus = self.gpus(&mut state.cards, now);
        let system = &state.system;
        let load = sysinfo::System::load_average();
        Snapshot {
            cpu: Cpu {
                model: system
                    .cpus()
                    .first()
                    .map(|cpu| cpu.brand().trim().to_owned())
                    .filter(|m| !m.is_empty()),
                cores: system.cpus().len(),
                usage_percent: usage,
                limit_cores: group.cores,
                limit_usage_percent: used_cores
                    .zip(group.cores)
                    .map(|(used, cores)| (used / cores * 100.0).min(100.0)),
            },
            memory: Memory {
                total_bytes: system.total_memory(),
                used_bytes: system.used_memory(),
                limit_bytes: group.memory_limit,
                limit_used_bytes: group.memory_used,
                process_bytes: process_bytes(),
            },
            gpus,
            load_average: load.ok().map(|load| [load.one, load.five, load.fifteen]),
        }
    }

    /// The cards that NVIDIA's library reports, then those that only the kernel does.
    fn gpus(&self, cards: &mut [Card], now: Instant) -> Vec<Gpu> {
        let mut gpus = self.nvml.as_ref().map(nvidia).unwrap_or_default();
        let has_nvml = !gpus.is_empty();
        let others = cards.iter_mut().filter(|card| !(has_nvml && card.is_nvidia()));
        gpus.extend(others.map(|card| card.read(now)));
        gpus
    }
}

impl State {
    fn usage(&mut self, now: Instant) -> Option<f32> {
        if rate::is_too_soon(self.read_at, now) {
            return self.usage;
        }
        self.system.refresh_cpu_usage();
        self.usage = rate::is_fresh(self.read_at, now).then(|| self.system.global_cpu_usage());
        self.read_at = Some(now);
        self.usage
    }
}

fn nvidia(nvml: &Nvml) -> Vec<Gpu> {
    let count = nvml.device_count().unwrap_or(0);
    let devices = (0..count).filter_map(|index| Some((index, nvml.device_by_index(index).ok()?)));
    devices
        .map(|(index, device)| {
            let memory = device.memory_info().ok();
            Gpu {
                index,
                name: device.name().ok(),
                memory_total_bytes: memory.as_ref().map(|memory| memory.total),
                memory_used_bytes: memory.as_ref().map(|memory| memory.used),
                utilization_percent: device.utilization_rates().ok().map(|rates| rates.gpu),
                awake_percent: None,
            }
        })
        .collect()
}

/// The addresses at which others may reach this host: neither loopback nor link-local.
pub fn addresses() -> Vec<IpAddr> {
    let networks = sysinfo::Networks::new_with_refreshed_list();
    let networks =
        networks.iter().flat_map(|networks| networks.values()).flat_map(sysinfo::NetworkData::ip_networks);
    let is_reachable = |address: &IpAddr| match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
    };
    let mut addresses: Vec<_> = networks.map(|network| network.addr).filter(is_reachable).collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

/// This host's name, where it has one.
pub fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    (!name.is_empty() && name != "(none)").then(|| name.to_owned())
}

/// Whether this process runs in a container, judging by its files.
pub fn is_container() -> bool {
    let marked = ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists());
    let group = std::fs::read_to_string("/proc/1/cgroup").unwrap_or_default();
    marked || ["docker", "kubepods", "containerd", "lxc"].iter().any(|word| group.contains(word))
}

fn process_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_host_has_processors_and_memory_and_no_invented_figures() {
        let system = System::new().unwrap();

        let first = system.snapshot();

        assert!(first.cpu.cores > 0 && first.memory.total_bytes > first.memory.used_bytes);
        assert_eq!((first.cpu.usage_percent, first.cpu.limit_usage_percent), (None, None));
        assert!(first.memory.process_bytes.is_some_and(|bytes| bytes > 0));
        assert_eq!(first.memory.limit_bytes.is_some(), first.memory.limit_used_bytes.is_some());
    }

    #[test]
    fn the_use_of_the_processors_is_known_at_a_later_reading() {
        let system = System::new().unwrap();
        system.snapshot();

        let (mut usage, limit) = (None, Instant::now() + Duration::from_secs(10));
        while usage.is_none() && Instant::now() < limit {
            usage = system.snapshot().cpu.usage_percent;
        }

        assert!(usage.is_some_and(|percent| (0.0..=100.0).contains(&percent)), "{usage:?}");
    }
}
