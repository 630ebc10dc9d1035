//! A log that falls silent: followers do not fail, and yet nobody says that all is well.

use crate::stage::{Stage, until};
use crate::target::Workers;
use headroom_model::Service;
use headroom_runtime::{Phase, hands::HandsOptions};
use headroom_targets::Guarantee;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn everyone_waits_while_the_log_is_out_of_reach_and_goes_on_when_it_is_back() {
    let stage = Stage::new(Workers::quick(Guarantee::IdempotentSet));
    let first = stage.evaluator("first");
    until("it works", async || {
        first.status.of(Service::Evaluator.token()) == Phase::Working
    })
    .await;
    let second = stage.evaluator("second");
    let actuator = stage.actuator(&HandsOptions::default(), Duration::from_secs(3600));
    let services = [
        (&first, Service::Evaluator, Phase::Working),
        (&second, Service::Evaluator, Phase::Standby),
        (&actuator, Service::Actuator, Phase::Working),
    ];
    for out in [false, true, false] {
        stage.log.out_of_reach.store(out, Ordering::SeqCst);
        for (running, service, at_best) in &services {
            until("it says how it is", async || {
                match running.status.of(service.token()) {
                    Phase::Waiting { reason } => out && reason.contains("no route"),
                    phase => !out && phase == *at_best && running.status.ready(),
                }
            })
            .await;
        }
    }
}
