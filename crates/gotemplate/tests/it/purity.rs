//! A render depends on nothing but template, data, clock and seed.

use gotemplate::sprig::Sources;
use gotemplate::{FuncMap, GoTime, Limits, Options, Template, Value, Zone, sprig};

fn render(template: &str, funcs: &FuncMap) -> String {
    Template::parse("t", template, &Options::default(), funcs)
        .and_then(|t| t.render(&Value::Nil, &Limits::default()))
        .expect("the template renders")
}

#[test]
fn the_same_seed_and_clock_give_the_same_text() {
    let template = "{{randAlphaNum 20}} {{randInt 1 1000}} {{uuidv4}} {{shuffle \"abcdefgh\"}} \
                    {{randBytes 9}} {{now}} {{htpasswd \"u\" \"p\"}} {{encryptAES \"k\" \"x\"}}";
    let sources = |seed| Sources::fixed(GoTime::new(1_700_000_000, 0, Zone::Utc), seed);
    let one = render(template, &sprig::funcs_with(&sources(1)));
    assert_eq!(one, render(template, &sprig::funcs_with(&sources(1))));
    assert_ne!(one, render(template, &sprig::funcs_with(&sources(2))));
    assert!(one.contains("2023-11-14 22:13:20 +0000 UTC"), "{one}");
}

#[test]
fn a_template_renders_alike_as_often_as_wanted_and_at_once() {
    let text = "{{range $k, $v := dict \"b\" 1 \"a\" (list 1 2)}}{{$k}}={{$v}};{{end}}";
    let template = Template::parse("t", text, &Options::default(), &sprig::funcs())
        .expect("the template parses");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let got = template.render(&Value::Nil, &Limits::default());
                    assert_eq!(got.expect("it renders"), "a=[1 2];b=1;");
                }
            });
        }
    });
}

#[test]
fn keys_made_by_the_template_are_read_back() {
    let template = "{{$ca := genCA \"my ca\" 30}}\
        {{$c := genSignedCert \"x\" (list \"10.0.0.1\") (list \"x.example\") 10 $ca}}\
        {{$again := buildCustomCert (b64enc $c.Cert) (b64enc $c.Key)}}{{eq $again.Cert $c.Cert}} \
        {{range list \"ecdsa\" \"ed25519\"}}\
        {{(genSelfSignedCertWithKey \"y\" nil nil 1 (genPrivateKey .)).Key | contains \"PRIVATE KEY\"}} \
        {{end}}";
    assert_eq!(render(template, &sprig::funcs()), "true true true ");
}
