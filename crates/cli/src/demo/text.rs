//! Times and paragraphs as people read them.

use std::time::Duration;

/// `0:07`, `1:30`: minutes and seconds.
pub(crate) fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// `43 ms`, or `–` when nothing was measured.
pub(crate) fn milliseconds(latency: Option<Duration>) -> String {
    latency.map_or_else(
        || "–".to_owned(),
        |latency| format!("{} ms", latency.as_millis()),
    )
}

/// Breaks a line into lines of at most `width` characters, at blanks; those after the first begin with `indent` blanks. A
/// word that is longer has a line of its own.
pub(crate) fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = text.to_owned();
    while line.chars().count() > width {
        let begins = line.chars().take_while(|c| *c == ' ').count();
        // The last blank that leaves a full line, or the first one after a word that is too long.
        let blanks = line
            .char_indices()
            .zip(0..)
            .filter(|((_, c), at)| *c == ' ' && *at > begins);
        let places: Vec<(usize, usize)> = blanks.map(|((byte, _), at)| (byte, at)).collect();
        let fitting = places.iter().rev().find(|(_, at)| *at <= width);
        let Some((byte, _)) = fitting.or(places.first()) else {
            break;
        };
        let rest = format!("{}{}", " ".repeat(indent), line[*byte..].trim_start());
        line.truncate(*byte);
        lines.push(std::mem::replace(&mut line, rest));
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_broken_at_blanks() {
        let cases = [
            ("short", "a b", 10, vec!["a b"]),
            ("exactly full", "ab cd", 5, vec!["ab cd"]),
            ("too long", "ab cd ef", 5, vec!["ab cd", "  ef"]),
            (
                "a long word",
                "ab cdefghij k",
                5,
                vec!["ab", "  cdefghij", "  k"],
            ),
            ("blanks in a row stay", "a  b", 9, vec!["a  b"]),
            ("nothing", "", 5, vec![""]),
            (
                "the first line keeps its beginning",
                "  ab cd",
                6,
                vec!["  ab", "  cd"],
            ),
            (
                "letters of several bytes",
                "äö →→ ü",
                5,
                vec!["äö →→", "  ü"],
            ),
            (
                "an indent as wide as the line",
                "   abc def",
                3,
                vec!["   abc", "  def"],
            ),
        ];
        for (name, text, width, want) in cases {
            assert_eq!(wrap(text, width, 2), want, "{name}");
        }
    }

    #[test]
    fn times_are_minutes_and_seconds() {
        let cases = [(0, "0:00"), (7, "0:07"), (60, "1:00"), (754, "12:34")];
        for (seconds, want) in cases {
            assert_eq!(clock(Duration::from_secs(seconds)), want);
        }
    }
}
