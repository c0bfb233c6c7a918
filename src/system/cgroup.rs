//! A container's limits and use, from the files of Linux's control groups, version 2 or else 1.

use std::{
    fs::read_to_string,
    path::{Path, PathBuf},
};

/// A control group's limits, and its use where there is a limit. `None` is unlimited or unknown.
#[derive(Debug, Default, PartialEq)]
pub struct Group {
    /// CPU time, in processors.
    pub cores: Option<f64>,
    /// CPU time used so far, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Bytes.
    pub memory_limit: Option<u64>,
    /// Bytes, without the file cache, which the kernel reclaims first.
    pub memory_used: Option<u64>,
}

impl Group {
    /// This process's group. `root` is `/` but in tests.
    pub fn read(root: &Path) -> Self {
        let groups = read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
        let mount = root.join("sys/fs/cgroup");
        if mount.join("cgroup.controllers").exists() {
            return unified(&folders(&mount, path_of(&groups, "").unwrap_or("/")));
        }
        let of = |controller| {
            let path = path_of(&groups, controller).unwrap_or("/");
            folders(&mount.join(controller), path)
        };
        divided(&of("cpu"), &of("cpuacct"), &of("memory"))
    }
}

/// How many more processes and threads this process's group, and those above it, allow; `None` without a limit. `root` is
/// `/` but in tests.
pub fn pids_left(root: &Path) -> Option<u64> {
    let groups = read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mount = root.join("sys/fs/cgroup");
    let (mount, controller) =
        if mount.join("cgroup.controllers").exists() { (mount, "") } else { (mount.join("pids"), "pids") };
    let folders = folders(&mount, path_of(&groups, controller).unwrap_or("/"));
    let left = |folder: &PathBuf| {
        let limit = bytes(&folder.join("pids.max"))?;
        Some(limit.saturating_sub(bytes(&folder.join("pids.current"))?))
    };
    folders.iter().filter_map(left).min()
}

/// The path of `controller` in `/proc/self/cgroup`; version 2 names none.
fn path_of<'a>(groups: &'a str, controller: &str) -> Option<&'a str> {
    groups.lines().find_map(|line| {
        let (names, path) = line.split_once(':')?.1.split_once(':')?;
        names.split(',').any(|name| name == controller).then_some(path)
    })
}

/// The group's folder and those above it, since the limits of all of them apply. In a container the path may be the
/// host's, whose folders do not exist there; the mount itself is the container's.
fn folders(mount: &Path, path: &str) -> Vec<PathBuf> {
    let own = mount.join(path.trim_start_matches('/'));
    own.ancestors().take_while(|folder| folder.starts_with(mount)).map(Path::to_owned).collect()
}

fn unified(folders: &[PathBuf]) -> Group {
    let cpu = tightest(folders, |folder| {
        let text = read_to_string(folder.join("cpu.max")).ok()?;
        let (quota, period) = text.trim().split_once(' ')?;
        cores(quota, period)
    });
    let memory = tightest(folders, |folder| bytes(&folder.join("memory.max")));
    Group {
        cores: cpu.as_ref().map(|(cores, _)| *cores),
        cpu_seconds: cpu
            .and_then(|(_, folder)| Some(stat(&folder.join("cpu.stat"), "usage_usec")? as f64 / 1e6)),
        memory_limit: memory.as_ref().map(|(limit, _)| *limit),
        memory_used: memory.and_then(|(_, folder)| used(folder, "memory.current", "inactive_file")),
    }
}

fn divided(cpu: &[PathBuf], accounts: &[PathBuf], memory: &[PathBuf]) -> Group {
    let cores = tightest(cpu, |folder| {
        let quota = read_to_string(folder.join("cpu.cfs_quota_us")).ok()?;
        cores(&quota, &read_to_string(folder.join("cpu.cfs_period_us")).ok()?)
    });
    let memory = tightest(memory, |folder| bytes(&folder.join("memory.limit_in_bytes")));
    Group {
        cores: cores.as_ref().map(|(cores, _)| *cores),
        cpu_seconds: cores.and_then(|_| {
            let nanoseconds = accounts.iter().find_map(|folder| bytes(&folder.join("cpuacct.usage")))?;
            Some(nanoseconds as f64 / 1e9)
        }),
        memory_limit: memory.as_ref().map(|(limit, _)| *limit),
        memory_used: memory
            .and_then(|(_, folder)| used(folder, "memory.usage_in_bytes", "total_inactive_file")),
    }
}

/// The lowest limit and the folder that sets it.
fn tightest<T: PartialOrd>(folders: &[PathBuf], limit: impl Fn(&Path) -> Option<T>) -> Option<(T, &Path)> {
    let limits = folders.iter().filter_map(|folder| Some((limit(folder)?, folder.as_path())));
    limits.reduce(|least, other| if other.0 < least.0 { other } else { least })
}

/// `max` and `-1` mean no limit.
fn cores(quota: &str, period: &str) -> Option<f64> {
    let (quota, period): (f64, f64) = (quota.trim().parse().ok()?, period.trim().parse().ok()?);
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

/// `max`, or a number near 2^63, means no limit.
fn bytes(file: &Path) -> Option<u64> {
    read_to_string(file).ok()?.trim().parse().ok().filter(|bytes| *bytes < 1 << 60)
}

fn used(folder: &Path, current: &str, inactive: &str) -> Option<u64> {
    let current = bytes(&folder.join(current))?;
    Some(current.saturating_sub(stat(&folder.join("memory.stat"), inactive).unwrap_or(0)))
}

fn stat(file: &Path, name: &str) -> Option<u64> {
    let text = read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_container_of_version_2_has_its_limits_and_its_use() {
        let root = host(&[
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/cgroup.controllers", "cpu memory\n"),
            ("sys/fs/cgroup/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/cpu.stat", "usage_usec 2500000\nuser_usec 1\n"),
            ("sys/fs/cgroup/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/memory.current", "700000000\n"),
            ("sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 200000000\n"),
        ]);

        assert_eq!(
            Group::read(root.path()),
            Group {
                cores: Some(1.5),
                cpu_seconds: Some(2.5),
                memory_limit: Some(1 << 30),
                memory_used: Some(500_000_000),
            }
        );
    }

    #[test]
    fn the_least_limit_above_a_service_holds() {
        let root = host(&[
            ("proc/self/cgroup", "0::/system.slice/scope.service\n"),
            ("sys/fs/cgroup/cgroup.controllers", ""),
            ("sys/fs/cgroup/system.slice/memory.max", "5000\n"),
            ("sys/fs/cgroup/system.slice/memory.current", "4000\n"),
            ("sys/fs/cgroup/system.slice/scope.service/memory.max", "max\n"),
            ("sys/fs/cgroup/system.slice/scope.service/cpu.max", "max 100000\n"),
        ]);

        let group = Group::read(root.path());

        assert_eq!((group.memory_limit, group.memory_used), (Some(5000), Some(4000)));
        assert_eq!((group.cores, group.cpu_seconds), (None, None));
    }

    #[test]
    fn a_container_of_version_1_is_at_its_mount() {
        let root = host(&[
            ("proc/self/cgroup", "5:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpuacct/cpuacct.usage", "3000000000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "900\n"),
            ("sys/fs/cgroup/memory/memory.stat", "inactive_file 7\ntotal_inactive_file 100\n"),
        ]);

        assert_eq!(
            Group::read(root.path()),
            Group {
                cores: Some(0.5),
                cpu_seconds: Some(3.0),
                memory_limit: Some(2000),
                memory_used: Some(800)
            }
        );
    }

    #[test]
    fn threads_are_limited_by_each_group_above_in_both_versions() {
        let unified = host(&[
            ("proc/self/cgroup", "0::/a.slice/scope.service\n"),
            ("sys/fs/cgroup/cgroup.controllers", "pids\n"),
            ("sys/fs/cgroup/a.slice/pids.max", "100\n"),
            ("sys/fs/cgroup/a.slice/pids.current", "70\n"),
            ("sys/fs/cgroup/a.slice/scope.service/pids.max", "80\n"),
            ("sys/fs/cgroup/a.slice/scope.service/pids.current", "40\n"),
        ]);
        let divided = host(&[
            ("proc/self/cgroup", "8:pids:/docker/abc\n0::/\n"),
            ("sys/fs/cgroup/pids/pids.max", "1000\n"),
            ("sys/fs/cgroup/pids/pids.current", "1003\n"),
        ]);
        let free = host(&[
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/cgroup.controllers", "pids\n"),
            ("sys/fs/cgroup/pids.max", "max\n"),
            ("sys/fs/cgroup/pids.current", "40\n"),
        ]);

        let left = [&unified, &divided, &free].map(|root| pids_left(root.path()));

        assert_eq!(left, [Some(30), Some(0), None]);
    }

    #[test]
    fn no_limit_is_not_a_limit() {
        let root = host(&[
            ("proc/self/cgroup", "4:memory:/\n2:cpu:/\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "900\n"),
        ]);

        assert_eq!(Group::read(root.path()), Group::default());
        assert_eq!(Group::read(Path::new("/nowhere")), Group::default());
    }
}
