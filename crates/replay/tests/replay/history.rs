//! Histories are told in order.

use crate::support::{Archive, STORE};
use headroom_model::{Seq, Span, WorkloadId};
use headroom_replay::history::{history, render};

#[tokio::test]
async fn a_history_tells_everything_once_and_in_order() {
    let archive = Archive::of(&STORE);
    let workload: WorkloadId = "sim/w1".parse().unwrap();
    let rows = history(&archive.log, &workload, None, usize::MAX)
        .await
        .unwrap();
    assert!(rows.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    assert!(rows.iter().any(|row| row.event == "decided"));
    let newest = history(&archive.log, &workload, None, 3).await.unwrap();
    assert_eq!(newest, rows[rows.len() - 3..]);
    let since = rows[rows.len() / 2].at.plus(Span(1));
    let later = history(&archive.log, &workload, Some(since), usize::MAX)
        .await
        .unwrap();
    assert!(!later.is_empty() && later.len() < rows.len());
    assert!(later.iter().all(|row| row.at >= since && row.seq > Seq(1)));
}

#[tokio::test]
async fn a_history_reads_well() {
    let archive = Archive::of(&STORE);
    let workload: WorkloadId = "sim/w1".parse().unwrap();
    let rows = history(&archive.log, &workload, None, usize::MAX)
        .await
        .unwrap();
    insta::assert_snapshot!(render(&rows[..rows.len().min(40)]));
}
