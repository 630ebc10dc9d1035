//! Keeps the end of what a program prints, however much that is.

use std::collections::VecDeque;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// More than any count or error needs; a program that prints without end costs no more memory than this.
const KEPT_BYTES: usize = 64 * 1024;
/// What fits into an event and a terminal.
const SHOWN_CHARACTERS: usize = 1000;

/// The last [`KEPT_BYTES`] of a stream.
#[derive(Debug, Default)]
pub(super) struct Capture {
    kept: VecDeque<u8>,
    /// Whether something was dropped from the front.
    pub(super) truncated: bool,
}

impl Capture {
    /// Reads to the end of the stream. An error of the pipe counts as its end.
    pub(super) async fn fill(&mut self, mut stream: impl AsyncRead + Unpin) {
        let mut buffer = [0; 8 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            self.push(&buffer[..count]);
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.kept.extend(bytes);
        let surplus = self.kept.len().saturating_sub(KEPT_BYTES);
        if surplus > 0 {
            self.kept.drain(..surplus);
            self.truncated = true;
        }
    }

    /// All that was kept, as text.
    pub(super) fn text(&self) -> String {
        let bytes: Vec<u8> = self.kept.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last [`SHOWN_CHARACTERS`] of the text in one line: line ends become ` | `, other control characters `?`.
    pub(super) fn shown(&self) -> String {
        let text = self.text();
        let line = text
            .trim()
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty());
        let line = line.collect::<Vec<_>>().join(" | ");
        let count = line.chars().count();
        let shown: String = (line.chars().skip(count.saturating_sub(SHOWN_CHARACTERS)))
            .map(|c| if c.is_control() { '?' } else { c })
            .collect();
        if self.truncated || count > SHOWN_CHARACTERS {
            format!("… {shown}")
        } else {
            shown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(bytes: &[u8]) -> Capture {
        let mut capture = Capture::default();
        for chunk in bytes.chunks(7000) {
            capture.push(chunk);
        }
        capture
    }

    #[test]
    fn the_end_is_kept_and_shown_in_one_line() {
        let long = "x".repeat(3000) + "end";
        let cases = [
            (
                "lines are joined",
                "one\n\n  two \r\n",
                "one | two".to_owned(),
            ),
            (
                "control characters are harmless",
                "a\u{1b}[31mb",
                "a?[31mb".to_owned(),
            ),
            ("nothing", "\n", String::new()),
            (
                "only the end is shown",
                &long,
                format!("… {}end", "x".repeat(997)),
            ),
        ];
        for (name, text, want) in cases {
            assert_eq!(captured(text.as_bytes()).shown(), want, "{name}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let capture = captured(&[b'y'; 10 * KEPT_BYTES]);
        assert_eq!(capture.kept.len(), KEPT_BYTES);
        assert!(capture.truncated);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(captured(b"a\xffb").shown(), "a\u{fffd}b");
    }
}
