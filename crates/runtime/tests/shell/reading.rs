//! What is counted of what is read.

use crate::stage::{Stage, applied, fact, until};
use crate::target::Workers;
use headroom_model::Seq;
use headroom_runtime::hands::HandsOptions;
use headroom_targets::Guarantee;
use std::time::Duration;

const UNREADABLE: &str = "headroom_unreadable_events_total{";
const OUTPUTS: &str = "headroom_outputs_total{";
const DECISIONS: &str = "headroom_decisions_total{";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_machine_cannot_read_is_counted_live_and_at_the_next_start() {
    let stage = Stage::new(Workers::quick(Guarantee::IdempotentSet));
    let mut planner = stage.planner("planner");
    stage.want(3).await;
    let mut later = fact(applied(serde_json::json!({})));
    later.envelope.version += 1;
    stage.append(later).await;
    let mut broken = fact(applied(serde_json::json!({})));
    broken.body.truncate(3);
    stage.append(broken).await;
    let of_another_build = serde_json::json!({ "apiVersion": "headroom.dev/v9" });
    stage.append(fact(applied(of_another_build))).await;
    for life in ["live", "folding"] {
        until(life, async || planner.counted(UNREADABLE) >= 3.0).await;
        assert_eq!(planner.counted(UNREADABLE), 3.0, "{life}");
        // There is no checkpoint, so the next one folds everything.
        planner = stage.planner(life);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_instance_at_work_counts_what_it_has_decided() {
    let stage = Stage::new(Workers::quick(Guarantee::IdempotentSet));
    let _actuator = stage.actuator(&HandsOptions::default(), Duration::from_secs(3600));
    let first = stage.planner("first");
    stage.want(3).await;
    until("the first decides", async || first.counted(OUTPUTS) >= 1.0).await;
    let second = stage.planner("second");
    let position = async || {
        stage
            .entries()
            .await
            .last()
            .map_or(Seq::ZERO, |entry| entry.seq())
    };
    stage.want(4).await;
    until("the first decides again", async || {
        first.counted(OUTPUTS) >= 2.0
    })
    .await;
    let decided = position().await;
    until("the second has read that", async || {
        second.counted("headroom_log_sequence{") >= decided.0 as f64
    })
    .await;
    assert_eq!(second.counted(OUTPUTS), 0.0);
    assert_eq!(second.counted(DECISIONS), 0.0);
    assert!(first.counted(DECISIONS) >= 2.0);
}
