use proptest::prelude::*;

use super::*;
use crate::license::{RootKeys, verify};
use crate::real_data;

fn contexts() -> Contexts {
    let item = |value: &str, default: &str, filename: &str| ItemText {
        value: value.into(),
        default: default.into(),
        filename: filename.into(),
    };
    Contexts {
        world: World {
            now: "2026-01-02T03:04:05.678Z".parse().expect("a time"),
            seed: [7; 32],
            namespace: "shop-ns".into(),
            kots_version: "v1.130.0".into(),
            ..World::default()
        },
        app_slug: "shop".into(),
        version: VersionInfo {
            sequence: 321,
            cursor: "123".into(),
            version_label: "1.2.3".into(),
            is_airgap: true,
            ..VersionInfo::default()
        },
        items: BTreeMap::from([
            ("host".to_owned(), item("a.example", "b.example", "")),
            ("port".to_owned(), item("", "8080", "")),
            ("file".to_owned(), item("aGVsbG8=", "", "hello.txt")),
            ("evil".to_owned(), item(r"{{repl Namespace}} repl{{ Namespace }}", "", "")),
        ]),
        ..Contexts::default()
    }
}

fn check(text: &str) -> String {
    match render_text("file.yaml", text, &contexts()) {
        Ok(rendered) => rendered,
        Err(error) => error.to_string(),
    }
}

#[test]
fn functions_answer_in_both_passes() {
    for (text, expected) in [
        (r#"{{repl ConfigOption "host" }}"#, "a.example"),
        (r#"repl{{ ConfigOption "port" }}"#, "8080"),
        (r#"a {{repl ConfigOption "gone" }} b"#, "a  b"),
        (r#"{{repl ConfigOptionData "file" }}"#, "hello"),
        (r#"{{repl ConfigOptionFilename "file" }}"#, "hello.txt"),
        (r#"{{repl ConfigOptionName "host" }}"#, "host"),
        (r#"{{repl ConfigOptionEquals "host" "a.example" }}"#, "true"),
        (r#"{{repl ConfigOptionNotEquals "host" "a.example" }}"#, "false"),
        (r#"{{repl ConfigOptionNotEquals "gone" "x" }}"#, "false"),
        (r#"{{repl if ConfigOptionEquals "host" "x" }}1{{repl else }}2{{repl end }}"#, "2"),
        (
            r#"{{repl $h := ConfigOption "host" }}{{repl $h }}:repl{{ ConfigOption "port" }}"#,
            "a.example:8080",
        ),
        ("{{ .Values.x }} {{repl Sequence }}", "{{ .Values.x }} 321"),
        (
            "{{repl Cursor }} {{repl VersionLabel }} {{repl IsAirgap }} {{repl IsRequired }}",
            "123 1.2.3 true false",
        ),
        ("{{repl Namespace }} {{repl KotsVersion }}", "shop-ns 1.130.0"),
        ("{{repl Now }} {{repl NowFmt \"2006-01\" }}", "2026-01-02T03:04:05Z 2026-01"),
        (
            "{{repl KubernetesVersion }}|{{repl KubernetesMajorVersion }}|{{repl Distribution }}|{{repl NodeCount }}|{{repl IsKurl }}",
            "0.0.0+unknown|||0|false",
        ),
        (r#"{{repl Lookup "v1" "Secret" "ns" "x" }}"#, "map[]"),
        (r#"{{repl ToUpper "aß" }}{{repl ToLower "ÀB" }}{{repl TrimSpace " x " }}"#, "Aßàbx"),
        (r#"{{repl Trim "--a--" "-" }}|{{repl Trim " a " }}"#, "a|a"),
        (r#"{{repl UrlEncode "a b&c/ü~" }}"#, "a+b%26c%2F%C3%BC~"),
        (r#"{{repl range Split "a,b" "," }}[{{repl . }}]{{repl end }}"#, "[a][b]"),
        (
            r#"{{repl Base64Encode "hi" }} {{repl Base64Decode "aGk=" }}{{repl Base64Decode "?" }}"#,
            "aGk= hi",
        ),
        (
            "{{repl Add 1 2 }} {{repl Sub 1 2 }} {{repl Mult 2 1.5 }} {{repl Div 7 2 }} {{repl Add \"a\" 1 }}",
            "3 -1 3 3 0",
        ),
        (
            r#"{{repl ParseBool "t" }} {{repl ParseInt "ff" 16 }} {{repl ParseInt "x" }} {{repl ParseInt "0x1f" 0 }} {{repl ParseInt "-017" 0 }} {{repl ParseUint "7" }} {{repl ParseFloat "1.5" }}"#,
            "true 255 0 31 -15 7 1.5",
        ),
        (
            r#"{{repl ParseInt "5" 1 }} {{repl ParseInt "5" 99 }} {{repl ParseInt "1_0" 0 }} {{repl ParseInt "-99999999999999999999" }} {{repl ParseUint "-1" }} {{repl ParseFloat "0x1p-2" }} {{repl ParseFloat "-1e999" }} {{repl ParseFloat "1_0" }}"#,
            "0 0 10 -9223372036854775808 0 0.25 -Inf 10",
        ),
        (r#"{{repl ToLower "İA" }}{{repl TrimSpace "\u0085x\u200b" }}"#, "iax\u{200b}"),
        (
            "{{repl Div 1 0 }}",
            "file.yaml:1:8: the template function `Div` failed: runtime error: integer divide by zero",
        ),
        (
            "{{repl HumanSize 0 }} {{repl HumanSize 999 }} {{repl HumanSize 1234567 }} {{repl HumanSize 1.5e12 }}",
            "0B 999B 1.235MB 1.5TB",
        ),
        (r#"x:{{repl YamlEscape "yes" }}"#, "x:                    \"yes\"\n                    "),
        (
            "{{repl HasLocalRegistry }}|{{repl LocalRegistryAddress }}|{{repl ImagePullSecretName }}",
            "false||shop-registry",
        ),
        (r#"{{repl LocalImageName "quay.io/a/b:1" }}"#, "quay.io/a/b:1"),
        (
            r#"{{repl KurlString "a" }}{{repl KurlInt "a" }}{{repl KurlBool "a" }}{{repl KurlAll }}{{repl IdentityServiceEnabled }}"#,
            "0falsefalse",
        ),
        (r#"{{repl LicenseFieldValue "appSlug" }}|{{repl LicenseDockerCfg }}"#, "|"),
    ] {
        assert_eq!(check(text), expected, "for {text}");
    }
}

#[test]
fn what_an_operator_gave_is_never_evaluated() {
    let evil = "{{repl Namespace}} repl{{ Namespace }}";
    assert_eq!(check(r#"{{repl ConfigOption "evil" }}"#), evil);
    assert_eq!(check(r#"repl{{ ConfigOption "evil" }}"#), evil);
    assert_eq!(
        check(r#"{{repl ConfigOption "evil" }} repl{{ Namespace }}"#),
        format!("{evil} shop-ns")
    );
}

#[test]
fn random_texts_follow_the_seed_and_the_class() {
    let text =
        r#"{{repl RandomString 20 }} {{repl RandomString 5 "[a-c]" }} {{repl RandomBytes 3 }}"#;
    assert_eq!(check(text), check(text));
    let drawn = check(text);
    let parts: Vec<_> = drawn.split(' ').collect();
    assert!(
        parts[0].len() == 20 && parts[0].chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    );
    assert!(parts[1].len() == 5 && parts[1].chars().all(|c| ('a'..='c').contains(&c)));
    assert_eq!(parts[2].len(), 4);
    let mut other = contexts();
    other.world.seed = [8; 32];
    assert_ne!(render_text("f", text, &other).expect("it renders"), drawn);
}

#[test]
fn errors_name_function_file_and_line() {
    insta::assert_snapshot!(check("a\nb {{repl Frobnicate 1 }}"), @"file.yaml:2:10: the template function `Frobnicate` does not exist");
    insta::assert_snapshot!(check("a: repl{{ Frobnicate 1 }}"), @"file.yaml:1:11: the template function `Frobnicate` does not exist");
    insta::assert_snapshot!(check("\n{{repl Div 1 0 }}"), @"file.yaml:2:8: the template function `Div` failed: runtime error: integer divide by zero");
    insta::assert_snapshot!(check("{{repl KubeSeal \"a\" \"ns\" \"n\" \"v\" }}"), @"file.yaml:1:8: the template function `KubeSeal` failed: the text holds no certificate in PEM form");
    insta::assert_snapshot!(check("{{repl KubeSeal \"-----BEGIN CERTIFICATE-----\\nMAA=\\n-----END CERTIFICATE-----\" \"ns\" \"n\" \"v\" }}"), @"file.yaml:1:8: the template function `KubeSeal` failed: the certificate cannot be read");
    insta::assert_snapshot!(check("a\n{{repl ConfigOption }}"), @r#"file.yaml:2:1: executing "file.yaml" at <ConfigOption>: wrong number of args for ConfigOption: want 1 got 0"#);
    insta::assert_snapshot!(check("a\nrepl{{ if }}"), @"file.yaml:2:1: missing value for if");
    insta::assert_snapshot!(check("{{repl RandomString 100000000 }}"), @"file.yaml:1:8: the template function `RandomString` failed: a random text of 100000000 bytes is too long, 65536 are allowed");
    insta::assert_snapshot!(check("{{repl RandomString 1 \"[é]\" }}"), @"file.yaml:1:8: the template function `RandomString` failed: `[é]` allows no ASCII letter");
}

#[test]
fn an_own_registry_is_used() {
    let mut contexts = contexts();
    contexts.registry = RegistrySettings {
        host: "reg:5000".into(),
        namespace: "ns".into(),
        username: "me".into(),
        password: "secret".into(),
        is_read_only: false,
    };
    let render = |text: &str| render_text("f", text, &contexts).expect("it renders");
    assert_eq!(render("{{repl LocalRegistryAddress }}"), "reg:5000/ns");
    assert_eq!(render(r#"{{repl LocalImageName "quay.io/a/b:1" }}"#), "reg:5000/ns/b:1");
    assert_eq!(render(r#"{{repl LocalImageName "b:1@sha256:ab" }}"#), "reg:5000/ns/b@sha256:ab");
    assert_eq!(render(r#"{{repl LocalImageName "alpine" }}"#), "reg:5000/ns/alpine:latest");
    assert_eq!(
        render("{{repl LocalRegistryImagePullSecret | Base64Decode }}"),
        r#"{"auths":{"reg:5000":{"auth":"bWU6c2VjcmV0"}}}"#
    );
    assert!(!format!("{contexts:?}").contains("secret\""), "{contexts:?}");
}

#[test]
fn images_are_pulled_through_the_vendors_hosts() {
    let mut contexts = contexts();
    let image = |contexts: &Contexts, name: &str| {
        render_text("f", &format!("{{{{repl LocalImageName {name:?} }}}}"), contexts)
            .expect("it renders")
    };
    // Whether an image is private cannot be asked: only those are renamed that always are.
    for name in ["redis:7", "quay.io/a/b", "registry.replicated.com/a/b:1", ""] {
        assert_eq!(image(&contexts, name), name);
    }
    contexts.application =
        Some(Application { proxy_public_images: true, ..Application::default() });
    contexts.license = Some(License { app_slug: "shop".into(), ..License::default() });
    let digest = "sha256:45b23dee08af5e43a7fea6c4cf9c25ccf269ee113168c19722f87876677c5cb2";
    for (name, expected) in [
        ("redis:7", "proxy.replicated.com/proxy/shop/redis:7".to_owned()),
        ("redis", "proxy.replicated.com/proxy/shop/redis:latest".to_owned()),
        ("quay.io/a/b:1", "proxy.replicated.com/proxy/shop/quay.io/a/b:1".to_owned()),
        (&format!("a/b:1@{digest}"), format!("proxy.replicated.com/proxy/shop/a/b@{digest}")),
        ("localhost:5000/b:1", "proxy.replicated.com/proxy/shop/localhost:5000/b:1".to_owned()),
        ("registry.replicated.com/a/b:1", "registry.replicated.com/a/b:1".to_owned()),
        ("proxy.replicated.com/a/b:1", "proxy.replicated.com/a/b:1".to_owned()),
    ] {
        assert_eq!(image(&contexts, name), expected, "{name}");
    }
    contexts.version.registry_domain = "images.example.com".into();
    contexts.version.proxy_domain = "proxy.example.com".into();
    for (name, expected) in [
        ("redis:7", "proxy.example.com/proxy/shop/redis:7"),
        ("registry.replicated.com/a/b:1", "images.example.com/a/b:1"),
        ("images.example.com/a/b:1", "images.example.com/a/b:1"),
    ] {
        assert_eq!(image(&contexts, name), expected, "{name}");
    }
}

#[test]
fn logins_name_the_hosts_of_the_version() {
    let mut contexts = contexts();
    let render =
        |contexts: &Contexts, text: &str| render_text("f", text, contexts).expect("it renders");
    contexts.license = Some(License { license_id: "abc".into(), ..License::default() });
    // base64 of `LICENSE_ID:abc`.
    let auth = r#"{"auth":"TElDRU5TRV9JRDphYmM="}"#;
    for function in ["LicenseDockerCfg", "LocalRegistryImagePullSecret"] {
        let text = format!("{{{{repl {function} | Base64Decode }}}}");
        let hosts = |proxy: &str, registry: &str| {
            format!(r#"{{"auths":{{"{proxy}":{auth},"{registry}":{auth}}}}}"#)
        };
        contexts.version = VersionInfo::default();
        let default = hosts("proxy.replicated.com", "registry.replicated.com");
        assert_eq!(render(&contexts, &text), default, "{function}");
        contexts.version.registry_domain = "registry.example.com".into();
        contexts.version.proxy_domain = "proxy.example.com".into();
        let own = hosts("proxy.example.com", "registry.example.com");
        assert_eq!(render(&contexts, &text), own, "{function}");
    }
}

#[test]
fn a_sealed_value_is_opened_by_the_key_of_the_certificate_alone() {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    use base64::Engine as _;
    use rsa::pkcs1::DecodeRsaPrivateKey as _;

    let mut contexts = contexts();
    let render =
        |contexts: &Contexts, text: &str| render_text("f", text, contexts).expect("it renders");
    let pair = r#"{{repl TLSCert "seal" "seal.example" nil nil 365 }}{{repl TLSKey "seal" }}"#;
    let pem = render(&contexts, pair);
    let (cert, key) = pem.split_once("-----BEGIN RSA").expect("a certificate and a key");
    contexts.items.insert("cert".into(), ItemText { value: cert.into(), ..ItemText::default() });
    let text = r#"{{repl KubeSeal (ConfigOption "cert") "ns" "name" "the värlue" }}"#;
    let sealed = render(&contexts, text);
    let twice = render(&contexts, &format!("{text} {text}"));
    let (one, other) = twice.split_once(' ').expect("two values");
    assert_ne!(one, other, "a session key was used twice");

    let sealed = base64::engine::general_purpose::STANDARD.decode(sealed).expect("base64");
    let (length, rest) = sealed.split_at(2);
    let (wrapped, inside) = rest.split_at(usize::from(u16::from_be_bytes([length[0], length[1]])));
    let key = rsa::RsaPrivateKey::from_pkcs1_pem(&format!("-----BEGIN RSA{key}")).expect("a key");
    let unwrap = |label: &str| {
        key.decrypt(rsa::Oaep::new_with_label::<rsa::sha2::Sha256, _>(label), wrapped)
    };
    assert!(unwrap("ns/other").is_err());
    let session_key = unwrap("ns/name").expect("it was wrapped for this secret");
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &session_key).expect("32 bytes"));
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let mut inside = inside.to_vec();
    let plain = cipher.open_in_place(nonce, Aad::empty(), &mut inside).expect("it opens");
    assert_eq!(plain, "the värlue".as_bytes());
}

#[test]
fn the_golden_license_cases_render() {
    let cases = [
        ("kots-base-cases/licensecontext/upstream", "kots-base-cases/licensecontext/base"),
        ("kots-pull-cases/simple/upstream", "kots-pull-cases/simple/wantResults/base"),
    ];
    for (upstream, base) in cases {
        let read = |path: &str| real_data::text(path);
        let (Some(text), Some(expected), Some(license)) = (
            read(&format!("{upstream}/subdir/configmap.yaml")),
            read(&format!("{base}/subdir/configmap.yaml")),
            read(&format!("{upstream}/userdata/license.yaml")),
        ) else {
            return real_data::skip("the golden cases of the license context");
        };
        let license = verify(&license, &RootKeys::production()).expect("it is valid").license;
        let contexts = Contexts { license: Some(license), ..contexts() };
        let rendered = render_text("configmap.yaml", &text, &contexts).expect("it renders");
        assert_eq!(rendered.trim(), expected.trim());
    }
}

#[test]
fn certificates_are_made_once_and_fit_their_keys() {
    let contexts = contexts();
    let render = |text: &str| render_text("f", text, &contexts).expect("it renders");
    let arguments = r#""web" "a.example" (list "10.0.0.1") (list "b.example") 365"#;
    let cert = render(&format!("{{{{repl TLSCert {arguments} }}}}"));
    assert!(cert.starts_with("-----BEGIN CERTIFICATE-----"), "{cert}");
    assert_eq!(render(&format!("{{{{repl TLSCert {arguments} }}}}")), cert);
    let key = render(r#"{{repl TLSKey "web" }}"#);
    assert!(key.contains("PRIVATE KEY-----"), "{key}");
    assert_eq!(render(&format!("{{{{repl TLSKey {arguments} }}}}")), key);
    assert_eq!(render(r#"{{repl TLSKey "none" }}"#), "");
    // Another subject is another certificate under the same name; both stay.
    assert_ne!(render(r#"{{repl TLSCert "web" "c.example" nil nil 365 }}"#), cert);
    assert_eq!(render(&format!("{{{{repl TLSCert {arguments} }}}}")), cert);
    // A key belongs to the certificate, whatever else is said beside it.
    assert_eq!(render(r#"{{repl TLSKey "web" "a.example" nil nil 1 }}"#), key);
    let signed = r#""ca" "leaf" "leaf.example" nil (list "leaf.example") 30"#;
    let leaf = render(&format!("{{{{repl TLSCertFromCA {signed} }}}}"));
    let leaf_key = render(&format!("{{{{repl TLSKeyFromCA {signed} }}}}"));
    assert_eq!(render(r#"{{repl TLSKeyFromCA "ca" "leaf" "leaf.example" nil nil 30 }}"#), leaf_key);
    assert!(leaf.starts_with("-----BEGIN CERTIFICATE-----"), "{leaf}");
    assert_eq!(render(&format!("{{{{repl TLSCertFromCA {signed} }}}}")), leaf);
    assert!(render(&format!("{{{{repl TLSKeyFromCA {signed} }}}}")).contains("PRIVATE KEY-----"));
    assert!(render(r#"{{repl TLSCACert "ca" 30 }}"#).starts_with("-----BEGIN CERTIFICATE-----"));
    // Two thirds of its days later it is made anew.
    let mut later = contexts.clone();
    later.world.now = "2026-12-01T00:00:00Z".parse().expect("a time");
    let renewed = render_text("f", &format!("{{{{repl TLSCert {arguments} }}}}"), &later);
    // In one render what was handed out stays; a later one makes it anew.
    assert_eq!(renewed.expect("it renders"), cert);
    later.tls = TlsPairs::from_map(contexts.tls.to_map());
    let renewed = render_text("f", &format!("{{{{repl TLSCert {arguments} }}}}"), &later);
    assert_ne!(renewed.expect("it renders"), cert);
    assert!(!format!("{contexts:?}").contains("PRIVATE"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_renders_or_is_refused(parts in proptest::collection::vec(
        "(\\{\\{repl|repl\\{\\{|\\}\\}|ConfigOption|\"host\"|if|end|else|range|\\||\\$x|:=|[ a-z\n]{0,4}|[(){}.]){1,6}", 0..8,
    )) {
        let _ = render_text("f", &parts.join(" "), &contexts());
    }
}
