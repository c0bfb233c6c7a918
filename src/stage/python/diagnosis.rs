//! Determines the cause of a worker's end from its status, its last output and the system. Pure.

use std::path::Path;

use crate::stage::{Cause, Missing};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

/// Modules whose package has another name.
const PACKAGES: [(&str, &str); 6] = [
    ("cv2", "opencv-python-headless"),
    ("PIL", "pillow"),
    ("skimage", "scikit-image"),
    ("sklearn", "scikit-learn"),
    ("yaml", "pyyaml"),
    ("OpenGL", "pyopengl"),
];

/// The cause of an end that the server did not request. `last_line` is the worker's last line of output;
/// `memory_ran_out`: the kernel has killed processes for their memory since the worker's start.
pub fn of_end(
    ending: Option<Ending>,
    last_line: &str,
    ready: bool,
    memory_ran_out: bool,
    interpreter: &Path,
) -> Cause {
    match ending {
        None => Cause::ProtocolFault { message: "the worker closed its socket but still runs".into() },
        Some(Ending::Killed(signal)) => Cause::Killed { signal, memory_ran_out },
        Some(Ending::Exited(code)) => {
            let said = if code == 0 { None } else { of_exception(last_line, interpreter) };
            let last_line = (!last_line.is_empty()).then(|| last_line.to_owned());
            said.unwrap_or(Cause::Exited { code, ready, last_line })
        }
    }
}

/// The cause of an end that the worker announced with `message`, an exception's type and text.
pub fn of_message(message: String, interpreter: &Path) -> Cause {
    of_exception(&message, interpreter).unwrap_or(Cause::Refused { message })
}

/// The cause of a failed start.
pub fn of_start(error: &std::io::Error, interpreter: &Path) -> Cause {
    let name = interpreter.display().to_string();
    if error.kind() != std::io::ErrorKind::NotFound {
        return Cause::NotStarted { message: format!("{name}: {error}") };
    }
    let install = "install it, or name another one as [python] interpreter in pipeline.toml".to_owned();
    Cause::NotInstalled { missing: Missing::Program, name, install }
}

/// What the last line of a traceback names, if that is a missing dependency or memory.
fn of_exception(line: &str, interpreter: &Path) -> Option<Cause> {
    let (class, text) = line.split_once(": ").unwrap_or((line, ""));
    // An exception without a text may be followed by its place.
    let class = class.split(' ').next().unwrap_or(class);
    let out_of_memory = || Cause::OutOfMemory { message: line.to_owned() };
    match class.rsplit('.').next().unwrap_or(class) {
        "ModuleNotFoundError" => Some(no_module(quoted(text)?, interpreter)),
        "ImportError" | "OSError" => {
            let (library, _) = text.split_once(": cannot open shared object file")?;
            Some(Cause::NotInstalled {
                missing: Missing::Library,
                name: library.to_owned(),
                install: "install the system's package that has this library".to_owned(),
            })
        }
        "FileNotFoundError" => Some(Cause::NotInstalled {
            missing: Missing::File,
            name: quoted(text)?.to_owned(),
            install: "put it there, or correct its path in the pipeline".to_owned(),
        }),
        name if name.ends_with("MemoryError") => Some(out_of_memory()),
        "RuntimeError" if text.contains("out of memory") => Some(out_of_memory()),
        _ => None,
    }
}

fn no_module(module: &str, interpreter: &Path) -> Cause {
    let name = module.split('.').next().unwrap_or(module);
    let package = PACKAGES.iter().find(|(module, _)| *module == name).map_or(name, |(_, package)| package);
    // The server ships this one; a package of that name on PyPI is somebody else's.
    let install = if name == "scope_pipeline" {
        "install the server again: its folder pipelines/python is missing".to_owned()
    } else {
        format!("install it with `{} -m pip install {package}`", interpreter.display())
    };
    Cause::NotInstalled { missing: Missing::Module, name: name.to_owned(), install }
}

/// The text between the first quotation marks.
fn quoted(text: &str) -> Option<&str> {
    text.split('\'').nth(1).filter(|name| !name.is_empty())
}

/// Processes that the kernel has killed for their memory since the host's start, from `/proc/vmstat`.
pub fn memory_kills(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exited(line: &str) -> Cause {
        of_end(Some(Ending::Exited(1)), line, false, false, Path::new("/srv/.venv/bin/python"))
    }

    #[test]
    fn a_module_that_is_missing_is_named_with_the_command_that_installs_it_where_it_is_looked_for() {
        for (line, module, package) in [
            ("ModuleNotFoundError: No module named 'torch'", "torch", "pip install torch"),
            ("ModuleNotFoundError: No module named 'diffusers.models'", "diffusers", "pip install diffusers"),
            ("ModuleNotFoundError: No module named 'cv2'", "cv2", "pip install opencv-python-headless"),
            ("ModuleNotFoundError: No module named 'scope_pipeline'", "scope_pipeline", "install the server"),
        ] {
            let Cause::NotInstalled { missing, name, install } = exited(line) else { panic!("{line}") };

            assert_eq!((missing, name.as_str()), (Missing::Module, module));
            assert!(install.contains(package), "{install}");
            let pip = install.contains("pip install");
            assert_eq!(pip, install.contains("/srv/.venv/bin/python -m"), "{install}");
        }
    }

    #[test]
    fn libraries_files_and_memory_are_read_from_the_exception() {
        let missing = |line: &str| match exited(line) {
            Cause::NotInstalled { missing, name, .. } => Some((missing, name)),
            _ => None,
        };

        let library = "ImportError: libGL.so.1: cannot open shared object file: No such file or directory";
        assert_eq!(missing(library), Some((Missing::Library, "libGL.so.1".into())));
        let file = "FileNotFoundError: [Errno 2] No such file or directory: '/models/a.safetensors'";
        assert_eq!(missing(file), Some((Missing::File, "/models/a.safetensors".into())));
        for line in [
            "MemoryError",
            "MemoryError (pipeline.py:12)",
            "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8.00 GiB",
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.",
            "RuntimeError: CUDA out of memory.",
        ] {
            assert_eq!(exited(line), Cause::OutOfMemory { message: line.into() });
        }
    }

    #[test]
    fn any_other_last_line_is_told_as_it_is() {
        for line in ["RuntimeError: no GPU", "ImportError: cannot import name 'a'", "ModuleNotFoundError", ""]
        {
            let last_line = (!line.is_empty()).then(|| line.to_owned());

            assert_eq!(exited(line), Cause::Exited { code: 1, ready: false, last_line });
        }
        let message = "RuntimeError: no GPU".to_owned();
        assert_eq!(of_message(message.clone(), Path::new("python3")), Cause::Refused { message });
    }

    #[test]
    fn a_signal_says_more_than_the_last_line() {
        let told = |ending| of_end(ending, "MemoryError", true, true, Path::new("python3"));

        assert_eq!(told(Some(Ending::Killed(9))), Cause::Killed { signal: 9, memory_ran_out: true });
        assert!(matches!(told(None), Cause::ProtocolFault { .. }));
        assert!(matches!(told(Some(Ending::Exited(0))), Cause::Exited { code: 0, .. }));
    }

    #[test]
    fn the_kernels_count_is_read_where_it_has_one() {
        assert_eq!(memory_kills("nr_free_pages 3\noom_kill 7\nthp_fault_alloc 1\n"), Some(7));
        assert_eq!(memory_kills("nr_free_pages 3\n"), None);
    }
}
