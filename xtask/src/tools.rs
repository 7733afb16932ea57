//! Programs that tests run and that cargo does not build: one table, each pinned.
//!
//! They are installed into a cache folder of their own, by version, so that a second run finds them.
//! Nothing here is needed to use the product: an operator brings programs of his own.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::sh;

/// A program that tests need.
struct Tool {
    /// Its name on PATH.
    name: &'static str,
    /// The variable that tells tests, and the product, where it is.
    variable: &'static str,
    /// What `go install` builds.
    package: &'static str,
    /// Which version.
    version: &'static str,
    /// The module the package is in, and the `replace` lines of its `go.mod`: `go install` refuses a module that has
    /// any, so that it is built from a module of ours that repeats them.
    replaces: Option<(&'static str, &'static [&'static str])>,
    /// What is skipped without it.
    for_what: &'static str,
}

const TOOLS: [Tool; 3] = [
    Tool {
        name: "helm",
        variable: "KOTS_HELM",
        package: "helm.sh/helm/v4/cmd/helm",
        version: "v4.1.4",
        replaces: None,
        for_what: "rendering charts",
    },
    Tool {
        name: "kustomize",
        variable: "KOTS_KUSTOMIZE",
        package: "sigs.k8s.io/kustomize/kustomize/v5",
        version: "v5.8.1",
        replaces: None,
        for_what: "patches of operators",
    },
    Tool {
        name: "preflight",
        variable: "KOTS_PREFLIGHT",
        package: "github.com/replicatedhq/troubleshoot/cmd/preflight",
        version: "v0.133.0",
        replaces: Some((
            "github.com/replicatedhq/troubleshoot",
            &[
                "github.com/StackExchange/wmi => github.com/yusufpapurcu/wmi v1.2.2",
                "github.com/go-ole/go-ole => github.com/go-ole/go-ole v1.2.6",
            ],
        )),
        for_what: "preflights by the real program",
    },
];

/// A program that the distribution of the machine packages: found on PATH, so tests need not be told where it is.
struct Packaged {
    /// Its name on PATH.
    name: &'static str,
    /// The package of Debian.
    package: &'static str,
    /// What is skipped without it.
    for_what: &'static str,
}

const PACKAGED: [Packaged; 2] = [
    Packaged {
        name: "docker-registry",
        package: "docker-registry",
        for_what: "pushing images into a real registry",
    },
    Packaged {
        name: "faketime",
        package: "faketime",
        for_what: "the eight hours of a session of the installer",
    },
];

/// A program of the Python package index, installed with what it needs into an environment of its own.
struct Python {
    /// Its name, and that of its package.
    name: &'static str,
    /// The variable that tells tests where it is.
    variable: &'static str,
    /// Which version.
    version: &'static str,
    /// What it is installed with, as `pip freeze` writes it.
    constraints: &'static str,
    /// What is skipped without it.
    for_what: &'static str,
}

const PYTHON: [Python; 1] = [Python {
    name: "schemathesis",
    variable: "SCHEMATHESIS",
    version: "4.32.5",
    constraints: include_str!("schemathesis.txt"),
    for_what: "the installer's API against its document",
}];

/// Programs found or installed, and why others are absent.
#[derive(Default)]
pub(crate) struct Tools {
    found: Vec<(&'static str, PathBuf)>,
    /// Why tests of a program are skipped, a line each.
    pub(crate) skipped: Vec<String>,
}

impl Tools {
    /// Tells `command` where the programs are.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.envs(self.found.iter().map(|(variable, path)| (variable, path)));
    }
}

/// Finds every program, installing what is absent where a Go toolchain is at hand.
pub(crate) fn install() -> Tools {
    let mut tools = Tools::default();
    for tool in &TOOLS {
        match find(tool) {
            Ok(path) => tools.found.push((tool.variable, path)),
            Err(error) => tools.skipped.push(format!(
                "{}: {} {} is not there: {error:#}",
                tool.for_what, tool.name, tool.version
            )),
        }
    }
    for tool in &PYTHON {
        match find_python(tool) {
            Ok(path) => tools.found.push((tool.variable, path)),
            Err(error) => tools.skipped.push(format!(
                "{}: {} {} is not there: {error:#}",
                tool.for_what, tool.name, tool.version
            )),
        }
    }
    for tool in &PACKAGED {
        if let Err(error) = find_packaged(tool) {
            let Packaged { name, for_what, .. } = tool;
            tools.skipped.push(format!("{for_what}: {name} is not there: {error:#}"));
        }
    }
    tools
}

/// Looks on PATH, and installs the package where this user may.
fn find_packaged(tool: &Packaged) -> Result<()> {
    if sh::has(tool.name, "--version") {
        return Ok(());
    }
    install_package(tool.package)
}

fn install_package(package: &str) -> Result<()> {
    if !sh::has("apt-get", "--version") {
        anyhow::bail!("install {package} with the package manager of this machine");
    }
    sh::say(&format!("installing {package} with apt-get"));
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--no-install-recommends", package]);
    sh::read(install.env("DEBIAN_FRONTEND", "noninteractive")).map(drop)
}

/// The one the caller names, else the one in the cache, else a new one where there is a Python.
fn find_python(tool: &Python) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(tool.variable) {
        return Ok(PathBuf::from(path));
    }
    if !sh::has("python3", "--version") {
        anyhow::bail!("there is no Python to install it with; set {}", tool.variable);
    }
    let cache = cache()?;
    fs::create_dir_all(&cache).with_context(|| format!("could not make {}", cache.display()))?;
    let folder = cache.join(format!("{}-{}", tool.name, tool.version));
    // An environment has its own path inside of it, so that it cannot be renamed when it is whole.
    let lock = fs::File::create(folder.with_added_extension("lock"))?;
    lock.lock().context("could not wait for another installation")?;
    let (program, whole) = (folder.join("bin").join(tool.name), folder.join("whole"));
    if whole.is_file() {
        return Ok(program);
    }
    sh::say(&format!("installing {} {}", tool.name, tool.version));
    let environment = || {
        let mut python = Command::new("python3");
        python.args(["-m", "venv", "--clear"]).arg(&folder);
        python
    };
    // Debian packs the part of Python that makes environments apart.
    if sh::read(&mut environment()).is_err() {
        install_package("python3-venv")?;
        sh::read(&mut environment())?;
    }
    let constraints = folder.join("constraints.txt");
    fs::write(&constraints, tool.constraints)?;
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--constraint"]);
    sh::read(pip.arg(constraints).arg(format!("{}=={}", tool.name, tool.version)))?;
    fs::write(whole, "")?;
    Ok(program)
}

/// The one the caller names, else the one in the cache, else a new one.
fn find(tool: &Tool) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(tool.variable) {
        return Ok(PathBuf::from(path));
    }
    let folder = cache()?.join(format!("{}-{}", tool.name, tool.version));
    let program = folder.join(tool.name);
    if program.is_file() {
        return Ok(program);
    }
    if !sh::has("go", "version") {
        anyhow::bail!("there is no Go toolchain to install it with; set {}", tool.variable);
    }
    sh::say(&format!("installing {} {}", tool.name, tool.version));
    install_into(tool, &folder)?;
    Ok(program)
}

/// Builds into a folder of its own first: an interrupted run leaves nothing that looks whole.
fn install_into(tool: &Tool, folder: &Path) -> Result<()> {
    let parent = folder.parent().context("the cache folder has no parent")?;
    fs::create_dir_all(parent).with_context(|| format!("could not make {}", parent.display()))?;
    let made = tempfile::Builder::new().prefix("install-").tempdir_in(parent)?;
    let module = tempfile::Builder::new().prefix("module-").tempdir_in(parent)?;
    let mut go = Command::new("go");
    match tool.replaces {
        None => go.args(["install", &format!("{}@{}", tool.package, tool.version)]),
        Some((path, replaces)) => {
            fs::write(module.path().join("go.mod"), go_mod(path, tool.version, replaces))?;
            go.current_dir(module.path()).args(["install", "-mod=mod", tool.package])
        }
    };
    go.env("GOBIN", made.path()).env("GOFLAGS", "-trimpath").env("CGO_ENABLED", "0");
    sh::read(&mut go)?;
    match fs::rename(made.path(), folder) {
        Ok(()) => {
            // It has another name now: there is nothing left to remove.
            let _ = made.keep();
            Ok(())
        }
        // Another run was faster.
        Err(_) if folder.join(tool.name).is_file() => Ok(()),
        Err(error) => Err(error).with_context(|| format!("could not make {}", folder.display())),
    }
}

/// A module that needs nothing but `path`, with what that module replaces.
fn go_mod(path: &str, version: &str, replaces: &[&str]) -> String {
    let replaces = replaces.join("\n\t");
    format!("module tool\n\ngo 1.26\n\nrequire {path} {version}\n\nreplace (\n\t{replaces}\n)\n")
}

/// `$XDG_CACHE_HOME` or `~/.cache`, and a folder of the project's name in it.
fn cache() -> Result<PathBuf> {
    let absolute = |value: OsString| Some(PathBuf::from(value)).filter(|it| it.is_absolute());
    let root = std::env::var_os("XDG_CACHE_HOME")
        .and_then(absolute)
        .or_else(|| std::env::var_os("HOME").and_then(absolute).map(|home| home.join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME names a folder")?;
    Ok(root.join("kots-deploy").join("tools"))
}
