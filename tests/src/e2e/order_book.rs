//! Targets for the end-to-end tests: programs that keep a book of every order they were given.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Writes an order into the book, whatever is there: whether orders come in order is for the check to say. It takes a
/// moment before and after, so that a kill finds it at work on either side of the effect.
const ORDER: &str = r#"#!/bin/sh
# order BOOK GENERATION COUNT
set -eu
sleep 0.05
echo "$2 $3" >>"$1"
sleep 0.15
"#;

/// Says what the last order in the book is.
const READ: &str = r#"#!/bin/sh
# read BOOK
set -eu
newest=$(tail -n 1 "$1")
set -- ${newest:-0 1}
printf '{"replicas": %d, "generation": %d}\n' "$2" "$1"
"#;

/// An order that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its generation.
    pub generation: u64,
    /// Its count.
    pub count: u32,
}

/// A target of kind `command` that keeps a book. Until the first order it has one replica.
#[derive(Debug)]
pub struct OrderBook {
    folder: PathBuf,
    /// The target's and its policy's name.
    pub name: &'static str,
    /// Whether the same order may be given twice.
    pub idempotent: bool,
}

impl OrderBook {
    /// Opens an empty book in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn open(folder: &Path, name: &'static str, idempotent: bool) -> Result<Self> {
        let folder = folder.join(name);
        std::fs::create_dir(&folder)?;
        for (program, text) in [("order", ORDER), ("read", READ)] {
            let path = folder.join(program);
            std::fs::write(&path, text)?;
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755))?;
        }
        let book = Self {
            folder,
            name,
            idempotent,
        };
        std::fs::write(book.path(), "")?;
        Ok(book)
    }

    fn path(&self) -> PathBuf {
        self.folder.join("book")
    }

    /// Its entry in `headroom.yaml`.
    #[must_use]
    pub fn settings(&self) -> Value {
        json!({
            "kind": "command",
            "namespace": "shop",
            "name": self.name,
            "program": self.folder.join("order"),
            "args": [self.path(), "{generation}", "{replicas}"],
            "idempotent": self.idempotent,
            "read": {"program": self.folder.join("read"), "args": [self.path()]},
        })
    }

    /// Every order that came, as it came.
    ///
    /// # Errors
    /// When the book cannot be read, or a line of it is no order.
    pub fn orders(&self) -> Result<Vec<Order>> {
        let text = std::fs::read_to_string(self.path())?;
        let orders = text.lines().map(|line| {
            let (generation, count) = line
                .split_once(' ')
                .with_context(|| format!("no order: {line:?}"))?;
            Ok(Order {
                generation: generation.parse()?,
                count: count.parse()?,
            })
        });
        orders.collect()
    }

    /// Checks that every order has a greater generation than the one before, and a count within bounds. Only where that is
    /// allowed may the very same order stand twice in a row, which a crash in the middle of it explains, and at most
    /// `repeats` times.
    ///
    /// # Errors
    /// When that is not so.
    pub fn check(&self, bounds: (u32, u32), repeats: usize) -> Result<()> {
        let orders = self.orders()?;
        let (minimum, maximum) = bounds;
        for order in &orders {
            ensure!(
                (minimum..=maximum).contains(&order.count),
                "{} was given {order:?}",
                self.name
            );
        }
        let mut repeated = 0;
        for pair in orders.windows(2) {
            let again = self.idempotent && pair[0] == pair[1];
            repeated += usize::from(again);
            ensure!(
                again || pair[0].generation < pair[1].generation,
                "{} was given {:?} after {:?}",
                self.name,
                pair[1],
                pair[0]
            );
        }
        ensure!(
            repeated <= repeats,
            "{} was given {repeated} orders twice, and at most {repeats} may be",
            self.name
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_is_checked() -> Result<()> {
        let cases = [
            // name                                    lines            once   twice
            ("an empty book is good", "", true, true),
            ("generations grow", "3 1\n7 4\n", true, true),
            (
                "an older order after a newer is bad",
                "7 4\n3 1\n",
                false,
                false,
            ),
            (
                "twice is good where it is allowed",
                "3 2\n3 2\n",
                false,
                true,
            ),
            (
                "twice is bad with another count",
                "3 2\n3 1\n",
                false,
                false,
            ),
            ("thrice is bad", "3 2\n3 2\n3 2\n", false, false),
            ("none is out of bounds", "3 0\n", false, false),
            ("five are out of bounds", "3 5\n", false, false),
        ];
        for (name, lines, once, twice) in cases {
            for (idempotent, good) in [(false, once), (true, twice)] {
                let folder = tempfile::tempdir()?;
                let book = OrderBook::open(folder.path(), "web", idempotent)?;
                std::fs::write(book.path(), lines)?;
                assert_eq!(
                    book.check((1, 4), 1).is_ok(),
                    good,
                    "{name}, idempotent: {idempotent}"
                );
            }
        }
        Ok(())
    }

    #[test]
    fn the_programs_keep_the_book() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let book = OrderBook::open(folder.path(), "web", true)?;
        let run = |program: &str, arguments: &[&str]| {
            let path = book.folder.join(program);
            std::process::Command::new(path)
                .arg(book.path())
                .args(arguments)
                .output()
        };
        let read = || anyhow::Ok(serde_json::from_slice::<Value>(&run("read", &[])?.stdout)?);
        assert_eq!(read()?, json!({"replicas": 1, "generation": 0}));
        assert!(run("order", &["7", "4"])?.status.success());
        assert!(run("order", &["7", "4"])?.status.success());
        assert!(run("order", &["8", "3"])?.status.success());
        assert_eq!(read()?, json!({"replicas": 3, "generation": 8}));
        book.check((1, 4), 1)?;
        assert!(run("order", &["6", "2"])?.status.success());
        let came: Vec<_> = book
            .orders()?
            .iter()
            .map(|order| order.generation)
            .collect();
        assert_eq!(
            came,
            [7, 7, 8, 6],
            "it keeps what should not have come, too"
        );
        assert!(book.check((1, 4), 1).is_err());
        Ok(())
    }
}
