//! Every target over its seeds and their mutations, the same ones every time.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use fuzz::{TARGETS, Target, mutate::Mutator};

/// Per target; a slow machine runs fewer mutations, never longer.
const BUDGET: Duration = Duration::from_secs(3);
const MUTATIONS: u64 = 4000;

fn check(target: &Target, what: &str, data: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(data))).is_err() {
        let path = std::env::temp_dir().join(format!("fuzz-{}.bin", target.name));
        let saved = std::fs::write(&path, data).is_ok();
        panic!(
            "target {} failed on {what}, {} bytes{}",
            target.name,
            data.len(),
            if saved { format!(", kept in {}", path.display()) } else { String::new() }
        );
    }
}

fn run(name: &str) {
    let target = TARGETS.iter().find(|it| it.name == name).expect("it is in the list");
    let seeds = (target.seeds)();
    for (at, seed) in seeds.iter().enumerate() {
        check(target, &format!("seed {at}"), seed);
    }
    let start = Instant::now();
    for round in 0..MUTATIONS {
        if start.elapsed() > BUDGET {
            break;
        }
        let mut mutator = Mutator::new(round + 1);
        let at = usize::try_from(round).expect("it is small") % seeds.len();
        let data = mutator.mutate(&seeds[at], &seeds[(at + 1) % seeds.len()]);
        check(target, &format!("mutation {round} of seed {at}"), &data);
    }
}

macro_rules! targets {
    ($($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name));
            }
        )+

        #[test]
        fn every_target_is_run() {
            let names: Vec<_> = TARGETS.iter().map(|it| it.name).collect();
            assert_eq!(names, [$(stringify!($name)),+]);
        }
    };
}

targets!(
    gzip,
    tar,
    release,
    bundle,
    index,
    two_readers,
    airgap_yaml,
    license,
    config,
    config_values,
    conditions,
    request_body,
    kots_lines,
    token,
    preflight_output,
    multipart
);

#[test]
fn every_target_has_a_program_for_long_runs() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/libfuzzer");
    let manifest = std::fs::read_to_string(format!("{folder}/Cargo.toml")).expect("it is there");
    for target in TARGETS {
        let name = target.name;
        assert!(manifest.contains(&format!("name = \"{name}\"")), "no [[bin]] {name}");
        let source = std::fs::read_to_string(format!("{folder}/fuzz_targets/{name}.rs"));
        assert!(source.is_ok(), "no fuzz_targets/{name}.rs");
    }
}
