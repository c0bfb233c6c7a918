//! Figures of the host: processors, memory, graphics cards. What is not known is null, never 0.
//!
//! Read on request, in under a millisecond; a lock keeps the last reading, since load is a difference.

use std::{
    net::IpAddr,
    path::Path,
    sync::{Mutex, PoisonError},
};

use nvml_wrapper::Nvml;
use serde::Serialize;

/// The host at one moment.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Snapshot {
    /// Processors.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Memory,
    /// Graphics cards that a driver tells of.
    pub gpus: Vec<Gpu>,
    /// Load averages over 1, 5 and 15 minutes.
    pub load_average: Option<[f64; 3]>,
}

/// Processors.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Cpu {
    /// What the maker calls it.
    pub model: Option<String>,
    /// Logical processors.
    pub cores: usize,
    /// Use of all of them since the reading before, 0 to 100; null at the first.
    pub usage_percent: Option<f32>,
}

/// Memory in bytes.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Memory {
    /// Of the host.
    pub total_bytes: u64,
    /// In use on the host.
    pub used_bytes: u64,
    /// What the container may use; null outside one.
    pub limit_bytes: Option<u64>,
    /// Of this process.
    pub process_bytes: Option<u64>,
}

/// A graphics card.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Gpu {
    /// Number that the driver gives it.
    pub index: u32,
    /// What the maker calls it.
    pub name: Option<String>,
    /// Its memory.
    pub memory_total_bytes: Option<u64>,
    /// In use.
    pub memory_used_bytes: Option<u64>,
    /// Use of its processors, 0 to 100.
    pub utilization_percent: Option<u32>,
}

/// Reads the host's figures.
pub struct System {
    state: Mutex<State>,
    nvml: Option<Nvml>,
}

struct State {
    system: sysinfo::System,
    read_before: bool,
}

impl System {
    /// Looks for the NVIDIA driver once; a host without one has no graphics cards to tell of.
    ///
    /// # Errors
    /// The host does not tell its figures.
    pub fn new() -> Result<Self, sysinfo::Error> {
        let mut system = sysinfo::System::new()?;
        system.refresh_cpu_all();
        let nvml = Nvml::init().inspect_err(|error| tracing::debug!(%error, "no NVIDIA driver")).ok();
        Ok(Self { state: Mutex::new(State { system, read_before: false }), nvml })
    }

    /// The host now. The processors' use is that since the call before.
    pub fn snapshot(&self) -> Snapshot {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.system.refresh_cpu_usage();
        state.system.refresh_memory();
        let usage = state.read_before.then(|| state.system.global_cpu_usage());
        state.read_before = true;
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
            },
            memory: Memory {
                total_bytes: system.total_memory(),
                used_bytes: system.used_memory(),
                limit_bytes: container_limit(),
                process_bytes: process_bytes(),
            },
            gpus: self.gpus(),
            load_average: load.ok().map(|load| [load.one, load.five, load.fifteen]),
        }
    }

    fn gpus(&self) -> Vec<Gpu> {
        let Some(nvml) = &self.nvml else { return Vec::new() };
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
                }
            })
            .collect()
    }
}

/// The addresses that this host has for others: neither loopback's nor link-local ones.
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

/// Whether this process runs in a container, as far as its files tell.
pub fn is_container() -> bool {
    let marked = ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists());
    let group = std::fs::read_to_string("/proc/1/cgroup").unwrap_or_default();
    marked || ["docker", "kubepods", "containerd", "lxc"].iter().any(|word| group.contains(word))
}

/// cgroup v2, then v1.
fn container_limit() -> Option<u64> {
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .and_then(|text| limit(&text))
}

/// `max`, or a number near 2^63, says that there is none.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|bytes| *bytes < 1 << 60)
}

fn process_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_has_processors_and_memory_and_no_invented_figures() {
        let system = System::new().unwrap();

        let first = system.snapshot();
        let second = system.snapshot();

        assert!(first.cpu.cores > 0 && first.memory.total_bytes > first.memory.used_bytes);
        assert_eq!(first.cpu.usage_percent, None);
        assert!(second.cpu.usage_percent.is_some());
        assert!(first.memory.process_bytes.is_some_and(|bytes| bytes > 0));
    }

    #[test]
    fn no_limit_is_not_a_limit() {
        assert_eq!(limit("max\n"), None);
        assert_eq!(limit("9223372036854771712"), None);
        assert_eq!(limit("1073741824\n"), Some(1 << 30));
    }
}
