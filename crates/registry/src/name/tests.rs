use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::endpoint::Scheme;

const HEX: &str = "17c5f462c92fc39303e6363c65e074559f8d6a1354150027ed5053557e3298c5";

fn endpoint(namespace: &str) -> Endpoint {
    Endpoint::parse("localhost:5000", namespace, Scheme::Https).expect("a registry")
}

fn check(namespace: &str, name: &str) -> String {
    match Reference::parse(&name.replace("HEX", HEX)) {
        Ok(it) => {
            format!("{it} -> {}", Destination::of(&it, &endpoint(namespace))).replace(HEX, "HEX")
        }
        Err(error) => format!("Error: {error}").replace(HEX, "HEX"),
    }
}

#[test]
fn destinations_of_names() {
    let lines = [
        ("somebigbank", "quay.io/someorg/debian:0.1"),
        ("somebigbank", "quay.io/someorg/debian@sha256:HEX"),
        ("somebigbank", "quay.io/someorg/debian:0.1@sha256:HEX"),
        ("", "quay.io/someorg/debian:0.1"),
        ("", "quay.io/someorg/debian@sha256:HEX"),
        ("somebigbank", "alpine"),
        ("some/big/bank", "docker.io/alpine:3.19"),
        ("somebigbank", "index.docker.io/fluent/fluentd:v1"),
        ("somebigbank", "localhost/thing"),
        ("somebigbank", "localhost:32000/a/b/thing:1"),
        ("somebigbank", "HOST/thing:1"),
        ("somebigbank", "[::1]:5000/thing:1"),
        ("somebigbank", "411111111111.dkr.ecr.us-west-1.amazonaws.com/myrepo:v0.0.1"),
    ]
    .map(|(namespace, name)| check(namespace, name));
    assert_snapshot!(lines.join("\n"), @r"
    quay.io/someorg/debian:0.1 -> localhost:5000/somebigbank/debian:0.1
    quay.io/someorg/debian@sha256:HEX -> localhost:5000/somebigbank/debian@sha256:HEX
    quay.io/someorg/debian@sha256:HEX -> localhost:5000/somebigbank/debian@sha256:HEX
    quay.io/someorg/debian:0.1 -> localhost:5000/debian:0.1
    quay.io/someorg/debian@sha256:HEX -> localhost:5000/debian@sha256:HEX
    docker.io/library/alpine:latest -> localhost:5000/somebigbank/alpine:latest
    docker.io/library/alpine:3.19 -> localhost:5000/some/big/bank/alpine:3.19
    docker.io/fluent/fluentd:v1 -> localhost:5000/somebigbank/fluentd:v1
    localhost/thing:latest -> localhost:5000/somebigbank/thing:latest
    localhost:32000/a/b/thing:1 -> localhost:5000/somebigbank/thing:1
    HOST/thing:1 -> localhost:5000/somebigbank/thing:1
    [::1]:5000/thing:1 -> localhost:5000/somebigbank/thing:1
    411111111111.dkr.ecr.us-west-1.amazonaws.com/myrepo:v0.0.1 -> localhost:5000/somebigbank/myrepo:v0.0.1
    ");
}

#[test]
fn embedded_cluster_names() {
    let image = Reference::parse(&format!("quay.io/someorg/debian:0.1@sha256:{HEX}")).expect("ok");
    let destination = Destination::of_embedded_cluster(&image, &endpoint("somebigbank"));
    assert_eq!(
        destination.to_string(),
        format!("localhost:5000/somebigbank/embedded-cluster/debian@sha256:{HEX}")
    );
    let check = |path: &str, label: &str| {
        artifact_destination(&endpoint("ns"), path, "channel", "1", label)
            .map_or_else(|| "none".to_owned(), |it| it.to_string())
    };
    let lines = [
        check("embedded-cluster/my-app", "1.0.0"),
        check("embedded-cluster/charts.tar.gz", "1.0.0"),
        check("embedded-cluster/version-metadata.json", "1.0.0"),
        check("embedded-cluster/A file with spaces.tar.gz", "1.0.0"),
        check("embedded-cluster/charts.tar.gz", "A version with spaces"),
        check("embedded-cluster/---", "1"),
    ];
    assert_snapshot!(lines.join("\n"), @r"
    localhost:5000/ns/embedded-cluster/my-app:channel-1-1.0.0
    localhost:5000/ns/embedded-cluster/charts.tar.gz:channel-1-1.0.0
    localhost:5000/ns/embedded-cluster/version-metadata.json:channel-1-1.0.0
    localhost:5000/ns/embedded-cluster/afilewithspaces.tar.gz:channel-1-1.0.0
    localhost:5000/ns/embedded-cluster/charts.tar.gz:channel-1-Aversionwithspaces
    none
    ");
}

#[test]
fn sanitised_tags_and_repositories() {
    let tags =
        ["1.0.0", ".1", "-1", "a b", "ä1", "", &"x".repeat(130), &format!("{}-a", "x".repeat(128))]
            .map(|it| sanitize_tag(it).replace(&"x".repeat(128), "128x"));
    assert_snapshot!(tags.join("|"), @"1.0.0|1|1|ab|1||128x|128x");
    let names = ["charts.tar.gz", "My App", "a..b", "a___b", "a--b", ".a-", "ÄB", ""]
        .map(sanitize_repository);
    assert_snapshot!(names.join("|"), @"charts.tar.gz|myapp|ab|ab|a--b|a|b|");
}

proptest! {
    #[test]
    fn a_destination_is_a_name(text in "\\PC{0,80}") {
        if let Ok(image) = Reference::parse(&text) {
            let destination = Destination::of(&image, &endpoint("ns")).to_string();
            prop_assert!(Reference::parse(&destination).is_ok(), "{}", destination);
        }
    }

    #[test]
    fn the_last_component_stays(
        host in prop::sample::select(vec!["", "quay.io/", "localhost:5000/", "docker.io/"]),
        path in "([a-z0-9]{1,5}/){0,2}[a-z][a-z0-9]{0,5}",
        tag in prop::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,10}"),
        digest in any::<bool>(),
    ) {
        let mut name = format!("{host}{path}");
        if let Some(tag) = &tag {
            name = format!("{name}:{tag}");
        }
        if digest {
            name = format!("{name}@sha256:{HEX}");
        }
        let image = Reference::parse(&name).expect("a name");
        let base = path.rsplit('/').next().expect("one part");
        let expected = match (digest, tag) {
            (true, _) => format!("localhost:5000/a/b/{base}@sha256:{HEX}"),
            (false, Some(tag)) => format!("localhost:5000/a/b/{base}:{tag}"),
            (false, None) => format!("localhost:5000/a/b/{base}:latest"),
        };
        prop_assert_eq!(Destination::of(&image, &endpoint("a/b")).to_string(), expected);
    }

    #[test]
    fn what_is_sanitised_can_stand_in_a_name(text in "\\PC{0,200}") {
        let tag = sanitize_tag(&text);
        let named = format!("a:{tag}");
        prop_assert!(tag.is_empty() || Reference::parse(&named).is_ok());
        prop_assert_eq!(sanitize_tag(&tag), tag.clone());
        let name = sanitize_repository(&text);
        let named = format!("localhost/{name}");
        prop_assert!(name.is_empty() || named.len() > 255 || Reference::parse(&named).is_ok());
    }
}
