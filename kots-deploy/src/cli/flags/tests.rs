//! Words as pflag reads them.

use proptest::prelude::*;

use super::*;

const fn flag(name: &'static str, short: Option<char>, takes: Takes) -> Flag {
    Flag { name, short, takes, default: "", hidden: false, from_env: true, help: "" }
}

const FLAGS: [Flag; 6] = [
    flag("license", None, Takes::Text),
    flag("namespace", Some('n'), Takes::Text),
    flag("skip", Some('k'), Takes::Bool),
    flag("sequence", None, Takes::Int),
    flag("timeout", None, Takes::Duration),
    flag("group", None, Takes::List),
];

/// The only place in these tests that knows the API under test.
fn check(line: &str) -> String {
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    match parse(&FLAGS, &words) {
        Ok(it) => {
            let flags: Vec<_> =
                it.values.iter().map(|(k, v)| format!("{k}={}", v.join(","))).collect();
            let help = if it.help { " help" } else { "" };
            format!("{} | {}{help}", flags.join(" "), it.arguments.join(" "))
        }
        Err(error) => format!("Error: {error}"),
    }
}

#[test]
fn spellings_that_are_taken() {
    insta::assert_snapshot!(
        [
            "app --license l.yaml",
            "--license=l.yaml app",
            "-n ns app",
            "-nns app",
            "-n=ns app",
            "--skip app",
            "--skip=false app",
            "-kn ns app",
            "-k=false app",
            "--license= app",
            "--license --skip app",
            "--group a --group b",
            "--sequence 0x10",
            "--sequence -3",
            "--timeout 1h30m",
            "-- --skip app",
            "- app",
            "app -h",
            "--help",
        ]
        .map(check)
        .join("\n"),
        @r"
        license=l.yaml | app
        license=l.yaml | app
        namespace=ns | app
        namespace=ns | app
        namespace=ns | app
        skip=true | app
        skip=false | app
        namespace=ns skip=true | app
        skip=false | app
        license= | app
        license=--skip | app
        group=a,b | 
        sequence=0x10 | 
        sequence=-3 | 
        timeout=1h30m | 
         | --skip app
         | - app
         | app help
         |  help
        "
    );
}

#[test]
fn mistakes_in_the_words_of_cobra() {
    insta::assert_snapshot!(
        [
            "--nope",
            "--nope=1",
            "-x",
            "-kx",
            "--=x",
            "---x",
            "--license",
            "-n",
            "-kn",
            "--sequence ten",
            "--sequence 99999999999999999999",
            "--sequence=",
            "--skip=maybe",
            "-k=maybe",
            "--timeout 15",
            "--timeout soon",
            "--timeout 5parsecs",
        ]
        .map(check)
        .join("\n"),
        @r#"
        Error: unknown flag: --nope
        Error: unknown flag: --nope
        Error: unknown shorthand flag: 'x' in -x
        Error: unknown shorthand flag: 'x' in -kx
        Error: bad flag syntax: --=x
        Error: bad flag syntax: ---x
        Error: flag needs an argument: --license
        Error: flag needs an argument: 'n' in -n
        Error: flag needs an argument: 'n' in -kn
        Error: invalid argument "ten" for "--sequence" flag: strconv.ParseInt: parsing "ten": invalid syntax
        Error: invalid argument "99999999999999999999" for "--sequence" flag: strconv.ParseInt: parsing "99999999999999999999": value out of range
        Error: invalid argument "" for "--sequence" flag: strconv.ParseInt: parsing "": invalid syntax
        Error: invalid argument "maybe" for "-k, --skip" flag: strconv.ParseBool: parsing "maybe": invalid syntax
        Error: invalid argument "maybe" for "-k, --skip" flag: strconv.ParseBool: parsing "maybe": invalid syntax
        Error: invalid argument "15" for "--timeout" flag: time: missing unit in duration "15"
        Error: invalid argument "soon" for "--timeout" flag: time: invalid duration "soon"
        Error: invalid argument "5parsecs" for "--timeout" flag: time: unknown unit "parsecs" in duration "5parsecs"
        "#
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn no_line_panics(words in proptest::collection::vec("[-=a-z0-9é\"\\\\]{0,12}", 0..6)) {
        let _ = parse(&FLAGS, &words);
    }

    #[test]
    fn decimal_numbers_come_back(number: i64) {
        prop_assert_eq!(int_of(&number.to_string()), Ok(number));
    }
}
