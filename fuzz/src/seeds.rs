//! Inputs that mutations start from.

use airgap::{BundleWriter, Digest, Gunzip, Limits};
use kinds::license::ApiVersion;
use sample::{VERSIONS, bundle::BundleSpec, license::Builder, release};

/// Release archives: the sample's, and small ones with names of every kind.
pub fn archives() -> Vec<Vec<u8>> {
    let mut seeds = vec![Vec::new(), small()];
    seeds.extend(VERSIONS.iter().map(|it| release::sample_archive(it).expect("it is committed")));
    seeds
}

/// The same, not compressed, so that mutations reach the tar. Checksums of headers do not hold after a mutation, so
/// there are many headers, and some without.
pub fn tars() -> Vec<Vec<u8>> {
    archives()
        .iter()
        .map(|it| {
            let mut tar = Vec::new();
            // The empty one fails, and is a seed, too.
            let _ = std::io::Read::read_to_end(
                &mut Gunzip::new(it.as_slice(), &Limits::default().app),
                &mut tar,
            );
            tar
        })
        .collect()
}

/// Bundles: the sample's stored and compressed, and in the other order.
pub fn bundles() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("bundle");
    let mut seeds = Vec::new();
    let sample = BundleSpec::sample("1.0.0").expect("it is committed");
    // With a large file nothing is compressed, and a mutation reaches what is inside.
    for spec in [sample.clone(), sample.large(10)] {
        spec.write(&path).expect("the folder is ours");
        seeds.push(std::fs::read(&path).expect("it was just written"));
    }
    let mut writer = BundleWriter::with_level(Vec::new(), 0);
    let yaml = airgap_yaml().swap_remove(0);
    for (name, bytes) in [("app.tar.gz", &small()), ("airgap.yaml", &yaml)] {
        writer.bytes(name, bytes).expect("a good name");
    }
    seeds.push(writer.finish().expect("a vector takes all"));
    seeds
}

/// Bundles with images, stored: registry storage, a saved image and an OCI layout.
pub fn image_bundles() -> Vec<Vec<u8>> {
    let (layer, config) = (b"layer".to_vec(), br#"{"rootfs":{"diff_ids":["LAYER"]}}"#.to_vec());
    let digest = |it: &[u8]| Digest::of(it).to_string();
    let config = String::from_utf8(config).expect("ASCII").replace("LAYER", &digest(&layer));
    let part =
        |it: &[u8]| format!(r#"{{"mediaType":"m","digest":"{}","size":{}}}"#, digest(it), it.len());
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
        part(config.as_bytes()),
        part(&layer)
    );
    let blobs = [layer.clone(), config.clone().into_bytes(), manifest.clone().into_bytes()];
    let hex = |it: &[u8]| Digest::of(it).hex();
    let storage = "images/docker/registry/v2";
    let mut stored: Vec<_> = blobs
        .iter()
        .map(|it| {
            (format!("{storage}/blobs/sha256/{}/{}/data", &hex(it)[..2], hex(it)), it.clone())
        })
        .collect();
    let link = format!("{storage}/repositories/a/_manifests/tags/1/current/link");
    stored.push((link, digest(manifest.as_bytes()).into_bytes()));
    let mut laid: Vec<_> =
        blobs.iter().map(|it| (format!("images/blobs/sha256/{}", hex(it)), it.clone())).collect();
    let named = part(manifest.as_bytes())
        .replace("\"size\"", r#""annotations":{"org.opencontainers.image.ref.name":"a:1"},"size""#);
    laid.push(("images/index.json".into(), format!(r#"{{"manifests":[{named}]}}"#).into_bytes()));
    let mut saved = tar::Builder::new(Vec::new());
    let list = br#"[{"Config":"c.json","Layers":["l.tar"]}]"#;
    for (name, bytes) in
        [("l.tar", &layer[..]), ("c.json", config.as_bytes()), ("manifest.json", list)]
    {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        saved.append_data(&mut header, name, bytes).expect("a vector takes all");
    }
    let saved = saved.into_inner().expect("a vector takes all");
    let saved = vec![("images/docker-archive/docker.io/a/1".to_owned(), saved)];
    [("docker", stored), ("oci", laid), ("docker-archive", saved)]
        .map(|(format, entries)| {
            let mut writer = BundleWriter::with_level(Vec::new(), 0);
            let yaml = format!(
                "apiVersion: kots.io/v1beta1\nkind: Airgap\nspec:\n  format: {format}\n  savedImages: ['a:1']\n"
            );
            writer.bytes("airgap.yaml", yaml.as_bytes()).expect("a good name");
            writer.bytes("app.tar.gz", &small()).expect("a good name");
            for (name, bytes) in entries {
                writer.bytes(&name, &bytes).expect("a good name");
            }
            writer.finish().expect("a vector takes all")
        })
        .to_vec()
}

/// Metadata of bundles.
pub fn airgap_yaml() -> Vec<Vec<u8>> {
    let full = "apiVersion: kots.io/v1beta1
kind: Airgap
metadata:
  creationTimestamp: null
spec:
  appSlug: a
  channelID: b
  channelName: C
  updateCursor: \"12\"
  versionLabel: 1.2.3
  isRequired: true
  requiredReleases:
  - versionLabel: 1.2.2
    updateCursor: \"11\"
  savedImages:
  - alpine:3.19.1
  embeddedClusterArtifacts:
    charts: embedded-cluster/charts.tar.gz
    registry:
      dir: images
      savedImages: [a, b]
    additionalArtifacts:
      kots: embedded-cluster/artifacts/kots.tar.gz
  uncompressedSize: 1234567890
  format: docker-archive
  replicatedChartNames:
  - replicated
  signature: AAAA
status: {}
";
    let sample = BundleSpec::sample("1.1.0").expect("it is committed").airgap.to_yaml();
    vec![full.into(), sample.into()]
}

/// Licences of both generations, good and bad.
pub fn licenses() -> Vec<Vec<u8>> {
    let old = Builder::new().app("old").single_channel("1", "One");
    [
        Builder::new(),
        Builder::new().version(ApiVersion::V1Beta2),
        old,
        Builder::new().break_signature(),
        Builder::new().tamper(|it| it.license_sequence = 9),
    ]
    .iter()
    .map(|it| it.yaml().into_bytes())
    .collect()
}

/// The configs of both releases of the sample.
pub fn configs() -> Vec<Vec<u8>> {
    VERSIONS
        .iter()
        .map(|it| {
            let path = sample::app_folder().join(it).join("kots-config.yaml");
            std::fs::read(path).expect("it is committed")
        })
        .collect()
}

/// The sample's config values, and ones with every field.
pub fn config_values() -> Vec<Vec<u8>> {
    let every = "apiVersion: kots.io/v1beta1
kind: ConfigValues
metadata:
  name: x
spec:
  values:
    a: {default: d, value: v, data: ZGF0YQ==, valuePlaintext: p, dataPlaintext: q, filename: f, repeatableItem: r}
    b: {}
    \"c d\": {value: \"\"}
";
    vec![sample::config_values().into(), every.into()]
}

/// Conditions on objects, each with an object.
pub fn conditions() -> Vec<Vec<u8>> {
    let object = r#"{"spec":{"a.b":"x","list":[1,[2]]},"status":{"conditions":[{"type":"Ready","status":"True"}]}}"#;
    [
        ".status.conditions[?(@.type==\"Ready\")].status=True, .spec.list[0]=1",
        "spec['a.b']=x,$.spec.list[*]=1 [2],.*.*=",
        ".a=[x,y",
        ".a[?(@.b[0]=='=,')]==",
        "é=\u{1F600},=,",
        "[[[[]]]]=1",
    ]
    .iter()
    .map(|it| format!("{it}\n{object}").into_bytes())
    .collect()
}

/// The body of an air-gap update, and bodies that are odd or cut. The first byte decides the chunks.
pub fn multiparts() -> Vec<Vec<u8>> {
    let part = |name: &str, data: &str| {
        format!(
            "--X\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n{data}\r\n"
        )
    };
    let good =
        [part("airgap.yaml", "kind: Airgap"), part("app.tar.gz", "\r\n--X-\r\n--\r")].concat();
    [
        format!("\x07{good}--X--\r\n"),
        format!("\x01preamble\r\n{good}--X  \r\n\r\n"),
        format!("\x03{good}"),
        "\x00--X--".to_owned(),
        "\x02--X\r\n\r\nno head\r\n--X--".to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec()
}

fn small() -> Vec<u8> {
    let mut writer = BundleWriter::with_level(Vec::new(), 0);
    writer.folder("images").expect("a good name");
    for name in ["a.yaml", "b/c.yaml", "b/größe", &format!("b/{}", "long/".repeat(40))] {
        writer.bytes(name, name.as_bytes()).expect("a good name");
    }
    writer.finish().expect("a vector takes all")
}

/// Bodies of requests with answers.
pub fn bodies() -> Vec<Vec<u8>> {
    let texts = [
        "",
        "null",
        r#"{"values":{"hostname":{"value":"app.example.com"},"file":{"value":"ZmlsZQ==","filename":"a"}}}"#,
        r#"{"VALUES":{"a":{"Value":"1","other":2,"filename":null}},"values":null} trailing"#,
        r#"{"values":{"a":null,"b":{"value":7}}}"#,
        "invalid json",
    ];
    texts.map(|it| it.as_bytes().to_vec()).into()
}

/// What `kots` writes: ours, and the original's for a terminal.
pub fn kots_lines() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"index":4,"at":"1970-01-01T00:00:00Z","kind":"step_started","step":"images"}"#,
        r#"{"schema":1,"outcome":"ready"}"#,
        "  \u{2022} Deploying \r\u{1b}[2K  \u{2022} Deploying \u{2713}\n\u{1b}[31mError:\u{1b}[0m no",
        "\u{1b}[\u{1b}[31m10%\r20%\u{7}",
    ];
    texts.map(|it| it.as_bytes().to_vec()).into()
}

/// The key that the tokens among the seeds are of.
pub const TOKEN_KEY: &str = "key";
/// The sessions they name.
pub const TOKEN_SESSIONS: [&str; 2] = ["s1", ""];

/// Headers with tokens: good ones, one of another key, one that is not signed, one with another name.
pub fn tokens() -> Vec<Vec<u8>> {
    let make = |name: &str, session: &str, key: &str| {
        let claims = serde_json::json!({ "name": name, "sid": session });
        let key = jsonwebtoken::EncodingKey::from_secret(key.as_bytes());
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key);
        format!("Bearer {}", token.expect("a token")).into_bytes()
    };
    let mut seeds = vec![
        make("admin", "s1", TOKEN_KEY),
        make("admin", "", TOKEN_KEY),
        make("admin", "s2", "none of ours"),
        make("somebody", "s1", TOKEN_KEY),
    ];
    // {"alg":"none"} and {"name":"admin","sid":"s3"}.
    seeds.push(b"Bearer eyJhbGciOiJub25lIn0.eyJuYW1lIjoiYWRtaW4iLCJzaWQiOiJzMyJ9.".to_vec());
    seeds.push(b"bearer \xff..".to_vec());
    seeds
}

/// What the preflight program prints, whole and odd.
pub fn preflight_outputs() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"pass":[{"title":"nodes","message":"3"}],"warn":[{"title":"Required Kubernetes Version","message":"old","uri":"https://example.com"}],"fail":[{"title":"memory","message":"few","strict":true}]}"#,
        r#"{"pass":null,"fail":[{}],"more":[[[]]]}"#,
        "{}",
        r#"{"pass":[{"title":7}]}"#,
        "Error: no cluster",
    ];
    texts.map(|it| it.as_bytes().to_vec()).into()
}
