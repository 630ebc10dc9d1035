//! The services as processes over three real NATS servers, whose leader dies while the services do.

use anyhow::Result;
use headroom_tests::{
    e2e::{
        campaign::{fight, seed},
        stage::{SHARD, Stage},
    },
    servers::nats::Cluster,
};

/// Each service is killed alone or with its standby, and then all of them once.
const ROUNDS: usize = 11;
/// Before these rounds the leader of the log dies; it is back before the next one.
const LEADERLESS: [usize; 2] = [3, 8];

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_of_the_log_dies_nothing_is_lost_doubled_or_out_of_order() -> Result<()> {
    let Some(mut cluster) = Cluster::start("")? else {
        return Ok(());
    };
    let seed = seed();
    let Some(mut stage) = Stage::set(cluster.urls(), 3, seed)? else {
        return Ok(());
    };
    let mut dead: Option<usize> = None;
    let fought = fight(&mut stage.brain, ROUNDS, seed, |round| {
        if let Some(node) = dead.take() {
            cluster.nodes[node].start()?;
        }
        if LEADERLESS.contains(&round) {
            let leader = cluster.leader(&format!("HEADROOM_{SHARD}"))?;
            cluster.nodes[leader].kill();
            dead = Some(leader);
        }
        Ok(())
    })
    .await;
    stage.tell(fought)?;
    let rested = stage.come_to_rest().await;
    stage.tell(rested)?;
    let held = stage.check(LEADERLESS.len(), 15).await;
    stage.tell(held)?;
    let elsewhere = stage.check_elsewhere(|| cluster.nodes.iter_mut().for_each(|node| node.kill()));
    stage.tell(elsewhere)
}
