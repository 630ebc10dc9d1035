//! Targets of kind `process`: a pool of child processes that outlives the actuator and is found again.
//!
//! The pool's directory remembers the newest order and every child. An order is written down before it is begun and each
//! child as soon as it is started; a child carries its mark in its environment, so that one that was started and not
//! written down is found as well. One driver at a time changes a pool, under a lock that ends with its process.

mod census;
mod pool;
mod procfs;
mod ready;
mod settings;
mod start;
mod stop;
mod store;

pub use settings::ProcessSettings;
pub use stop::StopSignal;

use crate::{Found, Guarantee, Order, Target, TargetError, TargetName, error::Fault};
use async_trait::async_trait;
use headroom_model::Replicas;
use pool::{Child, Pool, divide, missing};
use settings::Checked;
use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};
use store::{Directory, Held};
use uuid::Uuid;

/// How long `read` waits for a driver that is changing the pool, before it says what there is meanwhile.
const READ_PATIENCE: Duration = Duration::from_millis(200);
/// How much longer than the grace period, which another driver's order may take, an order waits for it.
const SET_PATIENCE: Duration = Duration::from_secs(10);

/// A pool of child processes.
#[derive(Debug)]
pub struct ProcessTarget {
    settings: Arc<Checked>,
}

impl ProcessTarget {
    /// Checks the settings. Touches nothing outside.
    ///
    /// # Errors
    /// Names the field that is wrong and how to mend it.
    pub fn new(settings: &ProcessSettings) -> Result<Self, String> {
        Ok(Self {
            settings: Arc::new(settings.check()?),
        })
    }

    /// The file that lists where the pool's replicas listen, in the format of Prometheus' `file_sd`.
    #[must_use]
    pub fn endpoints(&self, name: &TargetName) -> PathBuf {
        self.directory(name).endpoints()
    }

    fn directory(&self, name: &TargetName) -> Directory {
        Directory::new(self.settings.state_directory.join(name.file_name()))
    }

    async fn look(&self, name: &TargetName) -> Result<Found, Fault> {
        let directory = self.directory(name);
        if !directory.path().exists() {
            return Ok(Found {
                replicas: Replicas::ZERO,
                ready: Some(Replicas::ZERO),
                generation: None,
            });
        }
        let Some(held) = Held::acquire(directory.clone(), READ_PATIENCE).await? else {
            let mut pool = directory.load()?;
            let living = take_stock(&mut pool, &directory)?;
            return Ok(self.count(name, &mut pool, living).await);
        };
        let (mut held, living) = held
            .step(|held| take_stock(&mut held.pool, &held.directory))
            .await?;
        let before = held.pool.clone();
        let found = self.count(name, &mut held.pool, living).await;
        let target = name.clone();
        held.step(move |held| {
            if held.pool != before {
                held.save_children()?;
            }
            let (staying, _) = divide(living_of(&held.pool), held.pool.wanted);
            held.save_endpoints(&listening(&target, &staying))
        })
        .await?;
        Ok(found)
    }

    /// Asks the `living` whether they are ready, notes who is, and counts. Those who never became ready in time are not
    /// counted, so that somebody orders them anew.
    async fn count(&self, name: &TargetName, pool: &mut Pool, living: Vec<Child>) -> Found {
        let ready = self.settings.ready.ready(name, &living).await;
        note_ready(pool, &ready);
        let failed = self.failed(pool);
        let counted = living
            .iter()
            .filter(|child| !failed.contains(&child.id))
            .count();
        Found {
            replicas: replicas(counted),
            ready: Some(replicas(ready.len())),
            generation: (pool.generation.0 > 0).then_some(pool.generation),
        }
    }

    /// Children that have not been ready once within the start time-out.
    fn failed(&self, pool: &Pool) -> BTreeSet<Uuid> {
        (pool.children.iter())
            .filter(|child| !child.was_ready && child.process.age() > self.settings.start_timeout)
            .map(|child| child.id)
            .collect()
    }

    async fn carry_out(&self, order: &Order) -> Result<Found, TargetError> {
        let target = &order.target;
        let patience = self.settings.grace + SET_PATIENCE;
        let held = Held::acquire(self.directory(target), patience)
            .await
            .map_err(|fault| fault.at(target))?;
        let Some(held) = held else {
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
        if order.generation < pool.generation {
            return Err(TargetError::OlderGeneration {
                target: order.target.clone(),
                offered: order.generation,
                known: Some(pool.generation),
            });
        }
        let problem = if order.generation == pool.generation
            && order.generation.0 > 0
            && order.to != pool.wanted
        {
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
        let (generation, wanted) = (order.generation, order.to);
        let (mut held, living) = held
            .step(move |held| {
                // Before the mark of unfinished work is written again, it says whether an earlier order left strays.
                let living = take_stock(&mut held.pool, &held.directory)?;
                held.pool.generation = generation;
                held.pool.wanted = wanted;
                held.pool.settled = false;
                held.save_durably()?;
                Ok(living)
            })
            .await?;
        let ready = self.settings.ready.ready(&order.target, &living).await;
        note_ready(&mut held.pool, &ready);
        let failed = self.failed(&held.pool);
        let (sound, failed): (Vec<Child>, Vec<Child>) = living
            .into_iter()
            .partition(|child| !failed.contains(&child.id));
        let (staying, mut leaving) = divide(sound, wanted);
        leaving.extend(failed);
        // Nobody is sent to those who are about to leave.
        let endpoints = listening(&order.target, &staying);
        let (held, ()) = held
            .step(move |held| held.save_endpoints(&endpoints))
            .await?;
        stop::stop(&leaving, self.settings.stop_signal, self.settings.grace).await?;
        let (settings, target) = (Arc::clone(&self.settings), order.target.clone());
        let (mut held, living) = held
            .step(move |held| complete(held, staying, &settings, &target))
            .await?;
        Ok(self.count(&order.target, &mut held.pool, living).await)
    }
}

#[async_trait]
impl Target for ProcessTarget {
    fn guarantee(&self) -> Guarantee {
        Guarantee::CompareAndSet
    }

    async fn read(&self, name: &TargetName) -> Result<Found, TargetError> {
        self.look(name).await.map_err(|fault| fault.at(name))
    }

    async fn set(&self, order: &Order) -> Result<Found, TargetError> {
        self.carry_out(order).await
    }
}

/// Takes in the children that an unfinished order started and did not write down. Returns who lives.
fn take_stock(pool: &mut Pool, directory: &Directory) -> Result<Vec<Child>, Fault> {
    if !pool.settled {
        let marked = census::marked(&directory.mark()?)?;
        for stray in census::strays(&marked, &pool.children) {
            tracing::info!(pool = %directory.path().display(), index = stray.index, pid = stray.process.pid, "adopted a child");
            pool.add(stray);
        }
    }
    Ok(living_of(pool))
}

/// Cleans up after those who have ended, starts who is missing, and marks the order as finished.
fn complete(
    held: &mut Held,
    staying: Vec<Child>,
    settings: &Checked,
    target: &TargetName,
) -> Result<Vec<Child>, Fault> {
    if held.pool.children.len() > staying.len() {
        stop::sweep(&census::marked(&held.directory.mark()?)?, &staying)?;
    }
    held.pool.children = staying;
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

fn living_of(pool: &Pool) -> Vec<Child> {
    (pool.children.iter())
        .filter(|child| child.process.is_alive())
        .cloned()
        .collect()
}

fn note_ready(pool: &mut Pool, ready: &BTreeSet<Uuid>) {
    for child in &mut pool.children {
        child.was_ready |= ready.contains(&child.id);
    }
}

/// The names and ports of those who have one.
fn listening(target: &TargetName, children: &[Child]) -> Vec<(String, u16)> {
    (children.iter())
        .filter_map(|child| Some((start::replica(target, child.index), child.port?)))
        .collect()
}

fn replicas(count: usize) -> Replicas {
    Replicas(u32::try_from(count).unwrap_or(u32::MAX))
}
