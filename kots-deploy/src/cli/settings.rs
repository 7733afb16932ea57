//! What a flag is worth: typed, else from the environment, else its default.
//!
//! As viper with prefix `KOTS` and `-` for `_` in the original: a flag that was given wins, then a variable that
//! is not empty, then the default. A variable that cannot be read is an error here; the original takes the default
//! without a word.

use std::time::Duration;

use super::flags::{Flag, Typed, UsageError, bool_of, check_kind, duration_of, int_of, quoted};

/// Where environment variables come from; a test hands in a closure.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The values of one command's flags.
pub struct Settings<'a> {
    flags: Vec<Flag>,
    typed: &'a Typed,
    environment: &'a Environment<'a>,
}

impl<'a> Settings<'a> {
    /// Binds `typed` and `environment` to `flags`.
    ///
    /// # Errors
    ///
    /// A variable whose value is not of its flag's kind.
    pub fn bind(
        flags: Vec<Flag>,
        typed: &'a Typed,
        environment: &'a Environment<'a>,
    ) -> Result<Self, UsageError> {
        let settings = Self { flags, typed, environment };
        for flag in &settings.flags {
            if settings.typed.given(flag.name) {
                continue;
            }
            if let Some(value) = settings.variable(flag)
                && let Err(why) = check_kind(flag.takes, &value)
            {
                return Err(UsageError::InvalidVariable {
                    variable: variable_name(flag.name),
                    value: quoted(&value),
                    why,
                });
            }
        }
        Ok(settings)
    }

    fn variable(&self, flag: &Flag) -> Option<String> {
        if !flag.from_env {
            return None;
        }
        (self.environment)(&variable_name(flag.name)).filter(|it| !it.is_empty())
    }

    fn flag(&self, name: &str) -> &Flag {
        self.flags.iter().find(|it| it.name == name).expect("the command has this flag")
    }

    /// The text of a flag.
    pub fn text(&self, name: &str) -> String {
        let flag = self.flag(name);
        match self.typed.last(name) {
            Some(value) => value.to_owned(),
            None => self.variable(flag).unwrap_or_else(|| flag.default.to_owned()),
        }
    }

    /// The text of a flag, none when it is empty.
    pub fn some_text(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|it| !it.is_empty())
    }

    /// Every value of a list flag.
    pub fn list(&self, name: &str) -> Vec<String> {
        match self.typed.all(name) {
            [] => self.variable(self.flag(name)).into_iter().collect(),
            given => given.to_vec(),
        }
    }

    /// Whether a switch is on.
    pub fn switch(&self, name: &str) -> bool {
        bool_of(&self.text(name)).expect("checked when bound")
    }

    /// The number of a flag.
    pub fn int(&self, name: &str) -> i64 {
        int_of(&self.text(name)).expect("checked when bound")
    }

    /// The duration of a flag.
    pub fn duration(&self, name: &str) -> Duration {
        duration_of(&self.text(name)).expect("checked when bound")
    }

    /// The text of a flag that knows only some words.
    ///
    /// # Errors
    ///
    /// When it is none of them.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<T, UsageError> {
        let value = self.text(name);
        words.iter().find(|(word, _)| *word == value).map(|(_, it)| *it).ok_or_else(|| {
            UsageError::NotAWord {
                flag: name.to_owned(),
                value: quoted(&value),
                allowed: words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", "),
            }
        })
    }

    /// An environment variable that belongs to no flag.
    pub fn environment(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|it| !it.is_empty())
    }
}

fn variable_name(flag: &str) -> String {
    format!("KOTS_{}", flag.replace('-', "_").to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::super::flags::{Takes, parse};
    use super::*;

    const FLAGS: [Flag; 3] = [
        Flag {
            name: "channel-sequence",
            short: None,
            takes: Takes::Int,
            default: "0",
            hidden: false,
            from_env: true,
            help: "",
        },
        Flag {
            name: "license",
            short: None,
            takes: Takes::Text,
            default: "",
            hidden: false,
            from_env: true,
            help: "",
        },
        Flag {
            name: "context",
            short: None,
            takes: Takes::Text,
            default: "",
            hidden: false,
            from_env: false,
            help: "",
        },
    ];

    /// The only place in these tests that knows the API under test.
    fn check(line: &str, environment: &[(&str, &str)]) -> String {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let typed = parse(&FLAGS, &words).expect("the line is well formed");
        let lookup = |name: &str| {
            environment.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned())
        };
        match Settings::bind(FLAGS.to_vec(), &typed, &lookup) {
            Ok(it) => format!(
                "{} {:?} {:?}",
                it.int("channel-sequence"),
                it.text("license"),
                it.text("context")
            ),
            Err(error) => format!("Error: {error}"),
        }
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_default() {
        let env = [("KOTS_CHANNEL_SEQUENCE", "7"), ("KOTS_LICENSE", ""), ("KOTS_CONTEXT", "prod")];
        assert_eq!(check("--channel-sequence 9", &env), r#"9 "" """#);
        assert_eq!(check("", &env), r#"7 "" """#);
        assert_eq!(check("--license=", &[("KOTS_LICENSE", "l.yaml")]), r#"0 "" """#);
        assert_eq!(check("", &[("KOTS_LICENSE", "l.yaml")]), r#"0 "l.yaml" """#);
    }

    #[test]
    fn a_variable_that_cannot_be_read_is_an_error() {
        let env = [("KOTS_CHANNEL_SEQUENCE", "ten")];
        assert_eq!(
            check("", &env),
            r#"Error: invalid value "ten" of environment variable KOTS_CHANNEL_SEQUENCE: strconv.ParseInt: parsing "ten": invalid syntax"#
        );
        assert_eq!(check("--channel-sequence=1", &env), r#"1 "" """#);
    }
}
