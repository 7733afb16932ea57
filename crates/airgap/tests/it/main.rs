//! Bundles and releases as files, written by us and by others.

mod bundle;
mod differential;
mod gnu_tar;
mod hostile;
mod images;
mod index;
mod make;
mod real;
mod release;
mod roundtrip;
mod support;
