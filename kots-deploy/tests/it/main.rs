//! Tests with sockets, processes and clocks.

mod cluster;
mod cluster_deploy;
mod cluster_faults;
mod cluster_messages;
mod cluster_pod;
mod cluster_real;
mod cluster_roads;
mod cluster_throughput;
mod fake_kube;
