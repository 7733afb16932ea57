//! Tests with sockets, processes and clocks.

mod cluster;
mod cluster_faults;
mod cluster_messages;
mod cluster_pod;
mod cluster_roads;
mod cluster_target;
mod cluster_throughput;
mod fake_kube;
mod kotsadm;
mod registry;
mod scenarios;
mod site;
