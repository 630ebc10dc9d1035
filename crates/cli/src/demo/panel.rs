//! The live panel: load, latency and workers of the last seconds, in five lines.

use super::curve::Phase;
use super::scene::Scene;
use super::sparkline::sparkline;
use super::text::{clock, milliseconds};
use crossterm::style::{Color, Stylize as _};

/// Wider than this, lines are hard to follow with the eye.
const WIDEST: usize = 110;
/// The names of the rows.
const NAMES: usize = 10;
/// The figures at the end of a row.
const FIGURES: usize = 27;

/// The panel's lines, each narrower than `width`.
pub(super) fn frame(scene: &Scene, width: usize, colour: bool) -> Vec<String> {
    let width = width.saturating_sub(1).min(WIDEST);
    let bars = width.saturating_sub(NAMES + FIGURES + 1);
    let row = |name: &str, values: Vec<f64>, most: f64, tint: Color, figures: String| {
        let most = values.iter().copied().fold(most, f64::max);
        let bars = painted(sparkline(&values, most, bars), tint, colour);
        format!(" {name:<width$}{bars} {figures}", width = NAMES - 1)
    };
    let seconds = scene.seconds.as_slice();
    let now = scene.now();
    let load = seconds
        .iter()
        .map(|second| second.figures.sent as f64)
        .collect();
    let p95 = seconds
        .iter()
        .map(|second| second.figures.p95.unwrap_or_default().as_secs_f64())
        .collect();
    let workers = seconds
        .iter()
        .map(|second| f64::from(second.ready.0))
        .collect();
    let lost = if now.lost > 0 {
        format!(", {} lost", now.lost)
    } else {
        String::new()
    };
    vec![
        rule(&title(scene), width, colour),
        row(
            "load",
            load,
            1.0,
            Color::Cyan,
            format!("{} requests/s{lost}", now.sent),
        ),
        // Below a quarter of a second all is well, and the row stays low.
        row(
            "latency",
            p95,
            0.25,
            Color::Yellow,
            format!("{} (p95)", milliseconds(now.p95)),
        ),
        row(
            "workers",
            workers,
            f64::from(scene.maximum.0),
            Color::Green,
            boxes(scene),
        ),
    ]
}

fn title(scene: &Scene) -> [String; 2] {
    let left = format!("headroom demo · {}", scene.phase().word());
    let right = match scene.phase() {
        Phase::Settling => clock(scene.elapsed),
        _ => format!("{} of {}", clock(scene.elapsed), clock(scene.length())),
    };
    [left, right]
}

/// A line across, with a text near each end.
fn rule([left, right]: &[String; 2], width: usize, colour: bool) -> String {
    let between = width
        .saturating_sub(left.chars().count() + right.chars().count() + 8)
        .max(1);
    let line = format!("── {left} {} {right} ──", "─".repeat(between));
    painted(line, Color::DarkGrey, colour)
}

/// A box for each worker that answers, a light one for each that is still to come.
fn boxes(scene: &Scene) -> String {
    let (ready, wanted) = (
        scene.ready.0.min(scene.maximum.0),
        scene.wanted.0.min(scene.maximum.0),
    );
    let full = "■".repeat(ready as usize);
    let light = "□".repeat(wanted.saturating_sub(ready) as usize);
    let boxes = format!("{full}{light}");
    format!("{boxes:<8} {} of {} ready", scene.ready, scene.wanted)
}

fn painted(text: String, tint: Color, colour: bool) -> String {
    if colour {
        text.with(tint).to_string()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::curve::Curve;
    use super::super::meter::Figures;
    use super::*;
    use headroom_model::Replicas;
    use std::time::Duration;

    fn scene(seconds: u64) -> Scene {
        let mut scene = Scene::new(Curve::new(Duration::from_secs(60)), Replicas(8));
        for second in 1..=seconds {
            let figures = Figures {
                sent: second * 20,
                lost: second % 2,
                p95: Some(Duration::from_millis(second * 10)),
            };
            scene.second(
                Duration::from_secs(second),
                figures,
                Replicas(second as u32 % 8),
            );
        }
        scene.wanted = Replicas(8);
        scene
    }

    #[test]
    fn a_frame_fits_the_terminal() {
        for width in [20, 40, 80, 120, 300] {
            for seconds in [0, 1, 29, 90] {
                let frame = frame(&scene(seconds), width, false);
                assert_eq!(frame.len(), 4);
                let longest = frame
                    .iter()
                    .map(|line| line.chars().count())
                    .max()
                    .unwrap_or_default();
                // Names and figures are never cut; below 60 columns the view does not show the panel.
                assert!(longest < width.max(60), "{width}: {frame:#?}");
            }
        }
    }

    #[test]
    fn a_frame_shows_the_newest_second() {
        let frame = frame(&scene(3), 80, false);
        assert!(
            frame[0].starts_with("── headroom demo · calm ──")
                && frame[0].ends_with("── 0:03 of 1:00 ──")
        );
        assert!(frame[1].contains("60 requests/s, 1 lost"), "{}", frame[1]);
        assert!(frame[2].contains("30 ms (p95)"), "{}", frame[2]);
        assert!(frame[3].contains("■■■□□□□□ 3 of 8 ready"), "{}", frame[3]);
    }

    #[test]
    fn without_colour_there_are_no_escape_codes() {
        assert!(
            frame(&scene(9), 80, false)
                .iter()
                .all(|line| !line.contains('\u{1b}'))
        );
    }
}
