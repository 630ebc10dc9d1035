//! A target that writes orders down, in a folder of its own, and can be held up by files.
//!
//! | file | what |
//! | --- | --- |
//! | `asked` | a line `generation count attempt` for each time it was told |
//! | `applied` | a line `generation count` for each time it took the number |
//! | `hold-before`, `hold-after` | while it is there, the program waits before or after it takes the number |
//! | `hold-<process id>` | while it is there, the program with this process id waits, wherever it is |
//! | `at-before`, `at-after` | the program has come to that point, with its process id |

use anyhow::Result;
use serde_json::{Value, json};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

const ORDER: &str = r#"#!/bin/sh
set -eu
cd "$1"
echo "$HEADROOM_GENERATION $HEADROOM_REPLICAS $HEADROOM_ATTEMPT" >>asked
wait_at() {
    echo $$ >"at-$1"
    n=0
    while [ -e "hold-$1" ] || [ -e "hold-$$" ]; do
        n=$((n + 1))
        [ $n -lt 2400 ] || exit 1
        sleep 0.05
    done
}
wait_at before
echo "$HEADROOM_GENERATION $HEADROOM_REPLICAS" >>applied
wait_at after
"#;

const READ: &str = r#"#!/bin/sh
set -eu
cd "$1"
newest=$(tail -n 1 applied 2>/dev/null || true)
set -- ${newest:-0 2}
printf '{"replicas": %d, "generation": %d}\n' "$2" "$1"
"#;

/// Makes it in `folder/name`, and gives its entry in `headroom.yaml`. It has 2 replicas until the first order.
///
/// # Errors
/// When the folder cannot be written.
pub fn target(folder: &Path, name: &str, idempotent: bool, read: bool) -> Result<Value> {
    let own = folder.join(name);
    fs::create_dir(&own)?;
    for (program, text) in [("order", ORDER), ("read", READ)] {
        let path = own.join(program);
        fs::write(&path, text)?;
        fs::set_permissions(&path, Permissions::from_mode(0o755))?;
    }
    let mut settings = json!({
        "kind": "command",
        "namespace": "shop",
        "name": name,
        "program": own.join("order"),
        "args": [own],
        "idempotent": idempotent,
    });
    if read {
        settings["read"] = json!({"program": own.join("read"), "args": [own]});
    } else {
        settings["initial_replicas"] = json!(2);
    }
    Ok(settings)
}

/// A policy that wants exactly this count of the target `name`.
#[must_use]
pub fn fixed(name: &str, count: u32) -> Value {
    json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"kind": "Command", "name": name},
            "minReplicas": count,
            "maxReplicas": count,
        },
    })
}

/// An order that was given or carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its generation.
    pub generation: u64,
    /// Its count.
    pub count: u32,
}

/// Every order that the target in this folder was given.
#[must_use]
pub fn asked(target: &Path) -> Vec<Applied> {
    orders(&target.join("asked"))
}

/// Every order that the target in this folder carried out.
#[must_use]
pub fn applied(target: &Path) -> Vec<Applied> {
    orders(&target.join("applied"))
}

fn orders(file: &Path) -> Vec<Applied> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let order = |line: &str| {
        let mut words = line.split(' ');
        Some(Applied {
            generation: words.next()?.parse().ok()?,
            count: words.next()?.parse().ok()?,
        })
    };
    text.lines().filter_map(order).collect()
}
