//! The life of a pool, with real processes.

use crate::pool::{Pool, kill, lives, name, order, until};
use headroom_model::{Generation, Replicas};
use headroom_targets::{Found, Guarantee, Target as _, TargetError};
use serde_json::json;
use std::{
    fs,
    process::{Child, Command},
    time::Duration,
};

#[tokio::test]
async fn a_pool_that_nobody_ordered_is_empty() {
    let pool = Pool::new(&json!({}));
    let found = pool.driver().read(&name()).await.unwrap();
    assert_eq!(
        (
            found.replicas.0,
            found.ready.map(|ready| ready.0),
            found.generation
        ),
        (0, Some(0), None)
    );
    assert!(!pool.path().exists(), "reading makes no directory");
    assert_eq!(pool.driver().guarantee(), Guarantee::CompareAndSet);
}

#[tokio::test]
async fn the_newest_leave_and_the_others_are_left_alone() {
    let pool = Pool::new(&json!({}));
    let found = pool.set(1, 3).await.unwrap();
    assert_eq!(
        (found.replicas.0, found.generation),
        (3, Some(Generation(1)))
    );
    let three = pool.children();
    assert_eq!(three.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);

    assert_eq!(pool.set(2, 1).await.unwrap().replicas.0, 1);
    assert_eq!(
        pool.children(),
        [(0, three[&0])].into(),
        "the oldest one stays"
    );
    assert!(!lives(three[&1]) && !lives(three[&2]));

    assert_eq!(pool.set(3, 2).await.unwrap().replicas.0, 2);
    assert_eq!(pool.children()[&0], three[&0]);
    assert_eq!(pool.read().await, (2, 2));
    assert_eq!(pool.listed(), pool.children());

    assert_eq!(pool.set(4, 0).await.unwrap().replicas.0, 0);
    assert!(pool.processes().is_empty());
}

#[tokio::test]
async fn the_same_order_twice_is_the_same_as_once() {
    let pool = Pool::new(&json!({}));
    pool.set(7, 2).await.unwrap();
    let before = pool.children();
    assert_eq!(pool.set(7, 2).await.unwrap().replicas.0, 2);
    assert_eq!(pool.children(), before);
}

#[tokio::test]
async fn an_older_order_changes_nothing() {
    let pool = Pool::new(&json!({}));
    pool.set(7, 2).await.unwrap();
    let before = pool.children();
    let error = pool.set(6, 5).await.unwrap_err();
    assert!(
        matches!(
            error,
            TargetError::OlderGeneration {
                known: Some(Generation(7)),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(
        error.to_string(),
        "target shop/web: the order of generation 6 is older than generation 7, which came before; nothing was changed"
    );
    assert!(!error.is_retryable());
    assert_eq!(pool.children(), before);
}

/// What a driver of the plans of a log does with an order.
async fn set_by(pool: &Pool, log: &str, generation: u64, to: u32) -> Result<Found, TargetError> {
    let driver = pool.driver().of_log(Some(log));
    driver.set(&order(generation, to)).await
}

#[tokio::test]
async fn a_new_log_takes_a_pool_over_whose_generations_are_those_of_another() {
    let pool = Pool::new(&json!({}));
    set_by(&pool, "old", 900, 3).await.unwrap();
    let before = pool.children();
    let driver = pool.driver().of_log(Some("new"));
    let found = driver.read(&name()).await.unwrap();
    assert_eq!((found.replicas, found.generation), (Replicas(3), None));

    let found = set_by(&pool, "new", 5, 2).await.unwrap();
    assert_eq!(found.generation, Some(Generation(5)));
    let after = pool.children();
    assert_eq!(
        (after.get(&0), after.get(&1)),
        (before.get(&0), before.get(&1))
    );
    assert_eq!(after.len(), 2, "the children run on, and one has left");

    let older = set_by(&pool, "new", 4, 1).await;
    assert!(
        matches!(older, Err(TargetError::OlderGeneration { .. })),
        "{older:?}"
    );
    let nameless = pool.set(4, 1).await;
    assert!(
        matches!(nameless, Err(TargetError::OlderGeneration { .. })),
        "{nameless:?}"
    );
    pool.set(6, 1).await.unwrap();
    assert_eq!(
        pool.file()["log"],
        json!("new"),
        "an order without a log leaves it"
    );
}

#[tokio::test]
async fn a_pool_that_names_no_log_is_believed_to_be_of_this_one() {
    let pool = Pool::new(&json!({}));
    pool.set(7, 1).await.unwrap();
    pool.change_file(|file| {
        file["version"] = json!(1);
        file.as_object_mut().unwrap().remove("log");
    });
    let older = set_by(&pool, "ours", 6, 2).await;
    assert!(
        matches!(older, Err(TargetError::OlderGeneration { .. })),
        "{older:?}"
    );
    set_by(&pool, "ours", 8, 2).await.unwrap();
    assert_eq!(pool.file()["log"], json!("ours"));
}

#[tokio::test]
async fn orders_that_cannot_be_right_are_refused() {
    let pool = Pool::new(&json!({"replica_limit": 3}));
    pool.set(7, 2).await.unwrap();
    let cases = [
        (
            "another count under the same generation",
            7,
            3,
            "generation 7 was ordered before with 2 replicas, now with 3",
        ),
        (
            "more than the limit",
            8,
            4,
            "4 replicas are more than its replica_limit 3 in headroom.yaml",
        ),
    ];
    for (name, generation, to, want) in cases {
        let error = pool.set(generation, to).await.unwrap_err();
        assert!(error.to_string().contains(want), "{name}: {error}");
        assert!(!error.is_retryable(), "{name}");
        assert_eq!(pool.children().len(), 2, "{name}");
    }
}

#[tokio::test]
async fn a_dead_child_is_missed_and_replaced_by_the_same_order() {
    let pool = Pool::new(&json!({"args": ["-c", "exec sleep 1000 # {port}"], "program": "sh"}));
    pool.set(1, 3).await.unwrap();
    let before = pool.children();
    kill(before[&1]);
    until("the dead child is missed", async || {
        pool.read().await == (2, 2)
    })
    .await;
    let listening = pool.endpoints();
    assert_eq!(
        listening.keys().collect::<Vec<_>>(),
        ["web-0", "web-2"],
        "nobody is sent to a dead child"
    );

    assert_eq!(pool.set(1, 3).await.unwrap().replicas.0, 3);
    let after = pool.children();
    assert_eq!((after[&0], after[&2]), (before[&0], before[&2]));
    assert_ne!(after[&1], before[&1]);
    assert_eq!(pool.endpoints().len(), 3);
}

#[tokio::test]
async fn children_are_found_again_when_the_pool_file_is_lost() {
    let pool = Pool::new(&json!({}));
    pool.set(1, 3).await.unwrap();
    let before = pool.children();
    fs::remove_file(pool.path().join("pool.json")).unwrap();
    assert_eq!(pool.read().await, (3, 3));
    pool.set(2, 4).await.unwrap();
    let after = pool.children();
    assert_eq!(after.len(), 4);
    assert!(
        before
            .iter()
            .all(|(number, pid)| after.get(number) == Some(pid))
    );
}

#[tokio::test]
async fn a_damaged_pool_file_is_never_read_as_an_empty_pool() {
    let pool = Pool::new(&json!({}));
    pool.set(1, 1).await.unwrap();
    let cases = [
        ("cut off", r#"{"version": 2, "gen"#, "is damaged"),
        (
            "of a later build",
            &pool
                .file()
                .to_string()
                .replace("\"version\":2", "\"version\":3"),
            "has version 3",
        ),
    ];
    for (case, text, want) in cases {
        fs::write(pool.path().join("pool.json"), text).unwrap();
        let error = pool.driver().read(&name()).await.unwrap_err();
        assert!(error.to_string().contains(want), "{case}: {error}");
        assert!(pool.set(2, 0).await.is_err(), "{case}");
        assert_eq!(pool.children().len(), 1, "{case}");
    }
}

#[tokio::test]
async fn a_stranger_with_the_id_of_a_child_is_neither_counted_nor_killed() {
    let pool = Pool::new(&json!({}));
    pool.set(1, 1).await.unwrap();
    // Start times are counted in ticks of 10 ms; no process id comes round within one.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut stranger = Stranger::new();
    kill(pool.children()[&0]);
    pool.change_file(|file| file["children"][0]["process"]["pid"] = json!(stranger.0.id()));
    assert_eq!(pool.read().await, (0, 0));
    pool.set(2, 0).await.unwrap();
    assert!(stranger.lives());
}

#[tokio::test]
async fn after_a_boot_even_a_process_with_the_same_id_and_start_is_a_stranger() {
    let pool = Pool::new(&json!({}));
    pool.set(1, 1).await.unwrap();
    let child = pool.children()[&0];
    pool.change_file(|file| file["boot"] = json!("another boot"));
    assert_eq!(pool.read().await, (0, 0));
    assert!(lives(child));
}

/// A process that belongs to no pool.
struct Stranger(Child);

impl Stranger {
    fn new() -> Self {
        let child = Command::new("sleep").arg("1000").spawn();
        Self(child.expect("sleep can be started"))
    }

    fn lives(&mut self) -> bool {
        self.0
            .try_wait()
            .expect("a child can be waited for")
            .is_none()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        // It may have been killed: that is what the test is about.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn of_drivers_that_order_at_the_same_time_the_newest_order_stands() {
    let pool = Pool::new(&json!({}));
    for round in 0..5_u64 {
        let orders = (1..=8_u64).map(|step| {
            let generation = round * 8 + (step * 5) % 8 + 1;
            let (driver, to) = (pool.driver(), u32::try_from(generation * 7 % 5).unwrap());
            async move { (generation, driver.set(&order(generation, to)).await) }
        });
        for (generation, result) in futures::future::join_all(orders).await {
            match result {
                Ok(_) | Err(TargetError::OlderGeneration { .. }) => {}
                Err(error) => panic!("generation {generation}: {error}"),
            }
        }
        let newest = round * 8 + 8;
        assert_eq!(pool.file()["generation"], json!(newest));
        assert_eq!(
            pool.children().len() as u64,
            newest * 7 % 5,
            "round {round}"
        );
        assert_eq!(pool.listed(), pool.children());
    }
}

#[tokio::test]
async fn a_reader_is_not_held_up_by_a_driver_at_work() {
    let pool = Pool::new(
        &json!({"program": "sh", "args": ["-c", "trap '' TERM; while :; do sleep 0.1; done"]}),
    );
    pool.set(1, 2).await.unwrap();
    until("both are deaf to SIGTERM", async || {
        pool.processes().len() >= 4
    })
    .await;
    let driver = pool.driver();
    let slow = tokio::spawn(async move { driver.set(&order(2, 1)).await });
    until("the slow order is begun", async || {
        pool.file()["generation"] == json!(2)
    })
    .await;
    assert_eq!(pool.read().await.0, 2, "the stubborn child still lives");
    slow.abort();
    let _ = slow.await;
}

#[tokio::test]
async fn a_child_that_was_asked_to_stop_does_not_come_back() {
    let script = "trap '' TERM; while :; do sleep 0.1; done";
    let pool = Pool::new(&json!({"program": "sh", "args": ["-c", script], "grace_seconds": 1}));
    pool.set(1, 2).await.unwrap();
    let before = pool.children();
    let driver = pool.driver();
    let dropped = tokio::spawn(async move { driver.set(&order(2, 1)).await });
    until("web-1 is asked", async || {
        pool.file()["children"][1]["leaving"] == json!(true)
    })
    .await;
    dropped.abort();
    let _ = dropped.await;
    pool.set(3, 2).await.unwrap();
    let after = pool.children();
    assert_eq!(after[&0], before[&0]);
    assert_ne!(after[&1], before[&1]);
}

#[tokio::test]
async fn a_dropped_order_is_finished_by_the_next_one() {
    let pool = Pool::new(
        &json!({"program": "sh", "args": ["-c", "trap '' TERM; while :; do sleep 0.1; done"], "grace_seconds": 1}),
    );
    pool.set(1, 2).await.unwrap();
    until("both are deaf to SIGTERM", async || {
        pool.processes().len() >= 4
    })
    .await;
    let driver = pool.driver();
    let dropped = tokio::spawn(async move { driver.set(&order(2, 0)).await });
    until("the order is begun", async || {
        pool.file()["generation"] == json!(2)
    })
    .await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    assert_eq!(pool.file()["settled"], json!(false));
    assert_eq!(pool.set(3, 1).await.unwrap().replicas.0, 1);
    assert_eq!(pool.children().len(), 1);
    assert_eq!(pool.file()["settled"], json!(true));
}

#[tokio::test]
async fn what_cannot_be_started_is_an_error_with_a_mend() {
    let pool = Pool::new(&json!({"program": "/nowhere/web"}));
    let error = pool.set(1, 1).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "target shop/web: /nowhere/web could not be started as web-0; see that it is there and executable, and its \
         working_directory too"
    );
    assert!(!error.is_retryable(), "someone has to act first");
    assert_eq!(pool.read().await, (0, 0));

    let unwritable = Pool::new(&json!({"state_directory": "/proc/nowhere"}));
    let error = unwritable.set(1, 1).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("see that state_directory may be written to"),
        "{error}"
    );
}
