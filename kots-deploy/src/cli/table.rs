//! The flags of every command: names, defaults and texts, and nothing else.
//!
//! The first two tables are the original's (`cmd/kots/cli/deploy.go`, `install.go: registryFlags`,
//! `root.go`); the flags marked as ours have no counterpart there.

use super::flags::{Flag, Takes};

const fn text(name: &'static str, help: &'static str) -> Flag {
    Flag { name, short: None, takes: Takes::Text, default: "", hidden: false, from_env: true, help }
}

const fn switch(name: &'static str, help: &'static str) -> Flag {
    Flag { takes: Takes::Bool, default: "false", ..text(name, help) }
}

const fn list(name: &'static str, help: &'static str) -> Flag {
    Flag { takes: Takes::List, ..text(name, help) }
}

/// Flags that cli-runtime binds itself: the original reads no `KOTS_*` variable for them.
const fn kube(flag: Flag) -> Flag {
    Flag { from_env: false, ..flag }
}

/// Flags of every command: how to reach the cluster.
pub(super) const CONNECTION: [Flag; 19] = [
    kube(text("kubeconfig", "path of the kubeconfig file to use")),
    kube(Flag {
        default: "$KUBECACHEDIR or ~/.kube/cache",
        ..text("cache-dir", "accepted for compatibility; nothing is cached")
    }),
    kube(text("client-certificate", "path of a client certificate file for TLS")),
    kube(text("client-key", "path of a client key file for TLS")),
    kube(text("token", "bearer token for authentication to the API server")),
    kube(text("as", "username to impersonate")),
    kube(text("as-uid", "UID to impersonate")),
    kube(list("as-group", "group to impersonate; may be repeated")),
    kube(list("as-user-extra", "user extra to impersonate as key=value; may be repeated")),
    kube(text("cluster", "the name of the kubeconfig cluster to use")),
    kube(text("user", "the name of the kubeconfig user to use")),
    Flag { short: Some('n'), ..text("namespace", "the namespace the admin console runs in") },
    kube(text("context", "the name of the kubeconfig context to use")),
    kube(Flag { short: Some('s'), ..text("server", "the address and port of the API server") }),
    kube(text("tls-server-name", "server name to check the API server's certificate against")),
    kube(switch(
        "insecure-skip-tls-verify",
        "do not check the API server's certificate: the connection is not safe",
    )),
    kube(text("certificate-authority", "path of a certificate file of the authority")),
    kube(Flag {
        default: "0",
        ..text(
            "request-timeout",
            "how long one request to the API server may take, such as 1s; 0 is for ever",
        )
    }),
    kube(switch("disable-compression", "do not ask for compressed answers")),
];

/// Ours: other ways to reach an admin console, and how to speak.
pub(super) const REACH: [Flag; 5] = [
    text("kotsadm-url", "reach the admin console at this URL instead of through a cluster"),
    text(
        "auth-string-file",
        "file with the whole `Kots …` auth string, for --kotsadm-url (or KOTSADM_AUTHSTRING)",
    ),
    text(
        "embedded",
        "run an admin console in this process with its state in this folder and deploy to its folder `deployed`",
    ),
    Flag {
        default: "auto",
        ..text("transport", "the way to the pod: auto, port-forward or proxy")
    },
    ROOT_KEY,
];

const ROOT_KEY: Flag = list(
    "license-root-key",
    "PEM file of a root key to accept licenses of besides the built-in one; may be repeated",
);

/// Ours: how to wait.
pub(super) const RUN: [Flag; 2] = [
    Flag { default: "ready", ..text("wait", "when to be done: accepted, deployed or ready") },
    Flag { takes: Takes::Duration, default: "15m0s", ..text("timeout", "limit for the whole run") },
];

/// Ours: the limit of commands that only move bytes.
pub(super) const LONG_TIMEOUT: [Flag; 1] = [Flag {
    takes: Takes::Duration,
    default: "12h0m0s",
    ..text("timeout", "limit for the whole run")
}];

/// Ours: how to report.
pub(super) const REPORT: [Flag; 3] = [
    Flag {
        default: "text",
        ..text("output", "text, json (one document) or jsonl (events, then the document)")
    },
    Flag { default: "auto", ..text("progress", "progress on stderr: auto, plain or none") },
    text("state-dir", "folder of the run journals (default the XDG state folder)"),
];

/// Registry flags, shared by `deploy` and `install`; those of [`REGISTRY_ACCESS`] go with them.
pub(super) const REGISTRY: [Flag; 3] = [
    text(
        "kotsadm-registry",
        "set to the registry hostname and optional namespace: host[:port][/ns…]",
    ),
    Flag {
        hidden: true,
        ..text("kotsadm-tag", "airgap-update: tag of the admin console's own images")
    },
    text("kotsadm-namespace", "namespace of the registry"),
];

/// How a registry is logged in to and spoken to. The first two are the original's.
pub(super) const REGISTRY_ACCESS: [Flag; 5] = [
    text("registry-username", "username for the registry"),
    text("registry-password", "password for the registry"),
    text("registry-ca", "PEM file of the authority of the registry's certificate"),
    switch(
        "registry-insecure-skip-tls-verify",
        "do not check the registry's certificate: the connection is not safe",
    ),
    switch(
        "registry-plain-http",
        "the registry has no TLS: everything is sent in clear, credentials too",
    ),
];

/// How images are pushed to it.
pub(super) const REGISTRY_PUSH: [Flag; 1] = [Flag {
    takes: Takes::Int,
    default: "4",
    ..text("registry-parallelism", "how many blobs are uploaded at once")
}];

/// Flags of `kots deploy`.
pub(super) const DEPLOY: [Flag; 7] = [
    text("license", "path of the license file, with --airgap-bundle only"),
    text("channel-id", "id of the channel to deploy from"),
    Flag {
        takes: Takes::Int,
        default: "0",
        ..text("channel-sequence", "sequence of the release in the channel")
    },
    text("airgap-bundle", "path of the air-gap bundle to deploy"),
    text("config-values", "path of a ConfigValues manifest (required)"),
    switch("skip-preflights", "skip preflights; strict ones still run and must pass"),
    switch("disable-image-push", "do not push images from the air-gap bundle"),
];

/// Flags of `kots install`.
pub(super) const INSTALL: [Flag; 9] = [
    text("license-file", "path of the license file (required)"),
    text("airgap-bundle", "path of the air-gap bundle to install"),
    text("config-values", "path of a ConfigValues manifest"),
    text("channel", "id or slug of the channel to install from, when the license has several"),
    text("app-version-label", "label of the version to install (default the newest)"),
    switch("skip-preflights", "skip preflights; strict ones still run and must pass"),
    switch("disable-image-push", "do not push images from the air-gap bundle"),
    switch("airgap", "the installation is air-gapped"),
    switch("exclude-admin-console", "accepted: the admin console is never installed"),
];

/// Flags of `kots airgap-update`, which is hidden, as in the original.
pub(super) const AIRGAP_UPDATE: [Flag; 3] = [
    text("airgap-bundle", "path of the air-gap bundle to update from (required)"),
    Flag { hidden: true, ..switch("from-api", "write progress for a browser to stdout") },
    Flag { hidden: true, ..text("task-id", "accepted and not used") },
];

/// Flags of `kots admin-console push-images`.
pub(super) const PUSH_IMAGES: [Flag; 3] = [
    switch("skip-registry-check", "accepted: access is always checked before anything is sent"),
    switch("skip-existing-images", "accepted: what the registry has is never sent again"),
    Flag { hidden: true, ..text("kotsadm-tag", "tag of the admin console's own images") },
];

/// Flags of `kots version`.
pub(super) const VERSION: [Flag; 1] =
    [Flag { short: Some('o'), default: "", ..text("output", "output format: json") }];

/// Flags of `kots license verify`.
pub(super) const VERIFY_LICENSE: [Flag; 2] = [
    ROOT_KEY,
    Flag { short: Some('o'), default: "text", ..text("output", "text or json (one document)") },
];

/// Ours: what `kots airgap …` prints and how.
pub(super) const AIRGAP: [Flag; 2] = [
    kube(Flag { default: "text", ..text("output", "text or json") }),
    kube(Flag { default: "auto", ..text("progress", "progress on stderr: auto, plain or none") }),
];

/// Flags of `kots airgap inspect`.
pub(super) const AIRGAP_INSPECT: [Flag; 1] = [kube(text(
    "state-dir",
    "folder where what a pass over a bundle found is kept (default the XDG state folder)",
))];

/// Flags of `kots airgap create`.
pub(super) const AIRGAP_CREATE: [Flag; 8] = [
    kube(text(
        "airgap-yaml",
        "airgap.yaml of the bundle (required); `format` and `savedImages` are filled in",
    )),
    kube(text("release", "folder with the files of the release (required)")),
    kube(text("images", "OCI image layout with the images, each with its whole name")),
    kube(switch(
        "pull",
        "read the images that airgap.yaml lists from the registries in their names",
    )),
    text("kotsadm-registry", "with --pull: read all of them from here: host[:port][/ns…]"),
    text("kotsadm-namespace", "namespace of the registry"),
    kube(Flag {
        default: "docker",
        ..text(
            "format",
            "how images are kept: docker (registry storage) or oci (not known to KOTS)",
        )
    }),
    OUT,
];

/// Flags of `kots airgap diff`.
pub(super) const AIRGAP_DIFF: [Flag; 1] = [OUT];

const OUT: Flag =
    kube(Flag { short: Some('o'), ..text("out", "path of the bundle to write (required)") });
