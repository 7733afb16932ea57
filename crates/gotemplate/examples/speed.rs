//! How long a release of 1,000 files takes: each parsed and rendered twice, once for every pair of
//! delimiters.
//!
//! `cargo run -q --release -p gotemplate --example speed`

#![expect(clippy::format_push_string, reason = "it makes the input, outside of what is measured")]

use std::io::Write;
use std::time::{Duration, Instant};

use gotemplate::{Func, Limits, Options, Template, Type, Value, sprig};

const N_FILES: usize = 1_000;
const N_ROUNDS: usize = 10;

fn file(i: usize) -> String {
    let mut text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{i}\n  labels:\n    app: app-{i}\nspec:\n  \
         replicas: repl{{{{ ConfigOption \"replicas_{i}\" | default \"2\" | int }}}}\n  template:\n    spec:\n      containers:\n"
    );
    for c in 0..5 {
        text.push_str(&format!(
            "      - name: c{c}\n        image: \"registry.example.com/app/c{c}:1.{i}\"\n        env:\n        \
             - name: HOST\n          value: '{{{{repl ConfigOption \"host\" | trimSuffix \"/\" | quote }}}}'\n        \
             {{{{repl if ConfigOptionEquals \"tls\" \"1\" }}}}\n        - name: TLS\n          value: \"on\"\n        \
             {{{{repl else }}}}\n        - name: TLS\n          value: \"off\"\n        {{{{repl end }}}}\n"
        ));
    }
    text
}

fn main() {
    let mut funcs = sprig::funcs();
    funcs.insert(
        "ConfigOption",
        Func::new([Type::String], |a| Ok(Value::from(format!("{}/", a[0].print())))).typed(),
    );
    funcs.insert(
        "ConfigOptionEquals",
        Func::new([Type::String, Type::String], |a| Ok(Value::Bool(a[0] == a[1]))).typed(),
    );
    let files: Vec<String> = (0..N_FILES).map(file).collect();
    let pairs = [Options::delims("{{repl", "}}"), Options::delims("repl{{", "}}")];
    let mut times: Vec<Duration> = (0..N_ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for text in &files {
                let mut text = text.clone();
                for options in &pairs {
                    text = Template::parse("file.yaml", &text, options, &funcs)
                        .and_then(|template| template.render(&Value::Nil, &Limits::default()))
                        .expect("the file is a template");
                }
            }
            start.elapsed()
        })
        .collect();
    times.sort();
    let bytes: usize = files.iter().map(String::len).sum();
    let _ = writeln!(
        std::io::stdout(),
        "{N_FILES} files, {bytes} bytes, two passes: min {:?}, median {:?}, max {:?}",
        times[0],
        times[N_ROUNDS / 2],
        times[N_ROUNDS - 1]
    );
}
