//! A campaign of kills: every service in turn, then all of them, at random moments.

use super::brain::{Brain, EVERY, Seat};
use anyhow::Result;
use fastrand::Rng;
use std::time::Duration;

/// The seed of a run: `HEADROOM_SEED` repeats one. It is printed.
///
/// # Panics
/// When `HEADROOM_SEED` is no number.
#[must_use]
pub fn seed() -> u64 {
    let given = std::env::var("HEADROOM_SEED").ok();
    let seed = given.map_or_else(
        || u64::from(fastrand::u32(..)),
        |text| text.parse().expect("HEADROOM_SEED is a number"),
    );
    eprintln!("HEADROOM_SEED={seed} repeats this run");
    seed
}

/// Rounds of kills. In every second one, two processes of each service run.
///
/// `before` is called with the number of each round before it begins.
///
/// # Errors
/// When a process cannot be started, has ended by itself, or `before` fails.
pub async fn fight(
    brain: &mut Brain,
    rounds: usize,
    seed: u64,
    mut before: impl FnMut(usize) -> Result<()>,
) -> Result<()> {
    let mut random = Rng::with_seed(seed);
    for round in 0..rounds {
        before(round)?;
        seat(brain, round % 2 == 1)?;
        pause(&mut random, 2000..5000).await;
        brain.check_alive()?;
        let mut victims = victims(brain, round, &mut random);
        for victim in &victims {
            pause(&mut random, 0..500).await;
            brain.kill(*victim);
        }
        random.shuffle(&mut victims);
        for victim in victims {
            pause(&mut random, 0..500).await;
            brain.start(victim)?;
        }
    }
    pause(&mut random, 2000..5000).await;
    brain.check_alive()
}

/// Lets one process of each service run, or two.
fn seat(brain: &mut Brain, two: bool) -> Result<()> {
    for service in EVERY {
        brain.start((service, 'a'))?;
        if two {
            brain.start((service, 'b'))?;
        } else {
            brain.kill((service, 'b'));
        }
    }
    Ok(())
}

/// The first rounds take one service each: alone, then one process of two or both. The others take all.
fn victims(brain: &Brain, round: usize, random: &mut Rng) -> Vec<Seat> {
    let mut seats = brain.seats();
    random.shuffle(&mut seats);
    if let Some(service) = EVERY.get(round / 2) {
        seats.retain(|(of, _)| of == service);
        seats.truncate(random.usize(1..=2));
    }
    seats
}

async fn pause(random: &mut Rng, milliseconds: std::ops::Range<u64>) {
    tokio::time::sleep(Duration::from_millis(random.u64(milliseconds))).await;
}
