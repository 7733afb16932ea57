//! Tests with sockets, processes and clocks.

mod cluster;
mod cluster_faults;
mod cluster_pod;
mod cluster_roads;
mod fake_kube;
