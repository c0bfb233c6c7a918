//! The sandbox that a pipeline may ask for: no network, and no files but its own, Python's and the models'.
//!
//! Landlock (landlock(7)) bounds the files, and from Linux 6.12 on signals; a seccomp filter refuses sockets and the few
//! calls that would get round Landlock. Both are made here and take effect in the child, before it is Python; they cannot be
//! undone. What is read in `/proc` is what every process of every user may read: Landlock closes the rest.

use std::{
    env,
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    Scope, path_beneath_rules,
};

use super::settings::Settings;

/// Programs, libraries and what they read at their start.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/lib",
    "/lib64",
    "/opt",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/group",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/proc",
    "/sys/bus/pci",
    "/sys/class",
    "/sys/devices",
    "/sys/module/nvidia",
];
/// Devices that are written as well. Of NVIDIA's cards there is a file each.
const DEVICES: &[&str] =
    &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/dri", "/dev/kfd"];
const NVIDIA: &str = "nvidia";
/// Folders of models below the home folder, unless a variable names another one.
const CACHES: &[(&str, &str)] = &[
    ("HF_HOME", ".cache/huggingface"),
    ("TORCH_HOME", ".cache/torch"),
    ("HF_HUB_CACHE", ".cache/huggingface/hub"),
];

/// What one worker is confined to.
pub struct Sandbox {
    /// Landlock's rules.
    pub rules: OwnedFd,
    /// A folder that only this worker may write; removed with it.
    pub scratch: Scratch,
}

/// A folder for temporary files, removed when dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("scope-worker-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let folder = env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok(); // the worker is gone; what it made unreadable stays
    }
}

impl Sandbox {
    /// The rules for a worker of this pipeline.
    ///
    /// # Errors
    /// The kernel has no Landlock, or refuses the rules; there is no room for temporary files.
    pub fn new(settings: &Settings) -> std::io::Result<Self> {
        let scratch = Scratch::new()?;
        let rules = rules(settings, &scratch).map_err(std::io::Error::other)?;
        let rules = rules.ok_or_else(|| std::io::Error::other("the kernel has no Landlock"))?;
        Ok(Self { rules, scratch })
    }
}

fn rules(settings: &Settings, scratch: &Scratch) -> Result<Option<OwnedFd>, landlock::RulesetError> {
    // What the first version has is required; what later ones add is used where it is there.
    let newest = ABI::V6;
    let reads = AccessFs::from_read(newest);
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(newest))?
        .handle_access(AccessNet::from_all(newest))?
        .scope(Scope::from_all(newest))?
        .create()?
        .add_rules(path_beneath_rules(readable(settings), reads))?
        .add_rules(path_beneath_rules(devices(), AccessFs::from_all(newest)))?
        .add_rules(path_beneath_rules([scratch.path()], AccessFs::from_all(newest)))?;
    Ok(ruleset.into())
}

/// What a worker may read, as far as it is there.
fn readable(settings: &Settings) -> impl Iterator<Item = PathBuf> {
    let home = env::var_os("HOME").map(PathBuf::from);
    let caches = CACHES.iter().filter_map(move |(variable, below)| {
        env::var_os(variable).map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(below)))
    });
    let packages = settings.env.iter().filter(|(name, _)| name == "PYTHONPATH");
    let packages: Vec<_> =
        packages.flat_map(|(_, paths)| env::split_paths(paths).collect::<Vec<_>>()).collect();
    SYSTEM
        .iter()
        .map(PathBuf::from)
        .chain([settings.folder.clone()])
        .chain(installation(&settings.interpreter))
        .chain(packages)
        .chain(caches)
        .filter(|path| path.exists())
}

/// The folders of an interpreter: its environment's (`bin/python` is two levels down) and that of the Python behind it.
fn installation(interpreter: &Path) -> impl Iterator<Item = PathBuf> {
    let found = if interpreter.components().count() > 1 {
        Some(interpreter.to_owned())
    } else {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).map(|folder| folder.join(interpreter)).find(|file| file.is_file())
    };
    let real = found.as_ref().and_then(|file| file.canonicalize().ok());
    let prefix = |file: PathBuf| file.parent().and_then(Path::parent).map(Path::to_owned);
    let prefixes = found.into_iter().chain(real).filter_map(prefix);
    // Of a Python in /bin that would be everything.
    prefixes.filter(|prefix| prefix.parent().is_some())
}

fn devices() -> impl Iterator<Item = PathBuf> {
    let all = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let cards =
        all.filter(|entry| entry.file_name().to_string_lossy().starts_with(NVIDIA)).map(|entry| entry.path());
    DEVICES.iter().map(PathBuf::from).filter(|path| path.exists()).chain(cards)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_brings_its_environment_and_never_the_whole_file_system() {
        let all = |interpreter: &str| installation(Path::new(interpreter)).collect::<Vec<_>>();

        assert!(all("/srv/app/.venv/bin/python").contains(&PathBuf::from("/srv/app/.venv")));
        assert_eq!(all("/bin/no-such-python"), Vec::<PathBuf>::new());
        assert!(!all("python3").contains(&PathBuf::from("/")));
    }

    #[test]
    fn temporary_files_go_with_their_worker() {
        let scratch = Scratch::new().unwrap();
        let folder = scratch.path().to_owned();
        std::fs::write(folder.join("a"), "x").unwrap();

        drop(scratch);

        assert!(!folder.exists());
    }
}
