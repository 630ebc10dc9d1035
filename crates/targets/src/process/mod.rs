//! Targets of kind `process`: a pool of child processes that outlives the actuator and is found again.
//!
//! The pool's directory remembers the newest order and every child. An order is written down before it is begun and each
//! child as soon as it is started; a child carries its mark in its environment, so that one that was started and not
//! written down is found as well. One driver at a time changes a pool, under a lock that ends with its process.

mod census;
mod order;
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
use headroom_model::{Generation, Replicas};
use pool::{Child, Pool, divide};
use settings::Checked;
use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};
use store::{Directory, Held};
use uuid::Uuid;

/// How long `read` waits for a driver that is changing the pool, before it says what there is meanwhile.
const READ_PATIENCE: Duration = Duration::from_millis(200);

/// A pool of child processes.
#[derive(Debug)]
pub struct ProcessTarget {
    settings: Arc<Checked>,
    /// The log whose plans are carried out.
    log: Option<String>,
}

impl ProcessTarget {
    /// Checks the settings. Touches nothing outside.
    ///
    /// # Errors
    /// Names the field that is wrong and how to mend it.
    pub fn new(settings: &ProcessSettings) -> Result<Self, String> {
        Ok(Self {
            settings: Arc::new(settings.check()?),
            log: None,
        })
    }

    /// Carries out plans of the log with this name. A pool that was last ordered by another log is taken over.
    #[must_use]
    pub fn of_log(mut self, log: Option<&str>) -> Self {
        self.log = log.map(str::to_owned);
        self
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
        let (mut pool, living) = self.survey(name, &directory).await?;
        // Nobody holds the lock here, so slow answers hold up no order.
        let ready = self.settings.ready.ready(name, &living).await;
        if note_ready(&mut pool, &ready) {
            self.keep_ready(directory, ready.clone()).await?;
        }
        Ok(Found {
            ready: Some(replicas(ready.len())),
            ..self.count(&pool, &living)
        })
    }

    /// The pool and who lives in it. Children that were found anew and those that have ended are written down, unless
    /// another driver is just changing the pool, which does that itself.
    async fn survey(
        &self,
        name: &TargetName,
        directory: &Directory,
    ) -> Result<(Pool, Vec<Child>), Fault> {
        let Some(held) = Held::acquire(directory.clone(), READ_PATIENCE).await? else {
            let mut pool = directory.load()?;
            let living = take_stock(&mut pool, directory)?;
            return Ok((pool, living));
        };
        let target = name.clone();
        let survey = move |held: &mut Held| {
            let before = held.pool.clone();
            let living = take_stock(&mut held.pool, &held.directory)?;
            if held.pool != before {
                held.save_children()?;
            }
            let (staying, _) = divide(living.clone(), held.pool.wanted);
            held.save_endpoints(&listening(&target, &staying))?;
            Ok(living)
        };
        let (held, living) = held.step(survey).await?;
        Ok((held.pool, living))
    }

    /// Writes down who was seen ready for the first time. While another driver changes the pool, it waits for the next look.
    async fn keep_ready(&self, directory: Directory, ready: BTreeSet<Uuid>) -> Result<(), Fault> {
        let Some(held) = Held::acquire(directory, Duration::ZERO).await? else {
            return Ok(());
        };
        let note = move |held: &mut Held| {
            note_ready(&mut held.pool, &ready);
            held.save_children()
        };
        held.step(note).await?;
        Ok(())
    }

    /// Counts the `living`, but not those who never became ready in time: so somebody orders them anew.
    fn count(&self, pool: &Pool, living: &[Child]) -> Found {
        let failed = self.failed(pool);
        let counted = living
            .iter()
            .filter(|child| !failed.contains(&child.id))
            .count();
        Found {
            replicas: replicas(counted),
            ready: None,
            generation: Some(self.newest(pool)).filter(|newest| *newest > Generation::default()),
        }
    }

    /// The newest order that was begun, as far as it can be compared: generations of another log count for nothing.
    fn newest(&self, pool: &Pool) -> Generation {
        match (&self.log, &pool.log) {
            (Some(ours), Some(theirs)) if ours != theirs => Generation::default(),
            _ => pool.generation,
        }
    }

    /// Children that have not been ready once within the start time-out.
    fn failed(&self, pool: &Pool) -> BTreeSet<Uuid> {
        let overdue =
            |child: &&Child| !child.was_ready && child.process.age() > self.settings.start_timeout;
        pool.children
            .iter()
            .filter(overdue)
            .map(|child| child.id)
            .collect()
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
            let (pid, index) = (stray.process.pid, stray.index);
            tracing::info!(pool = %directory.path().display(), pid, index, "adopted a child");
            pool.add(stray);
        }
    }
    Ok(living_of(pool))
}

fn living_of(pool: &Pool) -> Vec<Child> {
    let living = pool
        .children
        .iter()
        .filter(|child| child.process.is_alive());
    living.cloned().collect()
}

/// Notes who was seen ready; says whether that is news.
fn note_ready(pool: &mut Pool, ready: &BTreeSet<Uuid>) -> bool {
    let mut news = false;
    for child in &mut pool.children {
        news |= !child.was_ready && ready.contains(&child.id);
        child.was_ready |= ready.contains(&child.id);
    }
    news
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
