//! A pool in a temporary directory, and a look at its processes that owes nothing to the driver.

use headroom_model::{EventId, Generation, Replicas};
use headroom_targets::{
    Found, Order, Target as _, TargetError, TargetName,
    process::{ProcessSettings, ProcessTarget},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};
use tempfile::TempDir;

/// The pool `shop/web`. Its processes end with it.
pub(crate) struct Pool {
    directory: TempDir,
    settings: Value,
}

impl Pool {
    /// A pool of sleeping children, with `changes` to its settings.
    pub(crate) fn new(changes: &Value) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let mut settings = json!({
            "namespace": "shop",
            "name": "web",
            "program": "sleep",
            "args": ["1000"],
            "state_directory": directory.path(),
            "grace_seconds": 10,
        });
        for (key, value) in changes.as_object().expect("changes are an object") {
            settings[key] = value.clone();
        }
        Self {
            directory,
            settings,
        }
    }

    /// Its settings.
    fn settings(&self) -> ProcessSettings {
        serde_json::from_value(self.settings.clone()).expect("the settings of a test are right")
    }

    /// Its settings, to be passed on.
    pub(crate) fn settings_text(&self) -> String {
        self.settings.to_string()
    }

    /// A new driver, as after a restart.
    pub(crate) fn driver(&self) -> ProcessTarget {
        ProcessTarget::new(&self.settings()).expect("the settings of a test are right")
    }

    /// The pool's own directory.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("shop.web")
    }

    /// What a new driver does with an order.
    pub(crate) async fn set(&self, generation: u64, to: u32) -> Result<Found, TargetError> {
        self.driver().set(&order(generation, to)).await
    }

    /// The counts that a new driver reads: replicas and ready ones.
    pub(crate) async fn read(&self) -> (u32, u32) {
        let found = self
            .driver()
            .read(&name())
            .await
            .expect("the pool can be read");
        (
            found.replicas.0,
            found.ready.expect("a pool knows who is ready").0,
        )
    }

    /// Every process with the mark of this pool: its id, and its number if it leads a group, as children do.
    pub(crate) fn processes(&self) -> BTreeMap<i32, Option<u32>> {
        let Ok(pool) = fs::canonicalize(self.path()) else {
            return BTreeMap::new();
        };
        let mark = format!("HEADROOM_POOL={}", pool.display());
        let entries = fs::read_dir("/proc").expect("/proc is mounted");
        let pids =
            entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        pids.filter_map(|pid| {
            let environment = environment(pid)?;
            environment.contains(&mark).then_some(())?;
            let number = environment
                .iter()
                .find_map(|entry| entry.strip_prefix("HEADROOM_INDEX="))?;
            Some((
                pid,
                (group(pid)? == pid).then(|| number.parse().expect("a mark has a number")),
            ))
        })
        .collect()
    }

    /// The children: process ids by number. A number that is there twice fails the test.
    pub(crate) fn children(&self) -> BTreeMap<u32, i32> {
        let mut children = BTreeMap::new();
        for (pid, number) in self.processes() {
            if let Some(number) = number {
                let other = children.insert(number, pid);
                assert_eq!(other, None, "number {number} is there twice");
            }
        }
        children
    }

    /// The names and addresses in `endpoints.json`.
    pub(crate) fn endpoints(&self) -> BTreeMap<String, String> {
        let text = fs::read(self.path().join("endpoints.json")).expect("endpoints.json is there");
        let entries: Vec<Value> = serde_json::from_slice(&text).expect("endpoints.json is a list");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        entries
            .iter()
            .map(|entry| {
                (
                    text(&entry["labels"]["replica"]),
                    text(&entry["targets"][0]),
                )
            })
            .collect()
    }

    /// The contents of `pool.json`.
    pub(crate) fn file(&self) -> Value {
        let text = fs::read(self.path().join("pool.json")).expect("pool.json is there");
        serde_json::from_slice(&text).expect("pool.json is JSON")
    }

    /// Changes `pool.json` behind the driver's back.
    pub(crate) fn change_file(&self, change: impl FnOnce(&mut Value)) {
        let mut file = self.file();
        change(&mut file);
        fs::write(self.path().join("pool.json"), file.to_string())
            .expect("pool.json can be written");
    }

    /// The process ids in `pool.json`, by number.
    pub(crate) fn listed(&self) -> BTreeMap<u32, i32> {
        let file = self.file();
        let children = file["children"]
            .as_array()
            .expect("pool.json lists children");
        let number = |value: &Value| value.as_i64().expect("a number");
        (children.iter())
            .map(|child| {
                (
                    u32::try_from(number(&child["index"])).expect("a small number"),
                    i32::try_from(number(&child["process"]["pid"])).expect("a process id"),
                )
            })
            .collect()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // A child that ends may have started another meanwhile, so it is looked again until nobody is left.
        for _ in 0..100 {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            left.into_keys().for_each(kill);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

pub(crate) fn name() -> TargetName {
    TargetName::new("shop", "web").expect("a good name")
}

pub(crate) fn order(generation: u64, to: u32) -> Order {
    Order {
        target: name(),
        generation: Generation(generation),
        from: Replicas(1),
        to: Replicas(to),
        attempt: 1,
        key: EventId::named("decision"),
    }
}

/// Kills a process of a test.
pub(crate) fn kill(pid: i32) {
    let pid = Pid::from_raw(pid).expect("a process id");
    // It may have ended by itself.
    let _ = kill_process(pid, Signal::KILL);
}

/// Waits until something is so; a test that waits in vain fails.
pub(crate) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    for _ in 0..3000 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited 30 s in vain: {what}");
}

/// Whether the process is there and no zombie.
pub(crate) fn lives(pid: i32) -> bool {
    stat(pid).is_some_and(|fields| !fields[0].starts_with(['Z', 'X']))
}

fn group(pid: i32) -> Option<i32> {
    stat(pid)?.get(2)?.parse().ok()
}

/// The fields of `/proc/<pid>/stat` from the state on.
fn stat(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split(' ').map(str::to_owned).collect())
}

/// The environment of a living process.
pub(crate) fn environment(pid: i32) -> Option<Vec<String>> {
    let mut bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
    // A process that is just becoming its program has a file already, and an environment in a moment.
    for _ in 0..100 {
        if !bytes.is_empty() || fs::read_link(format!("/proc/{pid}/exe")).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
        bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
    }
    let entries = bytes
        .split(|&byte| byte == 0)
        .map(|entry| String::from_utf8_lossy(entry).into_owned());
    lives(pid).then(|| entries.collect())
}
