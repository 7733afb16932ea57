//! SIGINT and SIGTERM.

use std::process::Stdio;
use std::time::Instant;

use crate::harness::{Console, ONLINE, signal, wait_until};

#[test]
fn signals_end_a_run_with_the_last_known_state() {
    for name in ["INT", "TERM"] {
        let console = Console::with_first_version();
        console.stop();
        let mut command = console.command(&console.url(), &ONLINE);
        command.args(["--output", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("does not answer") {
            line.clear();
            assert_ne!(std::io::BufRead::read_line(&mut stderr, &mut line).unwrap(), 0);
        }
        let told = Instant::now();
        signal(child.id(), name);
        wait_until("the end of kots", || child.try_wait().unwrap().is_some());
        assert!(told.elapsed().as_secs() < 3);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(4));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["outcome"], "unknown");
        let error = document["error"].to_string();
        assert!(error.contains(&format!("SIG{name}")) && error.contains("last seen"), "{error}");
    }
}
