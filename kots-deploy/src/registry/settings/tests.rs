//! Which registry it is, by what was typed and found.

use super::*;

fn args(registry: &str, namespace: &str, username: &str, password: &str) -> ImageArgs {
    ImageArgs {
        registry: registry.to_owned(),
        namespace: namespace.to_owned(),
        username: username.to_owned(),
        password: password.to_owned().into(),
        ..ImageArgs::default()
    }
}

fn login(host: &str, username: &str, from: &str) -> Login {
    Login {
        host: host.to_owned(),
        username: username.to_owned(),
        password: "secret".to_owned().into(),
        from: from.to_owned(),
    }
}

fn check(args: &ImageArgs, found: &Found) -> String {
    match choose(args, "shop", found) {
        Ok(it) => it.from,
        Err(error) => {
            let cause = std::error::Error::source(&error);
            let cause = cause.map_or_else(String::new, |it| format!(": {it}"));
            format!("Error: {error}{cause}")
        }
    }
}

#[test]
fn what_the_console_does_not_know_it_is_told() {
    let told = |args: &ImageArgs, found: &Found| {
        let chosen = choose(args, "shop", found).expect("a registry");
        chosen.new_registry(args.disable_push).map_or_else(
            || "nothing".to_owned(),
            |it| {
                let only = if it.read_only { ", read-only" } else { "" };
                let place = it.place();
                format!("{place} {}:{}{only}", it.username, it.password.expose_secret())
            },
        )
    };
    let typed = args("https://reg.example/a", "b", "me", "pw");
    let elsewhere = ImageArgs { disable_push: true, ..args("reg.example", "", "", "") };
    let ecr = args("411111111111.dkr.ecr.us-west-1.amazonaws.com", "", "AKIA", "s");
    let lines = [
        told(&typed, &Found::default()),
        told(&typed, &stored("reg.example", "a/b", false)),
        told(&elsewhere, &Found::default()),
        told(&elsewhere, &stored("reg.example", "", true)),
        told(&ecr, &Found::default()),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    reg.example/a/b me:pw
    nothing
    reg.example :, read-only
    nothing
    411111111111.dkr.ecr.us-west-1.amazonaws.com :
    ");
}

fn stored(hostname: &str, namespace: &str, read_only: bool) -> Found {
    let stored =
        Stored { hostname: hostname.to_owned(), namespace: namespace.to_owned(), read_only };
    Found { stored: Some(stored), ..Found::default() }
}

#[test]
fn what_was_typed_wins_then_what_is_stored_then_what_is_found() {
    let embedded = Found {
        embedded: vec![
            login("ghcr.io", "somebody", "secret `registry-creds` in namespace `default`"),
            login("10.0.0.1:5000", "kurl", "secret `registry-creds` in namespace `default`"),
        ],
        logins: vec![login("reg.example", "me", "secret `kotsadm-private-registry`")],
        ..Found::default()
    };
    let lines = [
        check(&args("reg.example/ns", "", "", ""), &Found::default()),
        check(&args("reg.example/ns", "", "me", "pw"), &embedded),
        check(&args("reg.example/ns", "", "", ""), &embedded),
        check(&args("10.0.0.1:5000", "", "me", "pw"), &embedded),
        check(&args("", "", "", ""), &embedded),
        check(&args("", "other", "", ""), &embedded),
        check(&args("", "", "", ""), &stored("reg.example", "shop", false)),
        check(&args("reg.example", "shop", "", ""), &stored("reg.example", "shop", false)),
        check(&args("reg.example/ns", "", "me", ""), &embedded),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    registry reg.example/ns from the command line, without credentials
    registry reg.example/ns from the command line, user me from the flags
    registry reg.example/ns from the command line, user me from secret `kotsadm-private-registry`
    registry 10.0.0.1:5000 from the command line, user me from the flags
    registry 10.0.0.1:5000/shop from secret `registry-creds` in namespace `default`, user kurl from secret `registry-creds` in namespace `default`
    registry 10.0.0.1:5000/other from secret `registry-creds` in namespace `default`, user kurl from secret `registry-creds` in namespace `default`
    registry reg.example/shop from the application's settings, without credentials
    registry reg.example/shop from the command line, without credentials
    Error: --registry-username and --registry-password belong together, and only one was given
    ");
}

#[test]
fn nothing_is_never_docker_hub() {
    let found = Found {
        looked: vec!["secret `registry-creds` in namespace `default`: not there".to_owned()],
        ..Found::default()
    };
    let Err(error) = choose(&args("", "", "", ""), "shop", &found) else { panic!("chosen") };
    assert_eq!(error.to_string(), "no registry is known to push images to");
    assert!(matches!(error, SettingsError::Nowhere { looked } if looked == found.looked));
    // A stranger's entry in the secret is not the registry of the cluster.
    let stranger = Found { embedded: vec![login("ghcr.io", "x", "a secret")], ..found };
    assert!(choose(&args("", "", "", ""), "shop", &stranger).is_err());
}

#[test]
fn the_place_must_be_the_one_the_application_uses() {
    let lines = [
        check(&args("other.example/shop", "", "", ""), &stored("reg.example", "shop", false)),
        check(&args("reg.example", "", "", ""), &stored("reg.example", "shop", false)),
        check(&args("", "other", "", ""), &stored("reg.example", "shop", false)),
        check(&args("", "", "", ""), &stored("reg.example", "shop", true)),
        check(&args("http://reg.example", "", "", ""), &Found::default()),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    Error: images would go to other.example/shop, but the application uses reg.example/shop
    Error: images would go to reg.example, but the application uses reg.example/shop
    Error: images would go to reg.example/other, but the application uses reg.example/shop
    Error: the application's registry reg.example/shop is set to be read-only: images are put there by somebody else
    Error: the registry cannot be used (from the command line): registry `http://reg.example` is named with `http://`, and plain HTTP was not allowed
    ");
}

#[test]
fn ecr_takes_keys() {
    let host = "411111111111.dkr.ecr.us-west-1.amazonaws.com";
    let keys = aws::Keys {
        access_key_id: "A".to_owned(),
        secret_access_key: "s".to_owned().into(),
        session_token: None,
    };
    let with = |aws| Found { aws: Some(aws), ..Found::default() };
    let lines = [
        check(&args(host, "", "", ""), &with(Ok(keys))),
        check(&args(host, "", "", ""), &with(Err("no AWS keys".to_owned()))),
        check(&args(host, "", "AKIA", "s"), &Found::default()),
        check(&args(host, "", "AWS", "s"), &Found::default()),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    registry 411111111111.dkr.ecr.us-west-1.amazonaws.com from the command line, AWS keys of this machine
    Error: 411111111111.dkr.ecr.us-west-1.amazonaws.com is Amazon's registry, and there are no credentials for it: no AWS keys
    registry 411111111111.dkr.ecr.us-west-1.amazonaws.com from the command line, AWS keys from the flags
    registry 411111111111.dkr.ecr.us-west-1.amazonaws.com from the command line, user AWS from the flags
    ");
}
