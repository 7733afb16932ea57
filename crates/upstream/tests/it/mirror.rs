//! What a customer gets from a mirror, asked by our client and by hand.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use upstream::{LicenseFormat, PendingQuery, UpstreamError};

use crate::harness::{LICENSE_ID, Mirror, license, stable, told, write};

#[tokio::test]
async fn a_licence_is_served_as_it_lies_in_the_folder() {
    let mirror = Mirror::start().await;
    let client = mirror.client(LICENSE_ID);
    let text =
        client.license(1, Some("id-stable"), LicenseFormat::V1Beta1).await.expect("a licence");
    assert_eq!(text, license("shop", LICENSE_ID, &["id-stable"]));

    let changed = format!("{text}  licenseSequence: 2\n");
    mirror.write("shop/licenses/acme.yaml", &changed);
    let text = client.license(1, None, LicenseFormat::V1Beta2).await.expect("a licence");
    assert_eq!(text, changed);
}

#[tokio::test]
async fn a_release_arrives_whole_and_twice_the_same() {
    let mirror = Mirror::start().await;
    let client = mirror.client(LICENSE_ID);
    let dest = mirror.dir.path().join("got.tar.gz");
    let first = client.download_release(&stable(2), &dest).await.expect("a release");
    assert_eq!(first.meta.version_label, "1.1.0");
    assert_eq!(first.meta.channel_name, "Stable");
    assert!(first.meta.is_required);
    assert_eq!(
        first.meta.released_at.map(|at| at.to_string()).as_deref(),
        Some("2026-01-02T03:04:05Z")
    );
    assert_eq!(first.size, fs::metadata(&dest).expect("the file").len());

    assert_eq!(
        files(&dest),
        ["charts/web-1.2.3.tgz", "kots-app.yaml", "sub/app.yaml"],
        "charts are packed, userdata stays at home"
    );
    let chart = read(&dest).into_iter().find(|it| it.path == "charts/web-1.2.3.tgz").expect("it");
    let chart_path = mirror.dir.path().join("chart.tgz");
    fs::write(&chart_path, chart.bytes).expect("a file");
    assert_eq!(
        files(&chart_path),
        ["Chart.yaml", "charts/sub/Chart.yaml", "templates/a.yaml"],
        "below one folder, which the reader takes off"
    );

    let second = client.download_release(&stable(2), &dest).await.expect("a release");
    assert_eq!(second, first);
    assert!(!mirror.dir.path().join("got.tar.gz.part").exists());
}

#[tokio::test]
async fn an_archive_is_served_byte_for_byte() {
    let mirror = Mirror::start().await;
    let client = mirror.client(LICENSE_ID);
    let packed = mirror.dir.path().join("shop/releases/packed.tar.gz");
    let first = client.download_release(&stable(2), &packed).await.expect("a release");
    mirror.write(
        "shop/channels/stable.yaml",
        "{id: id-stable, name: S, slug: stable, releases: [{channelSequence: 7, versionLabel: v, path: releases/packed.tar.gz}]}",
    );
    let dest = mirror.dir.path().join("got.tar.gz");
    let second = client.download_release(&stable(7), &dest).await.expect("a release");
    assert_eq!(second.sha256, first.sha256);
}

#[tokio::test]
async fn pending_releases_are_those_after_the_cursor() {
    let mirror = Mirror::start().await;
    let client = mirror.client(LICENSE_ID);
    let labels = async |cursor| {
        let query = PendingQuery { channel_sequence: cursor, ..PendingQuery::default() };
        let pending = client.pending(&query).await.expect("a list");
        pending.releases.into_iter().map(|it| it.version_label).collect::<Vec<_>>()
    };
    assert_eq!(labels(None).await, ["1.1.0", "1.0.0"]);
    assert_eq!(labels(Some(1)).await, ["1.1.0"]);
    assert!(labels(Some(2)).await.is_empty());
}

#[tokio::test]
async fn a_licence_sees_its_own_channels_only() {
    let mirror = Mirror::start().await;
    let client = mirror.client(LICENSE_ID);
    let dest = mirror.dir.path().join("got.tar.gz");
    let mut beta = stable(1);
    beta.channel_id = "id-beta".to_owned();
    let error = client.download_release(&beta, &dest).await.expect_err("not its channel");
    assert_snapshot!(told(&error, mirror.addr), @"downloading the release: `ADDR` does not allow it for this licence (403): the licence does not list the channel `id-beta` of `shop`");
    beta.channel_id = "id-unknown".to_owned();
    let error = client.download_release(&beta, &dest).await.expect_err("no such channel");
    assert_snapshot!(told(&error, mirror.addr), @"downloading the release: `ADDR` does not allow it for this licence (403): the licence does not list the channel `id-unknown` of `shop`");
    assert!(!dest.exists());
}

#[tokio::test]
async fn what_is_not_there_is_said_in_words() {
    let mirror = Mirror::start().await;
    let dest = mirror.dir.path().join("got.tar.gz");
    let error =
        mirror.client(LICENSE_ID).download_release(&stable(9), &dest).await.expect_err("none");
    assert_snapshot!(told(&error, mirror.addr), @"downloading the release: `ADDR` has no `/release/shop` (404): channel `stable` of `shop` has no release 9; it has 1, 2");
    let error =
        mirror.client("wrong").license(1, None, LicenseFormat::V1Beta1).await.expect_err("none");
    assert_snapshot!(told(&error, mirror.addr), @"fetching the licence: `ADDR` does not accept the licence (401): no licence of `shop` has the ID that was sent");
    assert_snapshot!(get(&mirror, "/").await, @"
    HTTP/1.1 404 Not Found
    `/` is not served here; served are /license/{slug}, /release/{slug}[/{channel}], /release/{slug}/pending, /metadata/{slug}[/{channel}] and /healthz
    ");
    assert_snapshot!(get(&mirror, "/license/..%2Fshop").await, @"
    HTTP/1.1 404 Not Found
    there is no application `../shop` here
    ");
    assert_snapshot!(get(&mirror, "/license/shop").await, @"
    HTTP/1.1 401 Unauthorized
    the request carries no authorization; send the licence ID as user and password
    ");
}

#[tokio::test]
async fn metadata_and_health_need_no_licence() {
    let mirror = Mirror::start().await;
    assert_snapshot!(get(&mirror, "/metadata/shop").await, @"
    HTTP/1.1 200 OK
    apiVersion: kots.io/v1beta1
    kind: Application
    metadata:
      name: shop
    ");
    assert_snapshot!(get(&mirror, "/metadata/shop/beta").await, @"
    HTTP/1.1 404 Not Found
    release 1 of `shop` has no kots.io/v1beta1 Application
    ");
    assert_snapshot!(get(&mirror, "/healthz").await, @r#"
    HTTP/1.1 200 OK
    {"apps":["shop"],"licenses":1,"channels":2,"releases":3}
    "#);
}

/// One file of the folder is replaced; the check and the request name it.
async fn check_bad(path: &str, text: &str) -> String {
    let mirror = Mirror::start().await;
    mirror.write(path, text);
    let dir = mirror.dir.path().display().to_string();
    let at_start =
        upstream::mirror::check(mirror.dir.path()).expect_err("a bad folder").to_string();
    let dest = mirror.dir.path().join("got.tar.gz");
    let answer = match mirror.client(LICENSE_ID).download_release(&stable(2), &dest).await {
        Ok(_) => "still serves what is good".to_owned(),
        Err(error) => told(&error, mirror.addr),
    };
    format!("{at_start}\n{answer}").replace(&dir, "DIR")
}

#[tokio::test]
async fn bad_content_is_named_at_start_and_per_request() {
    assert_snapshot!(check_bad("shop/channels/stable.yaml", "id: x\nnaem: y\n").await, @"
    `DIR/shop/channels/stable.yaml`: not a channel: `naem`: unknown field `naem`, expected one of `id`, `name`, `slug`, `isSemverRequired`, `replicatedAppDomain`, `replicatedRegistryDomain`, `replicatedProxyDomain`, `releases`
    downloading the release: `ADDR` answered 500: the mirror cannot serve this: `DIR/shop/channels/stable.yaml`: not a channel: `naem`: unknown field `naem`, expected one of `id`, `name`, `slug`, `isSemverRequired`, `replicatedAppDomain`, `replicatedRegistryDomain`, `replicatedProxyDomain`, `releases`
    ");
    assert_snapshot!(check_bad("shop/channels/stable.yaml", "{id: id-stable, name: S, slug: stable, releases: [{channelSequence: 2, versionLabel: v, path: ../../etc}]}").await, @"
    `DIR/shop/channels/stable.yaml`: release 2 lies at `../../etc`, only a path inside the application's folder is allowed
    downloading the release: `ADDR` answered 500: the mirror cannot serve this: `DIR/shop/channels/stable.yaml`: release 2 lies at `../../etc`, only a path inside the application's folder is allowed
    ");
    assert_snapshot!(check_bad("shop/channels/stable.yaml", "{id: id-stable, name: S, slug: stable, releases: [{channelSequence: 2, versionLabel: v, path: gone.tar.gz}]}").await, @"
    `DIR/shop/gone.tar.gz`: a release is a folder or a `.tar.gz` file
    downloading the release: `ADDR` answered 500: the mirror cannot serve this: `DIR/shop/gone.tar.gz`: a release is a folder or a `.tar.gz` file
    ");
    assert_snapshot!(check_bad("shop/licenses/other.yaml", &license("other", "x", &["z"])).await, @"
    `DIR/shop/licenses/other.yaml`: it is a licence for `other`, this is the folder of `shop`
    still serves what is good
    ");
    assert_snapshot!(check_bad("shop/licenses/twin.yaml", &license("shop", LICENSE_ID, &["id-stable"])).await, @"
    `DIR/shop/licenses/twin.yaml`: another licence file has the same licenseID
    still serves what is good
    ");
    assert_snapshot!(check_bad("shop/releases/1.1.0/charts/web/Chart.yaml", "{name: ../web, version: 1}").await, @"
    `DIR/shop/releases/1.1.0/charts/web/Chart.yaml`: not a chart: `version`: invalid type: integer `1`, expected a string
    downloading the release: `ADDR` answered 500: the mirror cannot serve this: `DIR/shop/releases/1.1.0/charts/web/Chart.yaml`: not a chart: `version`: invalid type: integer `1`, expected a string
    ");
    assert_snapshot!(check_bad("shop/releases/1.1.0/charts/web/Chart.yaml", "{name: ../web, version: 1.0.0}").await, @"
    `DIR/shop/releases/1.1.0/charts/web/Chart.yaml`: its name is `../web`; letters, digits, `-`, `_`, `.` and `+` are allowed
    downloading the release: `ADDR` answered 500: the mirror cannot serve this: `DIR/shop/releases/1.1.0/charts/web/Chart.yaml`: its name is `../web`; letters, digits, `-`, `_`, `.` and `+` are allowed
    ");
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_in_a_release_folder_is_refused() {
    let mirror = Mirror::start().await;
    std::os::unix::fs::symlink("/etc/passwd", mirror.dir.path().join("shop/releases/1.1.0/x.yaml"))
        .expect("a link");
    let dest = mirror.dir.path().join("got.tar.gz");
    let error =
        mirror.client(LICENSE_ID).download_release(&stable(2), &dest).await.expect_err("a link");
    assert!(matches!(error, UpstreamError::Rejected { status: 500, .. }));
    assert!(
        error.to_string().contains("x.yaml`: a release folder may hold only files and folders")
    );
}

#[tokio::test]
async fn a_real_application_goes_through() {
    let root = std::env::var_os("KOTS_REAL_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        Into::into,
    );
    let upstream = root.join("kots-pull-cases/simple/upstream");
    if !upstream.is_dir() {
        skipped::skipped!("{} is not there", upstream.display());
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    for name in ["config.yaml", "subdir/configmap.yaml", "userdata/license.yaml"] {
        let text = fs::read_to_string(upstream.join(name)).expect("a real file");
        write(dir.path(), &format!("my-app/simple/{name}"), &text);
    }
    let license = fs::read_to_string(upstream.join("userdata/license.yaml")).expect("a licence");
    write(dir.path(), "my-app/licenses/customer.yaml", &license);
    write(
        dir.path(),
        "my-app/channels/my-channel.yaml",
        "{id: 1vusIYZLAVxMG6q760OJmRKj5i5, name: My Channel, slug: my-channel, releases: [{channelSequence: 1, versionLabel: v1, path: simple}]}",
    );
    let summary = upstream::mirror::check(dir.path()).expect("a good folder");
    assert_eq!((summary.n_licenses, summary.n_channels, summary.n_releases), (1, 1, 1));
}

fn read(archive: &Path) -> Vec<airgap::ReleaseFile> {
    let file = fs::File::open(archive).expect("the archive");
    airgap::release::read(file, &airgap::Limits::default()).expect("a release")
}

fn files(archive: &Path) -> Vec<String> {
    read(archive).into_iter().map(|it| it.path).collect()
}

/// Status line and body of a request without authorization.
async fn get(mirror: &Mirror, path: &str) -> String {
    let mut socket = TcpStream::connect(mirror.addr).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    format!("{}\n{body}", head.lines().next().unwrap_or_default())
}
