//! Who this process is.

use headroom_model::machine::Moment;
use headroom_model::{Producer, Service, Timestamp};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Who this process is, in heads and events.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Unique among the processes that live at the same time.
    pub instance: Arc<str>,
    /// Differs from that of every earlier life of the same instance name.
    pub nonce: u64,
}

impl Identity {
    /// With a configured name, or the host's name, the process id and a random suffix.
    #[must_use]
    pub fn new(configured: Option<&str>) -> Self {
        let random = Uuid::new_v4();
        let (nonce, _) = random.as_u64_pair();
        let instance = configured.map_or_else(
            || {
                let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
                let host = match host.trim() {
                    "" => "host",
                    name => name,
                };
                format!("{host}-{}-{:04x}", std::process::id(), nonce & 0xffff)
            },
            str::to_owned,
        );
        Self {
            instance: instance.into(),
            nonce,
        }
    }

    /// The producer of facts that this process writes for `service`.
    #[must_use]
    pub fn producer(&self, service: Service) -> Producer {
        Producer {
            service,
            instance: Arc::clone(&self.instance),
            behaviour: 0,
        }
    }
}

/// The wall clock: for `at` of facts only.
#[must_use]
pub fn wall_clock() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The steady clock of this process, which nobody sets.
#[must_use]
pub fn steady_clock() -> Moment {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let origin = ORIGIN.get_or_init(Instant::now);
    Moment(u64::try_from(origin.elapsed().as_millis()).unwrap_or(u64::MAX))
}
