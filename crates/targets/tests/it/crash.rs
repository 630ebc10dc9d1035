//! A driver is killed in the middle of its work, again and again: nothing is leaked, nothing doubled.

use crate::pool::{Pool, environment, name, order, until};
use headroom_targets::Target as _;
use serde_json::json;
use std::{
    process::{Command, Stdio},
    time::Duration,
};

/// How often the owner is killed.
const ROUNDS: u64 = 50;
/// Longer than any of the owner's orders takes, so that every moment of one can be hit.
const LONGEST_MICROS: u64 = 60_000;

#[tokio::test]
async fn a_pool_whose_owner_is_killed_at_any_moment_is_found_whole() {
    let pool = Pool::new(&json!({"program": "sh", "args": ["-c", "exec sleep 1000", "{port}"]}));
    // A fixed series of moments without a pattern: multiples of the golden ratio.
    let moment = |round: u64| round.wrapping_mul(0x9e37_79b9_7f4a_7c15) % LONGEST_MICROS;
    let mut in_the_middle = 0;
    let mut generation = 0;
    for round in 1..=ROUNDS {
        let mut owner = owner(&pool, generation);
        until("the owner works", async || {
            pool.path().join("pool.json").exists() && newest(&pool) > generation
        })
        .await;
        tokio::time::sleep(Duration::from_micros(moment(round))).await;
        owner.kill().unwrap();
        owner.wait().unwrap();

        // Those whom the owner has asked to stop may need a moment.
        until("the read count is the true one", async || {
            let found = pool.driver().read(&name()).await.unwrap();
            found.replicas.0 as usize == pool.children().len()
        })
        .await;
        let children = pool.children();
        generation = newest(&pool);
        in_the_middle += u32::from(pool.file()["settled"] == json!(false));
        let wanted = u32::try_from(pool.file()["wanted"].as_u64().unwrap()).unwrap();

        let found = pool.set(generation, wanted).await.unwrap();
        assert_eq!(found.replicas.0, wanted, "round {round}");
        let after = pool.children();
        assert_eq!(
            after.len(),
            wanted as usize,
            "round {round}: nothing leaked"
        );
        assert_eq!(
            pool.processes().len(),
            wanted as usize,
            "round {round}: nothing left behind"
        );
        assert_eq!(pool.listed(), after, "round {round}");
        let kept = after
            .iter()
            .filter(|(number, pid)| children.get(number) == Some(pid))
            .count();
        assert_eq!(
            kept,
            children.len().min(after.len()),
            "round {round}: nobody was restarted without need"
        );
    }
    assert!(in_the_middle > 0, "some orders were cut off in the middle");
    for pid in pool.children().into_values() {
        let environment = environment(pid).unwrap();
        assert!(
            !environment.iter().any(|entry| entry.contains("secret")),
            "{environment:?}"
        );
    }
}

#[tokio::test]
async fn children_survive_their_owner_and_have_new_generations_only() {
    let pool = Pool::new(&json!({}));
    let mut owner = owner(&pool, 0);
    until("the owner works", async || {
        pool.path().join("pool.json").exists() && newest(&pool) > 3
    })
    .await;
    owner.kill().unwrap();
    owner.wait().unwrap();
    let generation = newest(&pool);
    assert!(
        pool.set(generation - 1, 9).await.is_err(),
        "an older order is refused whoever gave the newer"
    );
    pool.set(generation + 1, 2).await.unwrap();
    assert_eq!(pool.children().len(), 2);
}

fn newest(pool: &Pool) -> u64 {
    pool.file()["generation"].as_u64().unwrap()
}

/// A process of its own that orders one count after the other.
fn owner(pool: &Pool, generation: u64) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::owns_a_pool", "--ignored"])
        .env("OWNED_POOL", pool.settings_text())
        .env("OWNED_GENERATION", generation.to_string())
        .env("HEADROOM_NATS_PASSWORD", "secret")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// No test: the process that the others kill.
#[tokio::test]
#[ignore = "the process that other tests kill"]
async fn owns_a_pool() {
    let (Ok(pool), Ok(generation)) = (
        std::env::var("OWNED_POOL"),
        std::env::var("OWNED_GENERATION"),
    ) else {
        return;
    };
    let settings = serde_json::from_str(&pool).unwrap();
    let driver = headroom_targets::process::ProcessTarget::new(&settings).unwrap();
    let mut generation: u64 = generation.parse().unwrap();
    loop {
        generation += 1;
        let to = u32::try_from(generation * 5 % 7).unwrap();
        driver.set(&order(generation, to)).await.unwrap();
    }
}
