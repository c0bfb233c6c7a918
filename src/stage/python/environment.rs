//! What a worker inherits of the server's environment: what a program and its libraries need to run, and nothing that
//! may be a secret. Pure.

use std::ffi::{OsStr, OsString};

/// Names that pass.
const NAMES: &[&str] = &[
    // the user and the language
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "TMPDIR",
    "TZ",
    "USER",
    // programs and libraries
    "CONDA_PREFIX",
    "LD_LIBRARY_PATH",
    "PATH",
    "VIRTUAL_ENV",
    // the way to the Internet, for a model's first download
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    // where models are kept
    "HF_DATASETS_CACHE",
    "HF_ENDPOINT",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "TORCH_HOME",
    "TRANSFORMERS_CACHE",
    "TRANSFORMERS_OFFLINE",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    // devices
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "HSA_OVERRIDE_GFX_VERSION",
];

/// Beginnings of names that pass: the settings of Python, of locales, of GPUs and of numerical libraries.
const PREFIXES: &[&str] = &[
    "CUBLAS_",
    "CUDA",
    "CUDNN_",
    "KMP_",
    "LC_",
    "MKL_",
    "NCCL_",
    "NUMBA_",
    "NUMEXPR_",
    "NVIDIA_",
    "OMP_",
    "OPENBLAS_",
    "PYTHON",
    "PYTORCH_",
    "TORCH_",
    "TORCHINDUCTOR_",
    "TRITON_",
];

/// The variables of the server's that a worker gets: those above, and those that its pipeline names in `inherit`.
pub fn inherited(
    environment: impl Iterator<Item = (OsString, OsString)>,
    inherit: &[String],
) -> impl Iterator<Item = (OsString, OsString)> {
    environment.filter(|(name, _)| passes(name, inherit))
}

fn passes(name: &OsStr, inherit: &[String]) -> bool {
    let Some(name) = name.to_str() else { return false };
    NAMES.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || inherit.iter().any(|wanted| wanted == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_passes_by_name_alone() {
        let names = ["PATH", "LC_ALL", "CUDA_VISIBLE_DEVICES", "HF_HOME"];
        let secrets =
            ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "SCOPE_TURN_SECRET", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR"];
        let all = || names.iter().chain(&secrets).map(|name| (OsString::from(name), OsString::from("x")));
        let passed = |inherit: &[String]| inherited(all(), inherit).map(|(name, _)| name).collect::<Vec<_>>();

        assert_eq!(passed(&[]), names.map(OsString::from));
        assert_eq!(passed(&["HF_TOKEN".into()]).last(), Some(&OsString::from("HF_TOKEN")));
    }
}
