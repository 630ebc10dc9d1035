//! A target whose driver takes its time, panics, and counts.

use async_trait::async_trait;
use headroom_model::Replicas;
use headroom_targets::{Found, Guarantee, Order, Target, TargetError, TargetName};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// It has 2 replicas until the first order.
pub(crate) struct Workers {
    pub(crate) guarantee: Guarantee,
    /// So many orders and looks panic.
    pub(crate) orders_that_panic: AtomicU32,
    pub(crate) looks_that_panic: AtomicU32,
    /// Every order takes a permit.
    pub(crate) permits: Semaphore,
    pub(crate) count: AtomicU32,
    pub(crate) begun: AtomicU32,
    pub(crate) ended_early: AtomicU32,
    pub(crate) looked: AtomicBool,
}

impl Workers {
    /// Orders wait for a permit of `permits`.
    pub(crate) fn new(guarantee: Guarantee) -> Self {
        Self {
            guarantee,
            orders_that_panic: AtomicU32::new(0),
            looks_that_panic: AtomicU32::new(0),
            permits: Semaphore::new(0),
            count: AtomicU32::new(2),
            begun: AtomicU32::new(0),
            ended_early: AtomicU32::new(0),
            looked: AtomicBool::new(false),
        }
    }

    /// Orders are carried out at once.
    pub(crate) fn quick(guarantee: Guarantee) -> Self {
        let workers = Self::new(guarantee);
        workers.permits.add_permits(100);
        workers
    }
}

/// Counts a call that is dropped before its end.
struct Early<'a>(&'a AtomicU32);

impl Drop for Early<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn panics(left: &AtomicU32) -> bool {
    let less = |count: u32| count.checked_sub(1);
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
        .is_ok()
}

#[async_trait]
impl Target for Workers {
    fn guarantee(&self) -> Guarantee {
        self.guarantee
    }

    async fn read(&self, _: &TargetName) -> Result<Found, TargetError> {
        assert!(!panics(&self.looks_that_panic), "a driver's mistake");
        self.looked.store(true, Ordering::SeqCst);
        Ok(Found {
            replicas: Replicas(self.count.load(Ordering::SeqCst)),
            ready: None,
            generation: None,
        })
    }

    async fn set(&self, order: &Order) -> Result<Found, TargetError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        assert!(!panics(&self.orders_that_panic), "a driver's mistake");
        let early = Early(&self.ended_early);
        let permit = self.permits.acquire().await;
        permit.expect("it is never closed").forget();
        // What takes a moment, and would have an effect if nothing ended it.
        tokio::time::sleep(Duration::from_millis(20)).await;
        std::mem::forget(early);
        self.count.store(order.to.0, Ordering::SeqCst);
        Ok(Found {
            replicas: order.to,
            ready: None,
            generation: Some(order.generation),
        })
    }
}
