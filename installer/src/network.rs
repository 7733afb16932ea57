//! The network interfaces of this machine, as the kernel lists them.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// An interface is up (`IFF_UP`), or the machine's way to itself (`IFF_LOOPBACK`).
const UP: u32 = 0x1;
const LOOPBACK: u32 = 0x8;

/// Those that other machines can be reached by, in order (`pkg/netutils` of the original).
pub(crate) fn interfaces() -> io::Result<Vec<String>> {
    let routes = std::fs::read_to_string("/proc/net/route")?;
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/sys/class/net")? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // One that is gone by now is none.
        let Ok(flags) = flags(&entry.path()) else { continue };
        found.push((name, flags));
    }
    Ok(usable(found, &routes))
}

fn flags(interface: &Path) -> io::Result<u32> {
    let text = std::fs::read_to_string(interface.join("flags"))?;
    let digits = text.trim().trim_start_matches("0x");
    u32::from_str_radix(digits, 16)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Chooses among interfaces by their flags. One with an IPv4 address has a line in the table of `routes`.
fn usable(found: Vec<(String, u32)>, routes: &str) -> Vec<String> {
    let with_address: BTreeSet<&str> =
        routes.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    let mut names: Vec<String> = found
        .into_iter()
        .filter(|(_, flags)| flags & UP != 0 && flags & LOOPBACK == 0)
        .map(|(name, _)| name)
        .filter(|name| !is_of_pods(name) && with_address.contains(name.as_str()))
        .collect();
    names.sort();
    names
}

fn is_of_pods(name: &str) -> bool {
    matches!(name, "vxlan.calico" | "kube-bridge" | "dummyvip0")
        || name.starts_with("veth")
        || name.starts_with("cali")
}

#[cfg(test)]
mod tests {
    use super::usable;

    #[test]
    fn only_interfaces_to_other_machines_are_listed() {
        let routes = "Iface\tDestination\tGateway\neth1\t00000000\t010011AC\neth0\t000011AC\t0\neth0\t0\t0\n\
            cali7\t0\t0\nvxlan.calico\t0\t0\ndown0\t0\t0\nlo\t0\t0\n";
        let found = [
            ("lo", 0x9),
            ("eth1", 0x1003),
            ("eth0", 0x1003),
            ("eth2", 0x1003),
            ("down0", 0x82),
            ("cali7", 0x1003),
            ("veth12", 0x1003),
            ("vxlan.calico", 0x1003),
        ];
        let found = found.map(|(name, flags)| (name.to_owned(), flags)).to_vec();
        assert_eq!(usable(found, routes), ["eth0", "eth1"]);
        super::interfaces().expect("this machine has a list");
    }
}
