//! Carries out an order: stops who must leave, starts who is missing.

use super::{
    ProcessTarget, census, listening, living_of, note_ready,
    pool::{Child, Pool, divide, missing},
    settings::Checked,
    start, stop,
    store::Held,
    take_stock,
};
use crate::{Found, Order, TargetError, TargetName, error::Fault};
use headroom_model::Generation;
use std::{sync::Arc, time::Duration};

/// How much longer than the grace period, which another driver's order may take, an order waits for it.
const SET_PATIENCE: Duration = Duration::from_secs(10);

impl ProcessTarget {
    pub(super) async fn carry_out(&self, order: &Order) -> Result<Found, TargetError> {
        let target = &order.target;
        let patience = self.settings.grace + SET_PATIENCE;
        let held = Held::acquire(self.directory(target), patience).await;
        let Some(held) = held.map_err(|fault| fault.at(target))? else {
            let problem = format!(
                "another driver has been changing the pool for {} s; it may hang",
                patience.as_secs()
            );
            return Err(Fault::passing(problem).at(target));
        };
        self.may_begin(&held.pool, order)?;
        self.change(held, order)
            .await
            .map_err(|fault| fault.at(target))
    }

    /// Whether the order is neither older than the newest one, nor another under its number, nor too large.
    fn may_begin(&self, pool: &Pool, order: &Order) -> Result<(), TargetError> {
        let newest = self.newest(pool);
        if order.generation < newest {
            return Err(TargetError::OlderGeneration {
                target: order.target.clone(),
                offered: order.generation,
                known: Some(newest),
            });
        }
        let is_known = order.generation == newest && newest > Generation::default();
        let problem = if is_known && order.to != pool.wanted {
            format!(
                "generation {} was ordered before with {} replicas, now with {}; a plan never changes its count",
                order.generation, pool.wanted, order.to
            )
        } else if order.to.0 > self.settings.replica_limit {
            format!(
                "{} replicas are more than its replica_limit {} in headroom.yaml; raise it, or lower the policy's maximum",
                order.to, self.settings.replica_limit
            )
        } else {
            return Ok(());
        };
        Err(Fault::lasting(problem).at(&order.target))
    }

    /// Writes the order down, stops who must leave, starts who is missing. At any point a crash leaves a pool that the next
    /// order finds and finishes.
    async fn change(&self, held: Held, order: &Order) -> Result<Found, Fault> {
        if self.newest(&held.pool) != held.pool.generation {
            tracing::warn!(target = %order.target, from = held.pool.log, to = self.log, "the pool is taken over from another log");
        }
        let (generation, wanted) = (order.generation, order.to);
        let log = self.log.clone().or_else(|| held.pool.log.clone());
        let write_down = move |held: &mut Held| {
            // Before the mark of unfinished work is set again, it says whether an earlier order left strays.
            let living = take_stock(&mut held.pool, &held.directory)?;
            held.pool.log = log;
            held.pool.generation = generation;
            held.pool.wanted = wanted;
            held.pool.settled = false;
            held.save_durably()?;
            Ok(living)
        };
        let (mut held, living) = held.step(write_down).await?;
        let (sound, failed) = self
            .part_failed(&mut held.pool, &order.target, living)
            .await;
        let (staying, mut leaving) = divide(sound, wanted);
        leaving.extend(failed);
        let (endpoints, asked) = (listening(&order.target, &staying), leaving.clone());
        let say_goodbye = move |held: &mut Held| {
            for child in &mut held.pool.children {
                child.leaving |= asked.iter().any(|leaves| leaves.id == child.id);
            }
            held.save_children()?;
            // Nobody is sent to those who are about to leave.
            held.save_endpoints(&endpoints)
        };
        let (held, ()) = held.step(say_goodbye).await?;
        stop::stop(&leaving, self.settings.stop_signal, self.settings.grace).await?;
        let (settings, target) = (Arc::clone(&self.settings), order.target.clone());
        let (held, living) = held
            .step(move |held| complete(held, &staying, &settings, &target))
            .await?;
        Ok(self.count(&held.pool, &living))
    }

    /// Parts the `living` from those who never became ready in time. Who is overdue gets a last chance to answer.
    async fn part_failed(
        &self,
        pool: &mut Pool,
        target: &TargetName,
        living: Vec<Child>,
    ) -> (Vec<Child>, Vec<Child>) {
        let overdue = self.failed(pool);
        let suspects: Vec<Child> = living
            .iter()
            .filter(|child| overdue.contains(&child.id))
            .cloned()
            .collect();
        let ready = self.settings.ready.ready(target, &suspects).await;
        note_ready(pool, &ready);
        living
            .into_iter()
            .partition(|child| !overdue.contains(&child.id) || ready.contains(&child.id))
    }
}

/// Cleans up after those who have ended, starts who is missing, and marks the order as finished. Returns who lives.
fn complete(
    held: &mut Held,
    staying: &[Child],
    settings: &Checked,
    target: &TargetName,
) -> Result<Vec<Child>, Fault> {
    if held.pool.children.len() > staying.len() {
        stop::sweep(&census::marked(&held.directory.mark()?)?, staying)?;
    }
    held.pool
        .children
        .retain(|child| staying.iter().any(|stays| stays.id == child.id));
    for index in missing(&held.pool.children, held.pool.wanted) {
        let taken: Vec<u16> = held
            .pool
            .children
            .iter()
            .filter_map(|child| child.port)
            .collect();
        let child = start::start(settings, target, &held.directory, index, &taken)?;
        held.pool.add(child);
        held.save_children()?;
    }
    held.pool.settled = true;
    held.save_durably()?;
    let living = living_of(&held.pool);
    held.save_endpoints(&listening(target, &living))?;
    Ok(living)
}
