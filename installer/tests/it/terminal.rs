//! Questions at a terminal: `script` of util-linux brings one. What is compared is what is on the screen.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::harness::Site;

const QUESTION: &str = "Do you want to proceed with an online upgrade? (y/N) ";
/// What ctrl-C and ctrl-D send.
const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

/// A terminal with a program in it; it tells the exit code and how the terminal was left.
struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    screen: ChildStdout,
    shown: String,
}

impl Terminal {
    /// `None` where there is no `script`.
    fn start(command: &Command) -> Option<Self> {
        let mut words = vec![command.get_program().to_string_lossy().into_owned()];
        words.extend(command.get_args().map(|it| it.to_string_lossy().into_owned()));
        let quoted: Vec<_> =
            words.iter().map(|it| format!("'{}'", it.replace('\'', r"'\''"))).collect();
        // The shell does not end with ctrl-C: it tells what is left.
        let line = format!("trap : INT; {}; echo \"code $?\"; stty -a", quoted.join(" "));
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
        script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        script.env("SHELL", "/bin/sh").stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut child) = script.spawn() else {
            skipped::skipped!("questions at a terminal, because there is no `script` (util-linux)");
            return None;
        };
        let (keyboard, screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Some(Self { child, keyboard, screen, shown: String::new() })
    }

    /// Reads on until the screen ends with this once more.
    fn until(&mut self, end: &str) -> &mut Self {
        let mut byte = [0];
        loop {
            let n = self.screen.read(&mut byte).unwrap();
            assert_ne!(n, 0, "`{end}` did not come: {}", self.shown);
            self.shown.push(char::from(byte[0]));
            if self.shown.ends_with(end) {
                return self;
            }
        }
    }

    fn types(&mut self, keys: &str) -> &mut Self {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// The screen at the end, up to the exit code. The terminal must be as it was.
    fn end(mut self) -> String {
        self.until("code ").until("speed ").until(";");
        let mut rest = String::new();
        self.screen.read_to_string(&mut rest).unwrap();
        self.child.wait().unwrap();
        let words: Vec<_> = rest.split_whitespace().collect();
        for word in ["echo", "icanon", "isig"] {
            assert!(words.contains(&word), "the terminal was left without `{word}`: {rest}");
        }
        let (shown, _) = self.shown.rsplit_once("speed ").unwrap();
        shown.replace('\r', "")
    }
}

/// An installer that asks: the release was downloaded with a bundle, and none is given.
fn asking(site: &Site) -> Option<Terminal> {
    let folder = site.path("release");
    for file in sample::release::sample_files("1.1.0").unwrap() {
        let path = folder.join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.bytes).unwrap();
    }
    let told = format!(
        "channelID: {}\nchannelSlug: stable\nchannelSequence: 2\nappSlug: {}\nversionLabel: 1.1.0\nairgap: true\n",
        sample::STABLE_ID,
        sample::APP_SLUG
    );
    std::fs::write(folder.join("release.yaml"), told).unwrap();
    let mut command = site.command("upgrade", "kubernetes");
    command.arg("--release").arg(folder).env("EC_PUBLIC_ADDRESS", "host.example.com");
    Terminal::start(&command)
}

#[test]
fn a_no_ends_it() {
    let site = Site::installed();
    let Some(mut terminal) = asking(&site) else { return };
    terminal.until(QUESTION).types("perhaps\n").until(QUESTION).types("no\n");
    insta::assert_snapshot!(terminal.end(), @r"
    You downloaded an air gap bundle but didn't provide it with --airgap-bundle.
    If you continue, the upgrade will not use an air gap bundle and will connect to the internet.
    Do you want to proceed with an online upgrade? (y/N) perhaps
    Please answer yes or no.
    Do you want to proceed with an online upgrade? (y/N) no
    Error: user aborted
    code 1
    ");
    assert_eq!(site.deployed(), "1.0.0");
}

#[test]
fn the_end_of_the_input_is_a_no() {
    let site = Site::installed();
    let Some(mut terminal) = asking(&site) else { return };
    terminal.until(QUESTION).types(CTRL_D);
    insta::assert_snapshot!(terminal.end(), @r"
    You downloaded an air gap bundle but didn't provide it with --airgap-bundle.
    If you continue, the upgrade will not use an air gap bundle and will connect to the internet.
    Do you want to proceed with an online upgrade? (y/N) 
    Error: user aborted
    code 1
    ");
}

#[test]
fn ctrl_c_at_the_question_says_that_nothing_was_changed() {
    let site = Site::installed();
    let Some(mut terminal) = asking(&site) else { return };
    terminal.until(QUESTION).types(CTRL_C);
    insta::assert_snapshot!(terminal.end(), @r"
    You downloaded an air gap bundle but didn't provide it with --airgap-bundle.
    If you continue, the upgrade will not use an air gap bundle and will connect to the internet.
    Do you want to proceed with an online upgrade? (y/N) ^C
    Error: stopped before the run began: nothing was changed
    code 4
    ");
}

#[test]
fn a_yes_begins_it_and_ctrl_c_says_how_to_go_on() {
    let site = Site::installed();
    let Some(mut terminal) = asking(&site) else { return };
    terminal.until(QUESTION).types("y\n").until("host.example.com:").until("\n").types(CTRL_C);
    let shown = terminal.end();
    let (before, port) = shown.split_once("host.example.com:").unwrap();
    let (_, after) = port.split_once('\n').unwrap();
    insta::assert_snapshot!(format!("{before}host.example.com:PORT\n{after}"), @r"
    You downloaded an air gap bundle but didn't provide it with --airgap-bundle.
    If you continue, the upgrade will not use an air gap bundle and will connect to the internet.
    Do you want to proceed with an online upgrade? (y/N) y

    Visit the Sample App manager to continue the upgrade: https://host.example.com:PORT
    ^C
    Error: stopped in New; run the same command again to go on
    code 4
    ");
}
