//! `kill -9` at every journal write: running again is the recovery.

use crate::harness::{AIRGAPPED, Console, ONLINE, run};
use crate::proxy::Proxy;

/// Kills the first run at each write of the journal in turn, in each of these ways.
fn killed_at_every_write(make: fn() -> Console, args: &[&str], strip: bool, ways: &[&str]) {
    let whole = make();
    let proxy = Proxy::before(&whole, strip);
    whole.kots_at(&proxy.url(), args).assert(0);
    let mut versions = whole.versions();
    versions.sort();
    for way in ways {
        for write in 1.. {
            let console = make();
            let proxy = Proxy::before(&console, strip);
            let mut command = console.command(&proxy.url(), args);
            command.env("STEPS_FAULT", format!("kill-{way}-journal-write:{write}"));
            let first = run(command);
            if first.status == Some(0) {
                assert!(write > 5, "the faults are not built in: {}", first.whole());
                break;
            }
            assert_eq!(first.status, None, "{}", first.whole());
            let ran = console.kots_at(&proxy.url(), args);
            assert_eq!(ran.status, Some(0), "killed {way} write {write}: {}", ran.whole());
            let mut found = console.versions();
            found.sort();
            assert_eq!(found, versions, "killed {way} write {write}: {}", ran.whole());
        }
    }
}

#[test]
fn killed_at_every_journal_write() {
    killed_at_every_write(Console::with_first_version, &ONLINE, false, &["before", "in", "after"]);
}

#[test]
fn killed_at_every_journal_write_before_a_server_without_additions() {
    killed_at_every_write(
        Console::with_first_version_airgapped,
        &AIRGAPPED,
        true,
        &["before", "after"],
    );
}
