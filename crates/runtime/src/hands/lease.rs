//! The lease as calls see it: it ends them even while nobody attends to them.

use crate::identity::steady_clock;
use headroom_model::machine::Moment;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

/// Until when calls may go on. The loop puts the end off with each commit; should the loop be held up, the end comes.
#[derive(Clone, Debug, Default)]
pub(super) struct Lease(Arc<AtomicU64>);

impl Lease {
    /// It ends then.
    pub(super) fn ends_at(&self, end: Moment) {
        self.0.store(end.0, Ordering::Release);
    }

    fn end(&self) -> Moment {
        Moment(self.0.load(Ordering::Acquire))
    }

    fn runs(&self) -> bool {
        steady_clock() < self.end()
    }

    /// Completes when the lease has ended.
    async fn ended(&self) {
        while self.runs() {
            tokio::time::sleep(self.end().since(steady_clock()).duration()).await;
        }
    }

    /// Goes on with `call` while the lease runs, which is looked at before every step of it. `None` when it ended first;
    /// the call is dropped then.
    pub(super) async fn bind<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let mut call = pin!(call);
        let mut ended = pin!(self.ended());
        poll_fn(|context| {
            // A process that stood still wakes with whatever comes first, and that need not be its timer.
            if !self.runs() || ended.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            call.as_mut().poll(context).map(Some)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_model::Span;
    use std::time::Duration;

    #[tokio::test]
    async fn a_call_goes_on_for_as_long_as_its_lease() {
        let soon = || steady_clock().plus(Span(50));
        let long = || tokio::time::sleep(Duration::from_secs(600));
        let lease = Lease::default();
        assert_eq!(lease.bind(async { "begun" }).await, None, "it never ran");
        lease.ends_at(soon());
        assert_eq!(lease.bind(async { "done" }).await, Some("done"));
        assert_eq!(lease.bind(long()).await, None, "it ends by itself");
        lease.ends_at(soon());
        let renewed = async {
            lease.ends_at(steady_clock().plus(Span::seconds(600)));
            tokio::time::sleep(Duration::from_millis(100)).await;
            "outlived the first end"
        };
        assert!(lease.bind(renewed).await.is_some());
        assert!(
            tokio::time::timeout(Duration::from_millis(1), lease.bind(long()))
                .await
                .is_err(),
            "a lease that runs ends nothing"
        );
    }
}
