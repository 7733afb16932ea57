use proptest::prelude::*;

use super::*;

/// One version: `SEQUENCE CHANNEL CURSOR LABEL [flags]`; flags: `r` required, `b` rollback allowed,
/// `d` pending download, `c` pending config, `f` failed, `s` failing strict preflight, `x` and `y`
/// two cluster configs.
fn version(text: &str) -> VersionFacts {
    let words: Vec<_> = text.split_whitespace().collect();
    let flags = words.get(4).copied().unwrap_or("");
    let has = |flag: char| flags.contains(flag);
    let status = match () {
        () if has('d') => VersionStatus::PendingDownload,
        () if has('c') => VersionStatus::PendingConfig,
        () if has('f') => VersionStatus::Failed,
        () => VersionStatus::Pending,
    };
    VersionFacts {
        sequence: words[0].parse().expect("a sequence"),
        release: ReleaseId {
            channel_id: words[1].into(),
            cursor: words[2].into(),
            version_label: words[3].into(),
        },
        is_required: has('r'),
        status,
        has_failing_strict_preflights: has('s'),
        allow_rollback: has('b'),
        cluster_config: flags.chars().find(|c| matches!(c, 'x' | 'y')).map(String::from),
    }
}

/// Whether version `target` of the lines may be deployed over `current`.
fn check(lines: &[&str], current: Option<i64>, target: i64, is_semver_required: bool) -> String {
    let mut all: Vec<_> = lines.iter().map(|line| version(line)).collect();
    newest_first(&mut all, is_semver_required);
    let find = |sequence: i64| all.iter().find(|v| v.sequence == sequence);
    let current = current.and_then(find);
    let target = find(target).expect("the target is one of the lines");
    match deployability(target, current, &all, is_semver_required) {
        Ok(()) => "ok".to_owned(),
        Err(reason) => reason.to_string(),
    }
}

const STRICT: &str = "Deployment is disabled as a strict analyzer in this version's preflight checks has failed or has not been run.";
const DOWNLOAD: &str = "Version is pending download.";
const CONFIG: &str = "Version is pending configuration.";
const NO_ROLLBACK: &str = "Rollback is not supported.";
const CLUSTER: &str = "Rollback is not supported, cluster configuration has changed.";
const NON_REVERSIBLE: &str =
    "One or more non-reversible versions have been deployed since this version.";

fn first(labels: &str) -> String {
    let labels: Vec<_> = labels.split(' ').map(str::to_owned).collect();
    must_be_first(&labels)
}

#[test]
fn states_come_before_everything() {
    let lines = ["0 c 1 1.0.0", "1 c 2 1.1.0 s", "2 c 3 1.2.0 d", "3 c 4 1.3.0 c"];
    for current in [None, Some(0)] {
        assert_eq!(check(&lines, current, 1, false), STRICT);
        assert_eq!(check(&lines, current, 2, false), DOWNLOAD);
        assert_eq!(check(&lines, current, 3, false), CONFIG);
    }
    assert_eq!(check(&["0 c 1 1.0.0 sd"], None, 0, false), STRICT);
}

#[test]
fn a_first_version_and_the_current_one_are_free() {
    let lines = ["0 c 1 1.0.0", "1 c 2 1.1.0 r", "2 c 3 1.2.0"];
    for semver in [false, true] {
        assert_eq!(check(&lines, None, 2, semver), "ok");
        assert_eq!(check(&lines, Some(1), 1, semver), "ok");
        assert_eq!(check(&lines, Some(2), 2, semver), "ok");
    }
}

#[test]
fn required_releases_between_come_first() {
    let lines = ["0 c 1 1.0.0", "1 c 2 1.1.0 r", "2 c 3 1.2.0 r", "3 c 4 1.3.0", "4 c 5 1.4.0 r"];
    for semver in [false, true] {
        assert_eq!(check(&lines, Some(0), 1, semver), "ok");
        assert_eq!(check(&lines, Some(0), 2, semver), first("1.1.0"));
        assert_eq!(check(&lines, Some(0), 3, semver), first("1.1.0 1.2.0"));
        assert_eq!(check(&lines, Some(0), 4, semver), first("1.1.0 1.2.0"));
        assert_eq!(check(&lines, Some(1), 3, semver), first("1.2.0"));
        assert_eq!(check(&lines, Some(2), 4, semver), "ok");
    }
    assert_eq!(
        check(&lines, Some(0), 3, false),
        "This version cannot be deployed because versions 1.1.0, 1.2.0 are required and must be deployed first."
    );
}

#[test]
fn versions_of_one_release_do_not_block_each_other() {
    // 1 and 2 are one required release with two configs, 3 and 4 another.
    let lines =
        ["0 c 1 1.0.0", "1 c 2 1.1.0 r", "2 c 2 1.1.0 r", "3 c 3 1.2.0 r", "4 c 3 1.2.0 rb"];
    for semver in [false, true] {
        assert_eq!(check(&lines, Some(0), 2, semver), "ok");
        assert_eq!(check(&lines, Some(1), 2, semver), "ok");
        assert_eq!(check(&lines, Some(0), 4, semver), first("1.1.0"));
        assert_eq!(check(&lines, Some(1), 3, semver), "ok");
        assert_eq!(check(&lines, Some(2), 1, semver), "ok");
        assert_eq!(check(&lines, Some(4), 3, semver), "ok");
        assert_eq!(check(&lines, Some(4), 2, semver), NON_REVERSIBLE);
    }
}

#[test]
fn going_back_must_be_allowed() {
    let lines = ["0 c 1 1.0.0 b", "1 c 2 1.1.0", "2 c 3 1.2.0 b"];
    assert_eq!(check(&lines, Some(2), 0, false), "ok");
    assert_eq!(check(&lines, Some(1), 0, false), "ok");
    let lines = ["0 c 1 1.0.0 b", "1 c 2 1.1.0 b", "2 c 3 1.2.0"];
    assert_eq!(check(&lines, Some(1), 0, false), NO_ROLLBACK);
    // The newest one that is downloaded decides.
    let lines = ["0 c 1 1.0.0", "1 c 2 1.1.0 b", "2 c 3 1.2.0 d"];
    assert_eq!(check(&lines, Some(1), 0, false), "ok");
    let lines = ["0 c 1 1.0.0 bx", "1 c 2 1.1.0 by"];
    assert_eq!(check(&lines, Some(1), 0, false), CLUSTER);
    let lines = ["0 c 1 1.0.0 bx", "1 c 2 1.1.0 bx"];
    assert_eq!(check(&lines, Some(1), 0, false), "ok");
}

#[test]
fn required_releases_are_not_gone_back_over() {
    let lines = ["0 c 1 1.0.0", "1 c 2 1.1.0 r", "2 c 3 1.2.0 b"];
    for semver in [false, true] {
        assert_eq!(check(&lines, Some(2), 0, semver), NON_REVERSIBLE);
        assert_eq!(check(&lines, Some(2), 1, semver), "ok");
        assert_eq!(check(&lines, Some(1), 0, semver), NON_REVERSIBLE);
    }
}

#[test]
fn a_failed_required_version_is_deployed_again_first() {
    let lines = ["0 c 1 1.0.0", "1 c 2 1.1.0 rf", "2 c 2 1.1.0 r", "3 c 3 1.2.0 b"];
    let failed = "Cannot deploy this version because required version 1.1.0 failed to deploy. Please retry deploying version 1.1.0 or check for new updates.";
    for semver in [false, true] {
        assert_eq!(check(&lines, Some(1), 1, semver), "ok");
        assert_eq!(check(&lines, Some(1), 2, semver), "ok");
        assert_eq!(check(&lines, Some(1), 3, semver), failed);
        assert_eq!(check(&lines, Some(1), 0, semver), failed);
    }
    let lines = ["0 c 1 1.0.0", "1 c 2 1.1.0 f", "2 c 3 1.2.0"];
    assert_eq!(check(&lines, Some(1), 2, false), "ok");
}

#[test]
fn another_channel_counts_only_with_versions() {
    let lines = ["0 c 5 1.0.0", "1 d 1 1.1.0 r", "2 d 2 1.2.0"];
    assert_eq!(check(&lines, Some(0), 2, false), "ok");
    assert_eq!(check(&lines, Some(0), 2, true), first("1.1.0"));
    // Without versions cursors order a channel, whatever the sequences are.
    let lines = ["0 c 1 1.0.0", "1 c 3 1.2.0", "2 c 2 1.1.0 r"];
    assert_eq!(check(&lines, Some(0), 1, false), first("1.1.0"));
    assert_eq!(check(&lines, Some(0), 1, true), first("1.1.0"));
    // One version under two cursors is one release where versions count.
    let lines = ["0 c 1 1.0.0", "1 c 2 1.1.0 r", "2 d 9 1.1.0"];
    assert_eq!(check(&lines, Some(0), 2, true), "ok");
}

/// Every rule and its place among the others: each case breaks the rule it names and all that come after it, so that
/// the order is what decides. Lines as for [`version`]; the last column is the sentence.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn the_table_of_rules_in_their_order() {
    const FAILED: &str = "Cannot deploy this version because required version 2.0.0 failed to deploy. Please retry deploying version 2.0.0 or check for new updates.";
    // Versions, current one, wanted one, whether labels order them, what is said.
    type Case<'a> = (&'a [&'a str], Option<i64>, i64, Option<bool>, &'a str);
    let first_2 = first("2.0.0");
    let cases: &[Case<'_>] = &[
        // Strict checks come before everything.
        (&["0 c 1 1.0.0 sdc"], None, 0, None, STRICT),
        (&["0 c 1 1.0.0 s"], Some(0), 0, None, STRICT),
        (&["0 c 1 1.0.0 s", "1 c 2 2.0.0 rf"], Some(1), 0, None, STRICT),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 r", "2 c 3 3.0.0 s"], Some(0), 2, None, STRICT),
        // Then the download, then the config.
        (&["0 c 1 1.0.0 d"], None, 0, None, DOWNLOAD),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 rd"], Some(0), 1, None, DOWNLOAD),
        (&["0 c 1 1.0.0 d", "1 c 2 2.0.0 rf"], Some(1), 0, None, DOWNLOAD),
        (&["0 c 1 1.0.0 c"], None, 0, None, CONFIG),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 c"], Some(0), 1, None, CONFIG),
        (&["0 c 1 1.0.0 c", "1 c 2 2.0.0 rf"], Some(1), 0, None, CONFIG),
        // A first version and the current one are free of all that follows.
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 r", "2 d 1 3.0.0 r"], None, 0, None, "ok"),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 r", "2 d 1 3.0.0 r"], None, 2, None, "ok"),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 rf"], Some(1), 1, None, "ok"),
        // A required version that failed comes before going back and before other required ones.
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 rf"], Some(1), 0, None, FAILED),
        (
            &["0 c 1 1.0.0", "1 c 2 2.0.0 rf", "2 c 3 3.0.0 r", "3 c 4 4.0.0"],
            Some(1),
            3,
            None,
            FAILED,
        ),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 rf", "2 d 1 9.0.0"], Some(1), 2, None, FAILED),
        // Not when it is not required, has not failed, or is the same release.
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 f", "2 c 3 3.0.0"], Some(1), 2, None, "ok"),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 r", "2 c 3 3.0.0"], Some(1), 2, None, "ok"),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 rf", "2 c 2 2.0.0 r"], Some(1), 2, None, "ok"),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 rf", "2 d 9 2.0.0 r"], Some(1), 2, Some(true), "ok"),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 rf", "2 d 9 2.0.0 r"], Some(1), 2, Some(false), FAILED),
        // Going back: allowed by the newest version, then the cluster, then required releases.
        (&["0 c 1 1.0.0 x", "1 c 2 2.0.0 ry"], Some(1), 0, None, NO_ROLLBACK),
        (&["0 c 1 1.0.0 bx", "1 c 2 2.0.0 by", "2 c 3 3.0.0 y"], Some(1), 0, None, NO_ROLLBACK),
        (&["0 c 1 1.0.0 x", "1 c 2 2.0.0 rby"], Some(1), 0, None, CLUSTER),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 rby"], Some(1), 0, None, CLUSTER),
        (&["0 c 1 1.0.0 x", "1 c 2 2.0.0 rbx"], Some(1), 0, None, NON_REVERSIBLE),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 r", "2 c 3 3.0.0 b"], Some(2), 0, None, NON_REVERSIBLE),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 r", "2 c 3 3.0.0 b"], Some(2), 1, None, "ok"),
        (&["0 c 1 1.0.0 r", "1 c 2 2.0.0", "2 c 3 3.0.0 b"], Some(2), 0, None, "ok"),
        // A version that is not downloaded has no say in it.
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 b", "2 c 3 3.0.0 d"], Some(1), 0, None, "ok"),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0", "2 c 3 3.0.0 bd"], Some(1), 0, None, NO_ROLLBACK),
        // Config and licence changes are versions too: going back to one is going back.
        (&["0 c 1 1.0.0", "1 c 1 1.0.0"], Some(1), 0, None, NO_ROLLBACK),
        (&["0 c 1 1.0.0", "1 c 1 1.0.0 b"], Some(1), 0, None, "ok"),
        (&["0 c 1 1.0.0 r", "1 c 1 1.0.0 rb"], Some(1), 0, None, "ok"),
        // Going on: required releases between come first, oldest first, each once.
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 r", "2 c 3 3.0.0"], Some(0), 2, None, &first_2),
        (
            &["0 c 1 1.0.0", "1 c 2 2.0.0 r", "2 c 2 2.0.0 r", "3 c 3 3.0.0"],
            Some(0),
            3,
            None,
            &first_2,
        ),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 r", "2 c 3 3.0.0"], Some(0), 1, None, "ok"),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 r", "2 c 3 3.0.0"], Some(1), 2, None, "ok"),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0", "2 c 3 3.0.0 r"], Some(0), 2, None, "ok"),
        (&["0 c 1 1.0.0 r", "1 c 2 2.0.0", "2 c 3 3.0.0"], Some(0), 2, None, "ok"),
        (&["0 c 1 1.0.0 r", "1 c 1 1.0.0 r", "2 c 3 3.0.0"], Some(0), 2, None, "ok"),
        // Required ones of another channel count only where labels order.
        (&["0 c 1 1.0.0", "1 d 1 2.0.0 r", "2 c 3 3.0.0"], Some(0), 2, Some(false), "ok"),
        (&["0 c 1 1.0.0", "1 d 1 2.0.0 r", "2 c 3 3.0.0"], Some(0), 2, Some(true), &first_2),
        (&["0 d 1 1.0.0", "1 c 2 2.0.0 r", "2 c 3 3.0.0"], Some(0), 2, Some(false), "ok"),
        (&["0 d 1 1.0.0", "1 c 2 2.0.0 r", "2 c 3 3.0.0"], Some(0), 2, Some(true), &first_2),
        // Labels that are no versions: cursors within the channel.
        (&["0 c 1 one", "1 c 2 2.0.0 r", "2 c 3 three"], Some(0), 2, Some(false), &first_2),
        // A version with an older label that came later is older where labels order.
        (&["0 c 1 3.0.0", "1 c 2 2.0.0"], Some(0), 1, Some(true), NO_ROLLBACK),
        (&["0 c 1 3.0.0", "1 c 2 2.0.0"], Some(0), 1, Some(false), "ok"),
        (&["0 c 1 3.0.0 b", "1 c 2 2.0.0 r"], Some(0), 1, Some(true), "ok"),
        (&["0 c 1 3.0.0 rb", "1 c 2 2.0.0"], Some(0), 1, Some(true), NON_REVERSIBLE),
        (&["0 c 1 1.0.0 rf"], Some(0), 0, None, "ok"),
        // What the wanted version itself says of going back has no say in it.
        (&["0 c 1 1.0.0 b", "1 c 2 2.0.0"], Some(1), 0, None, NO_ROLLBACK),
        (&["0 c 1 1.0.0 s", "1 c 2 2.0.0 b"], Some(1), 0, None, STRICT),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 rfb", "2 c 2 2.0.0 rb"], Some(1), 0, None, FAILED),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 rb", "2 c 2 2.0.0 rb"], Some(2), 1, None, "ok"),
        // Going back to a version of the current release is not going back over it.
        (&["0 c 1 1.0.0 x", "1 c 1 1.0.0 rbx"], Some(1), 0, None, "ok"),
        (&["0 c 1 1.0.0 x", "1 c 1 1.0.0 by"], Some(1), 0, None, CLUSTER),
        // Pending, deploying, deployed and failed versions are judged alike when they are not current.
        (&["0 c 1 1.0.0 f", "1 c 2 2.0.0 b"], Some(1), 0, None, "ok"),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 f"], Some(0), 1, None, "ok"),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 rf", "2 c 3 3.0.0"], Some(0), 2, None, &first_2),
        // A required release that waits for its download or config is asked for all the same.
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 rd", "2 c 3 3.0.0"], Some(0), 2, None, &first_2),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 rc", "2 c 3 3.0.0"], Some(0), 2, None, &first_2),
        // The other channel's newest version decides on going back too.
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 b", "2 d 1 3.0.0"], Some(1), 0, None, NO_ROLLBACK),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0", "2 d 1 3.0.0 b"], Some(1), 0, None, "ok"),
        // From another channel back: allowed or not, but no required release is in between.
        (&["0 c 1 1.0.0", "1 d 2 2.0.0 rb"], Some(1), 0, Some(false), "ok"),
        (&["0 c 1 1.0.0", "1 d 2 2.0.0 rb"], Some(1), 0, Some(true), NON_REVERSIBLE),
        (&["0 c 1 1.0.0", "1 d 2 2.0.0 r"], Some(1), 0, None, NO_ROLLBACK),
        // The cursor orders numbers, not texts.
        (&["0 c 9 9.0.0", "1 c 10 10.0.0 r", "2 c 11 11.0.0"], Some(0), 2, None, &first("10.0.0")),
        // A pre-release comes before its release.
        (
            &["0 c 1 1.0.0", "1 c 2 2.0.0-rc.1 r", "2 c 3 2.0.0"],
            Some(0),
            2,
            None,
            &first("2.0.0-rc.1"),
        ),
        // Build metadata does not tell releases apart where labels order.
        (&["0 c 1 1.0.0", "1 c 2 2.0.0+a r", "2 d 9 2.0.0+b"], Some(0), 2, Some(true), "ok"),
        // A label that is no version is ordered by when it came.
        (&["0 c 1 1.0.0", "1 c 2 main r", "2 c 3 3.0.0"], Some(0), 2, None, &first("main")),
        // Two required ones of which one is deployed: the other is left.
        (
            &["0 c 1 1.0.0", "1 c 2 2.0.0 r", "2 c 3 3.0.0 r", "3 c 4 4.0.0"],
            Some(1),
            3,
            None,
            &first("3.0.0"),
        ),
        (&["0 c 1 1.0.0", "1 c 2 2.0.0 r", "2 c 3 3.0.0 r", "3 c 4 4.0.0"], Some(2), 3, None, "ok"),
        (
            &["0 c 1 1.0.0", "1 c 2 2.0.0 r", "2 c 3 3.0.0 r", "3 c 4 4.0.0"],
            Some(0),
            3,
            None,
            &first("2.0.0 3.0.0"),
        ),
    ];
    // As many as the original's own table has, or more.
    assert!(72 <= cases.len(), "{}", cases.len());
    for (lines, current, target, semver, expected) in cases {
        for is_semver_required in semver.map_or(vec![false, true], |it| vec![it]) {
            let found = check(lines, *current, *target, is_semver_required);
            assert_eq!(
                &found, expected,
                "{lines:?}: {target} over {current:?}, {is_semver_required}"
            );
        }
    }
}

#[test]
fn versions_are_sorted_newest_first() {
    let order = |lines: &[&str], semver| {
        let mut all: Vec<_> = lines.iter().map(|line| version(line)).collect();
        newest_first(&mut all, semver);
        all.iter().map(|v| v.sequence.to_string()).collect::<Vec<_>>().join(" ")
    };
    let lines = ["0 c 1 1.0.0", "1 c 3 1.2.0", "2 c 2 1.1.0", "3 c 4 main", "4 c 4 1.1.0"];
    assert_eq!(order(&lines, false), "4 3 2 1 0");
    assert_eq!(order(&lines, true), "1 3 4 2 0");
}

#[test]
fn words_of_states_are_read_back() {
    for (status, word) in VersionStatus::WORDS {
        assert_eq!((VersionStatus::from_word(word), status.as_str()), (status, word));
    }
    assert_eq!(VersionStatus::from_word("x"), VersionStatus::Unknown);
}

/// A channel whose releases have cursors and labels in the order they came.
fn any_channel() -> impl Strategy<Value = Vec<VersionFacts>> {
    let version = any::<[bool; 2]>();
    proptest::collection::vec(version, 2..10).prop_map(|flags| {
        let facts = |(at, [is_required, has_failed]): (usize, [bool; 2])| VersionFacts {
            sequence: i64::try_from(at).unwrap_or_default(),
            release: ReleaseId {
                channel_id: "c".into(),
                cursor: (at + 1).to_string(),
                version_label: format!("1.{at}.0"),
            },
            is_required,
            status: if has_failed { VersionStatus::Failed } else { VersionStatus::Pending },
            ..VersionFacts::default()
        };
        flags.into_iter().enumerate().map(facts).collect()
    })
}

fn any_version() -> impl Strategy<Value = VersionFacts> {
    ("c|d", 0..6_i64, 0..6_u32, any::<[bool; 3]>()).prop_map(
        |(channel_id, cursor, minor, [is_required, allow_rollback, is_pending])| VersionFacts {
            release: ReleaseId {
                channel_id,
                cursor: cursor.to_string(),
                version_label: format!("1.{minor}.0"),
            },
            is_required,
            allow_rollback,
            status: if is_pending { VersionStatus::Pending } else { VersionStatus::Deployed },
            ..VersionFacts::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_versions_obey_the_rules(
        mut all in proptest::collection::vec(any_version(), 1..8),
        current in any::<proptest::sample::Index>(),
        is_semver_required in any::<bool>(),
    ) {
        for (sequence, version) in all.iter_mut().enumerate() {
            version.sequence = i64::try_from(sequence).unwrap_or_default();
        }
        let current = current.get(&all).clone();
        newest_first(&mut all, is_semver_required);
        for version in &all {
            let judged = deployability(version, Some(&current), &all, is_semver_required);
            prop_assert_eq!(deployability(version, None, &all, is_semver_required), Ok(()));
            if version.sequence == current.sequence {
                prop_assert_eq!(&judged, &Ok(()));
            }
            // Without required releases only going back can be refused.
            if all.iter().all(|v| !v.is_required && v.allow_rollback) {
                prop_assert_eq!(&judged, &Ok(()));
            }
            // Only releases that are required, and neither end, can be asked for.
            if let Err(NotDeployable::RequiredFirst { labels }) = &judged {
                for label in labels {
                    let is_asked = |v: &VersionFacts| {
                        v.is_required && &v.release.version_label == label
                    };
                    let is_known = all.iter().any(is_asked);
                    prop_assert!(is_known);
                }
            }
        }
    }

    /// What is asked for can be done: deploying the required releases in the order they are told in
    /// leads to the version that was wanted, and nothing else is asked for on the way.
    #[test]
    fn the_way_that_is_told_leads_there(
        mut all in any_channel(),
        ends in any::<[proptest::sample::Index; 2]>(),
        is_semver_required in any::<bool>(),
    ) {
        let [from, to] = ends.map(|it| it.get(&all).sequence);
        newest_first(&mut all, is_semver_required);
        let find = |sequence: i64| all.iter().find(|v| v.sequence == sequence).cloned();
        let (mut current, target) = (find(from).expect("one of them"), find(to).expect("one of them"));
        // It is deployed, and so is every one on the way.
        current.status = VersionStatus::Deployed;
        let judge = |current: &VersionFacts, version: &VersionFacts| {
            deployability(version, Some(current), &all, is_semver_required)
        };
        if let Err(NotDeployable::RequiredFirst { labels }) = judge(&current, &target) {
            for (at, label) in labels.iter().enumerate() {
                let left = labels[at..].to_vec();
                prop_assert_eq!(judge(&current, &target), Err(NotDeployable::RequiredFirst { labels: left }));
                let next = all.iter().find(|v| v.release.version_label == *label).cloned();
                let mut next = next.expect("a version of that label");
                prop_assert_eq!(judge(&current, &next), Ok(()));
                next.status = VersionStatus::Deployed;
                current = next;
            }
            prop_assert_eq!(judge(&current, &target), Ok(()));
        } else if from <= to {
            prop_assert_eq!(judge(&current, &target), Ok(()));
        } else {
            // Nobody allows going back here.
            prop_assert_eq!(judge(&current, &target), Err(NotDeployable::NoRollback));
        }
    }

    /// A further required release takes nothing away: what was refused stays refused.
    #[test]
    fn more_required_releases_never_allow_more(
        mut all in proptest::collection::vec(any_version(), 2..8),
        ends in any::<[proptest::sample::Index; 3]>(),
        is_semver_required in any::<bool>(),
    ) {
        for (sequence, version) in all.iter_mut().enumerate() {
            version.sequence = i64::try_from(sequence).unwrap_or_default();
        }
        let [from, to, more] = ends.map(|it| it.get(&all).sequence);
        newest_first(&mut all, is_semver_required);
        let judge = |all: &[VersionFacts]| {
            let find = |sequence: i64| all.iter().find(|v| v.sequence == sequence);
            let target = find(to).expect("one of them");
            deployability(target, find(from), all, is_semver_required)
        };
        let before = judge(&all);
        for version in all.iter_mut().filter(|v| v.sequence == more) {
            version.is_required = true;
        }
        // The target's own release is never in its own way.
        if before.is_err() {
            prop_assert!(judge(&all).is_err());
        }
    }
}
