//! Shows the scene: a panel that is drawn anew in its place, or plain lines where there is no terminal.

use super::panel::frame;
use super::scene::Scene;
use super::text::{clock, milliseconds, wrap};
use crate::output;
use crossterm::cursor::{Hide, MoveToColumn, MoveUp, Show};
use crossterm::queue;
use crossterm::terminal::{self, BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

/// A terminal narrower than this gets lines.
const NARROWEST: u16 = 60;
/// Without a terminal, a line about the load comes this often.
const LINE_EVERY: usize = 5;
/// The time before a line.
const TIME: usize = 6;

/// Shows the scene.
#[derive(Debug)]
pub(crate) enum View {
    /// In place, on a terminal.
    Panel {
        /// How many lines of the panel are on the screen now.
        drawn: u16,
        /// With colour.
        colour: bool,
    },
    /// A line at a time.
    Lines,
}

impl View {
    /// What standard output can show. `NO_COLOR` is respected.
    pub(crate) fn new() -> Self {
        let wide = terminal::size().is_ok_and(|(columns, _)| columns >= NARROWEST);
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if !io::stdout().is_terminal() || dumb || !wide {
            return Self::Lines;
        }
        let colour = std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        Self::Panel { drawn: 0, colour }
    }

    /// Says something, above the panel.
    pub(crate) fn say(&mut self, scene: &Scene, at: Duration, text: &str) -> anyhow::Result<()> {
        let text = format!("{:<TIME$}{text}", clock(at));
        match self {
            Self::Lines => output::line(&text),
            Self::Panel { .. } => self.draw(scene, &wrap(&text, columns() - 1, TIME)),
        }
    }

    /// A second has passed.
    pub(crate) fn second(&mut self, scene: &Scene) -> anyhow::Result<()> {
        match self {
            Self::Lines if scene.seconds.len().is_multiple_of(LINE_EVERY) => {
                output::line(&line(scene))
            }
            Self::Lines => Ok(()),
            Self::Panel { .. } => self.draw(scene, &[]),
        }
    }

    /// Leaves the panel as it is, and the cursor below it.
    pub(crate) fn close(&mut self) {
        if let Self::Panel { drawn, .. } = self
            && std::mem::take(drawn) > 0
        {
            // A terminal that has gone needs no cursor.
            let _ = queue!(io::stdout(), Show).and_then(|()| io::stdout().flush());
        }
    }

    /// Writes lines where the panel is, and the panel below them, in one go.
    fn draw(&mut self, scene: &Scene, above: &[String]) -> anyhow::Result<()> {
        let Self::Panel { drawn, colour } = self else {
            return Ok(());
        };
        let mut screen = Vec::new();
        queue!(screen, BeginSynchronizedUpdate, Hide)?;
        if *drawn > 0 {
            queue!(
                screen,
                MoveUp(*drawn),
                MoveToColumn(0),
                Clear(ClearType::FromCursorDown)
            )?;
        }
        let panel = frame(scene, columns(), *colour);
        for line in above.iter().chain(&panel) {
            writeln!(screen, "{line}")?;
        }
        queue!(screen, EndSynchronizedUpdate)?;
        *drawn = u16::try_from(panel.len()).unwrap_or(u16::MAX);
        let mut terminal = io::stdout().lock();
        terminal.write_all(&screen)?;
        Ok(terminal.flush()?)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.close();
    }
}

/// Prints a text of several lines, on a terminal broken at blanks; what is broken keeps the indentation of its line.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    if !io::stdout().is_terminal() {
        return output::line(text);
    }
    for line in text.split('\n') {
        let indent = line.chars().take_while(|c| *c == ' ').count() + 2;
        for part in wrap(line, columns() - 1, indent) {
            output::line(&part)?;
        }
    }
    Ok(())
}

fn columns() -> usize {
    let columns = terminal::size().map_or(NARROWEST, |(columns, _)| columns);
    usize::from(columns.max(NARROWEST))
}

/// The newest second in one line.
fn line(scene: &Scene) -> String {
    let now = scene.now();
    format!(
        "{:<TIME$}{:<8} {:>4} requests/s, p95 {}, {} lost, {} of {} workers ready",
        clock(scene.elapsed),
        scene.phase().word(),
        now.sent,
        milliseconds(now.p95),
        now.lost,
        scene.ready,
        scene.wanted,
    )
}
