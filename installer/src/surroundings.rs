//! What a run takes over from the machine it is on: which kubeconfig, and the proxies.

use std::path::{Path, PathBuf};

use kinds::yaml;
use serde::Deserialize;

/// The kubeconfig that is used instead of those that are looked for anyway (`KUBECONFIG`, the user's, a
/// pod's): the one named, else on a machine that carries its own cluster that cluster's.
///
/// # Errors
///
/// The current folder is not known.
pub(crate) fn kubeconfig(
    named: Option<&Path>,
    may_be_embedded: bool,
) -> std::io::Result<Option<PathBuf>> {
    if let Some(named) = named {
        // Children may run in another folder.
        return std::path::absolute(named).map(Some);
    }
    let is_said = std::env::var_os("KUBECONFIG").is_some_and(|it| !it.is_empty());
    Ok(if may_be_embedded && !is_said { embedded(Path::new("/")) } else { None })
}

/// What an embedded cluster notes about itself on the disk (`/etc/embedded-cluster/ec.yaml`).
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Noted {
    data_dir: String,
    k0s_data_dir_override: String,
}

/// The administrator's kubeconfig of the embedded cluster below `root`.
fn embedded(root: &Path) -> Option<PathBuf> {
    let var_lib = root.join("var/lib");
    let noted: Noted = std::fs::read_to_string(root.join("etc/embedded-cluster/ec.yaml"))
        .ok()
        .and_then(|text| yaml::from_str(&text).ok())
        .unwrap_or_default();
    let mut folders = Vec::new();
    if !noted.k0s_data_dir_override.is_empty() {
        folders.push(PathBuf::from(&noted.k0s_data_dir_override));
    }
    if !noted.data_dir.is_empty() {
        folders.push(Path::new(&noted.data_dir).join("k0s"));
    }
    folders.push(var_lib.join("embedded-cluster/k0s"));
    // Version 3 names the folder after the application.
    let mut named: Vec<_> =
        std::fs::read_dir(&var_lib).into_iter().flatten().flatten().map(|it| it.path()).collect();
    named.sort();
    folders.extend(named.into_iter().map(|it| it.join("k0s")));
    // Versions before 1.17 left k0s where it puts itself.
    folders.push(var_lib.join("k0s"));
    folders.into_iter().map(|it| it.join("pki/admin.conf")).find(|it| it.is_file())
}

/// Hosts that are never asked through a proxy (as of embedded-cluster's own list).
const HERE: [&str; 2] = ["localhost", "127.0.0.1"];

/// The proxies that the application's surroundings need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) http: String,
    pub(crate) https: String,
    /// The hosts that need none.
    pub(crate) none: String,
}

impl Proxy {
    /// Those that `environment` names, in either case.
    pub(crate) fn of_environment(environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let read = |upper: &str| {
            environment(upper).or_else(|| environment(&upper.to_lowercase())).unwrap_or_default()
        };
        Self { http: read("HTTP_PROXY"), https: read("HTTPS_PROXY"), none: read("NO_PROXY") }
    }

    /// Those of this process.
    pub(crate) fn of_process() -> Self {
        Self::of_environment(&|name| std::env::var(name).ok())
    }

    /// Variables for children. Without a proxy they have what this process has.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        if self.http.is_empty() && self.https.is_empty() {
            return Vec::new();
        }
        // A proxy has no way to what listens on this machine, such as a tunnel into the cluster.
        let said = self.none.split(',').map(str::trim).filter(|it| !it.is_empty());
        let here =
            HERE.iter().copied().filter(|host| !self.none.split(',').any(|it| it.trim() == *host));
        let none = said.chain(here).collect::<Vec<_>>().join(",");
        vec![
            ("HTTP_PROXY", self.http.clone()),
            ("http_proxy", self.http.clone()),
            ("HTTPS_PROXY", self.https.clone()),
            ("https_proxy", self.https.clone()),
            ("NO_PROXY", none.clone()),
            ("no_proxy", none),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_clusters_own_kubeconfig_is_found() {
        let root = tempfile::tempdir().expect("a folder");
        let path = |name: &str| root.path().join(name);
        let write = |name: &str, text: &str| {
            let path = path(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        assert_eq!(embedded(root.path()), None);
        for name in
            ["k0s/pki/admin.conf", "shop/k0s/pki/admin.conf", "embedded-cluster/k0s/pki/admin.conf"]
        {
            let name = format!("var/lib/{name}");
            write(&name, "");
            assert_eq!(embedded(root.path()), Some(path(&name)));
        }
        write("data/k0s/pki/admin.conf", "");
        write("etc/embedded-cluster/ec.yaml", &format!("dataDir: {}\n", path("data").display()));
        assert_eq!(embedded(root.path()), Some(path("data/k0s/pki/admin.conf")));
        write("etc/embedded-cluster/ec.yaml", "[");
        assert_eq!(
            embedded(root.path()),
            Some(path("var/lib/embedded-cluster/k0s/pki/admin.conf"))
        );
    }

    #[test]
    fn proxies_are_read_in_either_case() {
        let environment = |name: &str| (name == "https_proxy").then(|| "http://proxy".to_owned());
        let proxy = Proxy::of_environment(&environment);
        assert_eq!((proxy.http.as_str(), proxy.https.as_str()), ("", "http://proxy"));
        assert_eq!(proxy.variables()[2], ("HTTPS_PROXY", "http://proxy".to_owned()));
        let none = |none: &str| {
            let proxy = Proxy { none: none.to_owned(), ..proxy.clone() };
            proxy.variables()[4].1.clone()
        };
        assert_eq!(none(""), "localhost,127.0.0.1");
        assert_eq!(none("10.0.0.0/8, localhost"), "10.0.0.0/8,localhost,127.0.0.1");
        assert!(Proxy::default().variables().is_empty());
    }
}
