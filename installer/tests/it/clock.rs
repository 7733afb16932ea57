//! Hours that pass under a living process: its clock is moved by `libfaketime` (`cargo xtask test` installs it).

use std::process::Command;

use crate::harness::{Manager, Site};

/// The library that moves clocks, as the loader is told of it; `None` where there is none.
fn library() -> Option<String> {
    let script = r#"printf %s "$LD_PRELOAD""#;
    let output = Command::new("faketime").args(["-m", "-f", "+0", "sh", "-c", script]).output();
    let named = output.ok().filter(|it| it.status.success())?;
    String::from_utf8(named.stdout).ok().filter(|it| it.contains("faketime"))
}

#[test]
fn a_session_ends_eight_hours_after_it_was_last_used() {
    let Some(library) = library() else {
        skipped::skipped!("eight hours of a session, because there is no `faketime`");
        return;
    };
    let site = Site::installed();
    let clock = site.path("clock");
    let pass = |hours: &str| std::fs::write(&clock, format!("+{hours}h\n")).unwrap();
    pass("0");
    let mut command = site.command("upgrade", "linux");
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", &clock)
        .env("FAKETIME_NO_CACHE", "1");
    let manager = Manager::start(command, "/api/linux/upgrade").login();
    let asked = |hours: &str| {
        pass(hours);
        manager.get("/api/state").status
    };
    // Each use begins the eight hours anew, whatever it asks for.
    assert_eq!(["0", "7.9", "15.8", "23.7"].map(asked), [200; 4]);
    // It stays ended, and a password opens another.
    assert_eq!(["31.8", "31.8"].map(asked), [401; 2]);
    let manager = manager.login();
    assert_eq!(manager.get("/api/state").status, 200);
}
