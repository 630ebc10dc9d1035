//! A row of bars, an eighth of a line fine.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The newest `width` values as bars, the highest for `most` and above; blank where nothing is known yet. As many
/// characters as `width`.
pub(super) fn sparkline(values: &[f64], most: f64, width: usize) -> String {
    let newest = &values[values.len().saturating_sub(width)..];
    let bars = newest.iter().map(|&value| bar(value, most));
    let blanks = std::iter::repeat_n(' ', width - newest.len());
    bars.chain(blanks).collect()
}

fn bar(value: f64, most: f64) -> char {
    let share = if most > 0.0 {
        (value / most).clamp(0.0, 1.0)
    } else {
        0.0
    };
    // Between 0 and 7 whatever comes, since NaN becomes 0.
    let level = (share * 7.0).round() as usize;
    BARS[level.min(7)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_from_the_left_and_then_move() {
        let cases = [
            ("nothing yet", vec![], 4.0, "    "),
            ("the first", vec![4.0], 4.0, "█   "),
            ("in proportion", vec![0.0, 2.0, 4.0], 4.0, "▁▅█ "),
            (
                "only the newest",
                vec![9.0, 0.0, 0.0, 0.0, 4.0],
                4.0,
                "▁▁▁█",
            ),
            ("above the most", vec![9.0], 4.0, "█   "),
            ("all is zero", vec![0.0], 0.0, "▁   "),
            ("no number", vec![f64::NAN], 4.0, "▁   "),
        ];
        for (name, values, most, want) in cases {
            assert_eq!(sparkline(&values, most, 4), want, "{name}");
        }
    }
}
