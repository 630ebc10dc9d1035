//! Command targets, with real programs.

use crate::pool::{lives, name, order, until};
use headroom_model::{Generation, Replicas};
use headroom_targets::{
    Guarantee, Target as _, TargetError,
    command::{CommandSettings, CommandTarget},
};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// The target `shop/web` whose program is this shell script; `$0` and following are `args`.
fn script(text: &str, args: &[&str], changes: &Value) -> CommandTarget {
    let mut all = vec!["-c", text];
    all.extend(args);
    let mut settings = json!({
        "namespace": "shop", "name": "web", "program": "sh", "args": all, "initial_replicas": 1,
    });
    for (key, value) in changes.as_object().expect("changes are an object") {
        settings[key] = value.clone();
    }
    let settings: CommandSettings =
        serde_json::from_value(settings).expect("the settings of a test are right");
    CommandTarget::new(&settings).expect("the settings of a test are right")
}

fn reading(text: &str) -> CommandTarget {
    script(
        "exit 0",
        &[],
        &json!({"read": {"program": "sh", "args": ["-c", text, "{namespace}", "{name}"]}}),
    )
}

#[tokio::test]
async fn the_program_is_told_everything() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let text = r#"echo "$0 $1 $2 $3 $4 $5 $6 $7" > "$OUT"
        echo "$HEADROOM_REPLICAS $HEADROOM_GENERATION $HEADROOM_LOG_ID $HEADROOM_FROM $HEADROOM_WORKLOAD $HEADROOM_ATTEMPT $HEADROOM_IDEMPOTENCY_KEY $PWD" >> "$OUT""#;
    let args = [
        "{replicas}",
        "{generation}",
        "{from}",
        "{namespace}",
        "{name}",
        "{key}",
        "{attempt}",
        "{log}",
    ];
    let target = script(
        text,
        &args,
        &json!({"env": {"OUT": out}, "working_directory": "/"}),
    )
    .of_log(Some("L1"));
    let order = order(7, 3);
    let found = target.set(&order).await.unwrap();
    assert_eq!(
        (found.replicas, found.ready, found.generation),
        (Replicas(3), None, Some(Generation(7)))
    );
    let key = order.key;
    assert_eq!(
        fs::read_to_string(&out).unwrap(),
        format!("3 7 1 shop web {key} 1 L1\n3 7 L1 1 shop/web 1 {key} /\n")
    );
}

#[tokio::test]
async fn the_exit_code_says_what_became_of_the_order() {
    let cases = [
        // name                                     script          changes                                retryable
        ("a plain failure lasts", "exit 1", json!({}), Some(false)),
        ("not now", "exit 75", json!({}), Some(true)),
        (
            "codes of the user's choice",
            "exit 4",
            json!({"retry_exit_codes": [2, 4]}),
            Some(true),
        ),
        (
            "those replace the usual one",
            "exit 75",
            json!({"retry_exit_codes": [2, 4]}),
            Some(false),
        ),
        ("an older generation", "exit 116", json!({}), None),
        (
            "killed, and may not be repeated",
            "kill -9 $$",
            json!({}),
            Some(false),
        ),
        (
            "killed, and may be repeated",
            "kill -9 $$",
            json!({"idempotent": true}),
            Some(true),
        ),
    ];
    for (case, text, changes, retryable) in cases {
        let error = script(text, &[], &changes)
            .set(&order(7, 3))
            .await
            .unwrap_err();
        match retryable {
            Some(retryable) => {
                assert!(
                    matches!(error, TargetError::Failed { .. }),
                    "{case}: {error}"
                );
                assert_eq!(error.is_retryable(), retryable, "{case}: {error}");
            }
            None => assert!(
                matches!(error, TargetError::OlderGeneration { known: None, .. }),
                "{case}: {error}"
            ),
        }
    }
}

#[tokio::test]
async fn an_error_shows_what_was_printed() {
    let cases = [
        (
            "errors first",
            "echo out; echo 'host db-1 is down' >&2; exit 3",
            "sh ended with exit code 3; it printed: host db-1 is down",
        ),
        (
            "output where there are no errors",
            "echo a; echo b; exit 3",
            "sh ended with exit code 3; it printed: a | b",
        ),
        (
            "nothing",
            "exit 3",
            "sh ended with exit code 3; it printed nothing",
        ),
        (
            "a signal",
            "kill -15 $$",
            "sh was killed by signal 15; it printed nothing",
        ),
    ];
    for (case, text, want) in cases {
        let error = script(text, &[], &json!({}))
            .set(&order(7, 3))
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("target shop/web: {want}"),
            "{case}"
        );
    }
}

#[tokio::test]
async fn output_without_end_is_taken_in_and_cut() {
    let text = "head -c 5000000 /dev/zero | tr '\\0' x; head -c 5000000 /dev/zero | tr '\\0' y >&2; echo end >&2; exit 1";
    let error = script(text, &[], &json!({}))
        .set(&order(7, 3))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("yend") || error.ends_with("| end"),
        "{}",
        &error[error.len() - 20..]
    );
    assert!(error.len() < 1200, "{}", error.len());
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_killed_with_all_it_started() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("pids");
    let text = r#"echo "begun"; sleep 1000 & echo $! >> "$OUT"; (sleep 1000 & echo $! >> "$OUT"; wait) & echo $$ >> "$OUT"; wait"#;
    let target = script(
        text,
        &[],
        &json!({"env": {"OUT": out}, "timeout_seconds": 1}),
    );
    let error = target.set(&order(7, 3)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "target shop/web: sh did not end within 1s and was killed; it printed: begun"
    );
    assert!(matches!(error, TargetError::TimedOut { .. }) && error.is_retryable());
    all_end(&out, 3).await;

    let mute = script(
        "exec >&- 2>&-; sleep 1000",
        &[],
        &json!({"timeout_seconds": 1}),
    );
    let error = mute.set(&order(7, 3)).await.unwrap_err();
    assert!(error.to_string().ends_with("it printed nothing"), "{error}");
}

#[tokio::test]
async fn a_dropped_order_takes_the_program_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("pids");
    let text = r#"sleep 1000 & echo $! >> "$OUT"; echo $$ >> "$OUT"; wait"#;
    let target = script(text, &[], &json!({"env": {"OUT": out}}));
    let dropped = tokio::spawn(async move { target.set(&order(7, 3)).await });
    until("the program runs", async || pids(&out).len() == 2).await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    all_end(&out, 2).await;
}

#[tokio::test]
async fn what_a_program_leaves_behind_on_purpose_is_left_alone_and_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("pids");
    let target = script(
        r#"sleep 1000 & echo $! >> "$OUT"; exit 0"#,
        &[],
        &json!({"env": {"OUT": out}}),
    );
    target.set(&order(7, 3)).await.unwrap();
    let [pid] = pids(&out)[..] else {
        panic!("one process")
    };
    assert!(lives(pid));
    crate::pool::kill(pid);
}

#[tokio::test]
async fn an_order_older_than_one_begun_here_starts_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let target = script(
        r#"echo "$0" >> "$OUT"; [ "$0" != 8 ]"#,
        &["{generation}"],
        &json!({"env": {"OUT": out}}),
    );
    target.set(&order(7, 3)).await.unwrap();
    target.set(&order(8, 3)).await.unwrap_err();
    let error = target.set(&order(7, 3)).await.unwrap_err();
    assert!(
        matches!(
            error,
            TargetError::OlderGeneration {
                known: Some(Generation(8)),
                ..
            }
        ),
        "{error}"
    );
    target.set(&order(9, 3)).await.unwrap();
    assert_eq!(fs::read_to_string(&out).unwrap(), "7\n8\n9\n");
}

#[tokio::test]
async fn orders_of_one_target_do_not_overlap() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let target = script(
        r#"echo in >> "$OUT"; sleep 0.05; echo out >> "$OUT""#,
        &[],
        &json!({"env": {"OUT": out}}),
    );
    let orders = [order(7, 3), order(7, 3), order(7, 3)];
    futures::future::join_all(orders.iter().map(|order| target.set(order))).await;
    assert_eq!(
        fs::read_to_string(&out).unwrap(),
        "in\nout\nin\nout\nin\nout\n"
    );
}

#[tokio::test]
async fn what_cannot_be_started_is_an_error_with_a_mend() {
    for program in ["/nowhere/scale", "headroom-no-such-program", "/"] {
        let target = script("", &[], &json!({"program": program}));
        let error = target.set(&order(7, 3)).await.unwrap_err();
        let want = format!(
            "target shop/web: {program} could not be started; see that it is there and executable, and its working_directory too"
        );
        assert_eq!(error.to_string(), want);
        assert!(!error.is_retryable(), "{program}: someone has to act first");
    }
}

#[tokio::test]
async fn the_count_is_read_from_what_a_program_prints() {
    let found = reading("echo 3; echo 'a warning' >&2")
        .read(&name())
        .await
        .unwrap();
    assert_eq!(
        (found.replicas.0, found.ready, found.generation),
        (3, None, None)
    );
    let found = reading(r#"echo '{"replicas": 3, "ready": 2, "generation": 7}'"#)
        .read(&name())
        .await
        .unwrap();
    assert_eq!(
        (found.replicas.0, found.ready, found.generation),
        (3, Some(Replicas(2)), Some(Generation(7)))
    );
    let found = reading(r#"[ "$0/$1/$HEADROOM_WORKLOAD" = shop/web/shop/web ] && echo 5"#)
        .read(&name())
        .await
        .unwrap();
    assert_eq!(found.replicas.0, 5);
}

#[tokio::test]
async fn a_failed_read_is_never_a_count() {
    let cases = [
        (
            "a failure",
            "echo 3; exit 1",
            "ended with exit code 1; it printed: 3",
            true,
        ),
        (
            "nothing printed",
            "exit 0",
            r#"printed "" (not a count"#,
            false,
        ),
        (
            "words",
            "echo many",
            r#"printed "many" (not a count"#,
            false,
        ),
    ];
    for (case, text, want, retryable) in cases {
        let error = reading(text).read(&name()).await.unwrap_err();
        assert!(error.to_string().contains(want), "{case}: {error}");
        assert_eq!(error.is_retryable(), retryable, "{case}");
    }
    let blind = script("exit 0", &[], &json!({}));
    let error = blind.read(&name()).await.unwrap_err();
    assert!(matches!(error, TargetError::Unsupported { .. }), "{error}");
    assert_eq!(blind.initial(), Some(Replicas(1)));
}

#[tokio::test]
async fn the_guarantee_is_what_the_user_says() {
    let cases = [
        (true, Guarantee::IdempotentSet),
        (false, Guarantee::AtLeastOnce),
    ];
    for (idempotent, want) in cases {
        assert_eq!(
            script("", &[], &json!({"idempotent": idempotent})).guarantee(),
            want
        );
    }
    assert_eq!(
        script("", &[], &json!({})).guarantee(),
        Guarantee::AtLeastOnce,
        "the cautious one unless said"
    );
}

fn pids(path: &Path) -> Vec<i32> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

async fn all_end(path: &Path, count: usize) {
    assert_eq!(pids(path).len(), count);
    until("all have ended", async || {
        !pids(path).into_iter().any(lives)
    })
    .await;
}
