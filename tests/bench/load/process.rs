//! What a process and its children use, from /proc.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// `USER_HZ`, which Linux keeps at 100 on every architecture that GStreamer is built for.
const TICKS_PER_S: f64 = 100.0;

/// The sums over a process and its children.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Since the start, user and system.
    pub cpu_s: f64,
    pub rss_kb: u64,
    pub threads: u64,
    pub fds: u64,
}

impl Usage {
    /// What this process has used.
    pub fn own() -> Usage {
        Usage::of(std::process::id())
    }

    /// Zero for a process that has ended.
    pub fn of(root: u32) -> Usage {
        let parents = parents();
        let inside = |pid: u32| {
            let mut ancestor = Some(pid);
            while let Some(this) = ancestor.filter(|this| *this != root) {
                ancestor = parents.get(&this).copied();
            }
            ancestor.is_some()
        };
        parents.keys().filter(|pid| inside(**pid)).fold(Usage::default(), |sum, pid| {
            let one = single(*pid).unwrap_or_default(); // ended meanwhile
            Usage {
                cpu_s: sum.cpu_s + one.cpu_s,
                rss_kb: sum.rss_kb + one.rss_kb,
                threads: sum.threads + one.threads,
                fds: sum.fds + one.fds,
            }
        })
    }
}

/// Every process and its parent.
fn parents() -> BTreeMap<u32, u32> {
    let entries = fs::read_dir("/proc").expect("Linux has /proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?.get(1)?.parse().ok()?))).collect()
}

fn single(pid: u32) -> Option<Usage> {
    let stat = stat(pid)?;
    let ticks = |field: usize| stat.get(field)?.parse::<f64>().ok();
    let folder = format!("/proc/{pid}");
    let status = fs::read_to_string(format!("{folder}/status")).ok()?;
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(Usage {
        cpu_s: (ticks(11)? + ticks(12)?) / TICKS_PER_S,
        rss_kb: rss.split_whitespace().next()?.parse().ok()?,
        threads: stat.get(17)?.parse().ok()?,
        fds: fs::read_dir(Path::new(&folder).join("fd")).ok()?.count() as u64,
    })
}

/// The fields of /proc/PID/stat behind the name, which may hold spaces: state, parent, ...
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}
