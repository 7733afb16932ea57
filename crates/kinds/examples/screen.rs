//! How long a config screen of 500 items takes that depend on one another, each time with another value: what a
//! preview does beside reading and writing JSON. The config is read once, as the server does.
//!
//! `cargo run -q --release -p kinds --example screen`

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use kinds::config::{Config, ConfigValue, ConfigValues, Generated, Prepared, validate};
use kinds::context::Contexts;

const N_ITEMS: usize = 500;
/// Items of which each depends on the one before it.
const CHAIN: usize = 10;
const N_ROUNDS: usize = 50;

fn config() -> Config {
    let mut text = "apiVersion: kots.io/v1beta1\nkind: Config\nspec:\n  groups:\n  - name: many\n    title: Many\n    items:\n".to_owned();
    for n in 0..N_ITEMS {
        let (default, when) = if n % CHAIN == 0 {
            ("x".to_owned(), "true".to_owned())
        } else {
            let before = format!("item_{}", n - 1);
            (
                format!("{{{{repl ConfigOption \"{before}\" }}}}"),
                format!("repl{{{{ ConfigOptionNotEquals \"{before}\" \"\" }}}}"),
            )
        };
        let _ = write!(
            text,
            "    - name: item_{n}\n      type: text\n      title: Item {n} of {{{{repl Namespace }}}}\n      default: '{default}'\n      when: '{when}'\n      validation: {{regex: {{pattern: '^.{{1,40}}$'}}}}\n"
        );
    }
    Config::parse(&text).expect("the config is well formed")
}

fn main() {
    let config = Prepared::new(config()).expect("its items can be put in order");
    let mut times: Vec<Duration> = (0..N_ROUNDS)
        .map(|round| {
            let value = ConfigValue { value: format!("value {round}"), ..ConfigValue::default() };
            let values = ConfigValues { values: [("item_0".to_owned(), value)].into() };
            let start = Instant::now();
            let resolved = config
                .resolve(&values, &Contexts::default(), &[], &mut Generated::default())
                .expect("it resolves");
            let errors = validate(&resolved.config).expect("the rules are expressions");
            let time = start.elapsed();
            assert!(
                errors.is_empty() && resolved.items["item_9"].default == format!("value {round}")
            );
            time
        })
        .collect();
    times.sort();
    let _ = writeln!(
        std::io::stdout(),
        "{N_ITEMS} items: least {:?}, median {:?}, most {:?}",
        times[0],
        times[N_ROUNDS / 2],
        times[N_ROUNDS - 1]
    );
}
