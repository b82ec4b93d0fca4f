//! What a story says while it runs: a line a step, and a bar where waiting is worth watching.
//!
//! Bars go to standard error and only to a terminal; lines go to one writer, so that a test reads what
//! people read and a pipe gets lines alone.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use causeway::screen::Screen;
use comfy_table::{Attribute, Cell, ContentArrangement, Table, TableComponent, presets};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Columns of a step's text, before its time.
const TEXT: usize = 86;
/// Columns of a table where there is no terminal to ask.
const WIDTH: u16 = 118;

/// Where a story is told.
pub struct Stage {
    bars: MultiProgress,
    coloured: bool,
    out: Mutex<Box<dyn Write + Send>>,
    started: Instant,
}

/// A step under way.
pub struct Step<'a> {
    stage: &'a Stage,
    bar: ProgressBar,
    started: Instant,
}

impl Stage {
    /// The terminal, or whatever stands in for it.
    pub fn terminal() -> Self {
        let live = io::stderr().is_terminal();
        let target = if live { ProgressDrawTarget::stderr_with_hz(15) } else { ProgressDrawTarget::hidden() };
        Self::over(
            Box::new(io::stdout()),
            MultiProgress::with_draw_target(target),
            Screen::stdout_is_coloured(),
        )
    }

    /// A writer without bars and colours.
    pub fn plain(out: Box<dyn Write + Send>) -> Self {
        Self::over(out, MultiProgress::with_draw_target(ProgressDrawTarget::hidden()), false)
    }

    fn over(out: Box<dyn Write + Send>, bars: MultiProgress, coloured: bool) -> Self {
        Self { bars, coloured, out: Mutex::new(out), started: Instant::now() }
    }

    /// Since the stage was set.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Writes on the screen, above the bars.
    ///
    /// # Errors
    /// The writer's.
    pub fn show<T>(&self, write: impl FnOnce(&mut Screen<'_>) -> io::Result<T>) -> io::Result<T> {
        self.bars.suspend(|| {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            let shown = write(&mut Screen::new(&mut **out, self.coloured))?;
            out.flush()?;
            Ok(shown)
        })
    }

    /// A line.
    ///
    /// # Errors
    /// The writer's.
    pub fn line(&self, text: impl Display) -> io::Result<()> {
        self.show(|screen| screen.line(text))
    }

    /// A headline over what follows.
    ///
    /// # Errors
    /// The writer's.
    pub fn title(&self, text: &str) -> io::Result<()> {
        let coloured = self.coloured;
        let text = if coloured { format!("\n\u{1b}[1m{text}\u{1b}[0m") } else { format!("\n{text}") };
        self.line(text)
    }

    /// A table: a line under its header, if it has one, and no other.
    ///
    /// # Errors
    /// The writer's.
    pub fn table(&self, header: &[&str], rows: Vec<Vec<Cell>>) -> io::Result<()> {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_style(TableComponent::HeaderLines, '─');
        table.set_style(TableComponent::MiddleHeaderIntersections, '─');
        if !header.is_empty() {
            table.set_header(header.iter().map(|title| Cell::new(title).add_attribute(Attribute::Dim)));
        }
        table.add_rows(rows);
        // Less the indent, and never so wide that the eye loses its line.
        let width = table.width().map_or(WIDTH, |width| width.saturating_sub(2).clamp(60, WIDTH));
        table.set_width(width);
        if self.coloured {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        self.show(|screen| table.lines().try_for_each(|line| screen.line(format!(" {}", line.trim_end()))))
    }

    /// Begins a step of `total` units.
    pub fn step(&self, what: &str, total: u64) -> Step<'_> {
        let style =
            ProgressStyle::with_template("  {msg:<34} {bar:30.cyan/white.dim} {human_pos:>7} of {human_len}");
        let style = style.expect("valid because it is ours").progress_chars("━━─");
        let bar = self.bars.add(ProgressBar::new(total).with_style(style).with_message(what.to_owned()));
        Step { stage: self, bar, started: Instant::now() }
    }

    /// Begins a step without a measure.
    pub fn wait(&self, what: &str) -> Step<'_> {
        let style =
            ProgressStyle::with_template("  {spinner:.cyan} {msg}").expect("valid because it is ours");
        let bar = self.bars.add(ProgressBar::new_spinner().with_style(style).with_message(what.to_owned()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Step { stage: self, bar, started: Instant::now() }
    }
}

impl Step<'_> {
    /// So many units more are done.
    pub fn advance(&self, units: u64) {
        self.bar.inc(units);
    }

    /// So many units are done in all.
    pub fn reach(&self, units: u64) {
        self.bar.set_position(units);
    }

    /// Ends the step with what came of it; the line says how long it took.
    ///
    /// # Errors
    /// The writer's.
    pub fn done(self, outcome: impl Display) -> io::Result<()> {
        self.bar.finish_and_clear();
        let seconds = self.started.elapsed().as_secs_f64();
        let (tick, quiet, plain) = if self.stage.coloured {
            ("\u{1b}[32m✓\u{1b}[0m", "\u{1b}[2m", "\u{1b}[0m")
        } else {
            ("✓", "", "")
        };
        self.stage.line(format!("{tick} {outcome:<TEXT$} {quiet}{seconds:>5.1} s{plain}"))
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
