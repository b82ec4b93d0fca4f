//! The terminal: lines, tables, colours where somebody sees them, and questions.
//!
//! Everything goes through one writer, so that tests read what people read. Colours are used only when the
//! output is a terminal and `NO_COLOR` is not set; every meaning is also a word.

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal as _, Write};
use std::time::Duration;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use credential::{Overall, Part, Verdict};
use indicatif::ProgressBar;

/// Where output goes, and whether it may be coloured.
pub struct Screen<'a> {
    out: &'a mut dyn Write,
    coloured: bool,
}

/// What a word means, and so its colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Look at this.
    Warning,
    /// Not as it should be.
    Bad,
    /// Less important.
    Quiet,
}

impl Tone {
    fn colour(self) -> Color {
        match self {
            Self::Good => Color::Green,
            Self::Warning => Color::Yellow,
            Self::Bad => Color::Red,
            Self::Quiet => Color::DarkGrey,
        }
    }

    fn escape(self) -> &'static str {
        match self {
            Self::Good => "\u{1b}[1;32m",
            Self::Warning => "\u{1b}[1;33m",
            Self::Bad => "\u{1b}[1;31m",
            Self::Quiet => "\u{1b}[2m",
        }
    }
}

impl<'a> Screen<'a> {
    /// A screen over `out`.
    pub fn new(out: &'a mut dyn Write, coloured: bool) -> Self {
        Self { out, coloured }
    }

    /// Whether standard output is a terminal that may be coloured.
    pub fn stdout_is_coloured() -> bool {
        io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    /// A line.
    ///
    /// # Errors
    /// The writer's.
    pub fn line(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// A word in its tone, and text after it.
    ///
    /// # Errors
    /// The writer's.
    pub fn headline(&mut self, tone: Tone, word: impl Display, text: impl Display) -> io::Result<()> {
        if self.coloured {
            writeln!(self.out, "{}{word}\u{1b}[0m  {text}", tone.escape())
        } else {
            writeln!(self.out, "{word}  {text}")
        }
    }

    /// Names and values, one a line.
    ///
    /// # Errors
    /// The writer's.
    pub fn facts(&mut self, rows: &[(&str, String)]) -> io::Result<()> {
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in rows {
            let padding = " ".repeat(width - name.chars().count());
            if self.coloured {
                writeln!(self.out, "  \u{1b}[2m{name}{padding}\u{1b}[0m  {value}")?;
            } else {
                writeln!(self.out, "  {name}{padding}  {value}")?;
            }
        }
        Ok(())
    }

    /// A table.
    ///
    /// # Errors
    /// The writer's.
    pub fn table(&mut self, header: &[&str], rows: Vec<Vec<Cell>>) -> io::Result<()> {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(header.iter().map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
        table.add_rows(rows);
        if self.coloured {
            table.enforce_styling();
        } else {
            table.force_no_tty().set_width(120);
        }
        writeln!(self.out, "{table}")
    }

    /// A QR code, as wide as it needs to be.
    ///
    /// # Errors
    /// The writer's, or that the text does not fit a code.
    pub fn code(&mut self, text: &str) -> anyhow::Result<()> {
        writeln!(self.out, "{}", crate::paper::qr_terminal(text)?)?;
        Ok(())
    }

    /// Asks a question; anything but a clear yes is a no.
    ///
    /// # Errors
    /// The writer's or reader's.
    pub fn ask(&mut self, question: &str, answers: &mut dyn BufRead) -> io::Result<bool> {
        write!(self.out, "{question} [y/N] ")?;
        self.out.flush()?;
        let mut answer = String::new();
        io::Read::take(answers, 16).read_line(&mut answer)?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }
}

/// A sign on standard error that something goes on, where somebody watches; gone when this is dropped.
pub struct Waiting(ProgressBar);

impl Waiting {
    /// Says what is waited for.
    pub fn on(what: &'static str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(what);
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A cell in a tone.
pub fn toned(tone: Tone, text: impl Display) -> Cell {
    Cell::new(text).fg(tone.colour())
}

/// How an answer is shown: its tone and its word.
pub fn overall(overall: Overall) -> (Tone, &'static str) {
    match overall {
        Overall::Accept => (Tone::Good, "ACCEPT"),
        Overall::Refuse => (Tone::Bad, "REFUSE"),
        Overall::Undecided => (Tone::Warning, "CANNOT DECIDE"),
    }
}

/// A verdict, one row a part.
pub fn verdict_rows(verdict: &Verdict) -> Vec<Vec<Cell>> {
    let row = |(name, part): (&'static str, &Part)| {
        let (tone, word, finding) = match part {
            Part::Good => (Tone::Good, "good", None),
            Part::Bad(finding) => (Tone::Bad, "bad", Some(finding)),
            Part::Open(finding) => (Tone::Warning, "open", Some(finding)),
            Part::NotChecked => (Tone::Quiet, "not checked", None),
        };
        let code = finding.map_or("", |finding| finding.code.code());
        let detail = finding.map_or("", |finding| finding.detail.as_str());
        vec![Cell::new(name), toned(tone, word), Cell::new(code), Cell::new(detail)]
    };
    verdict.parts().into_iter().map(row).collect()
}

/// Seconds as people say them.
pub fn age(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use credential::{Finding, Reason};

    use super::*;

    fn shown(coloured: bool, show: impl FnOnce(&mut Screen<'_>)) -> String {
        let mut out = Vec::new();
        show(&mut Screen::new(&mut out, coloured));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn colours_are_for_terminals_and_the_words_are_for_all() {
        let show = |screen: &mut Screen<'_>| {
            let finding = Finding::new(Reason::Revoked, "the issuer revoked this credential");
            let verdict = Verdict { status: Part::Bad(finding), ..Verdict::default() };
            let (tone, word) = overall(verdict.overall());
            screen.headline(tone, word, "at lane 3").unwrap();
            screen.table(&["part", "answer", "code", "detail"], verdict_rows(&verdict)).unwrap();
        };
        let (plain, coloured) = (shown(false, show), shown(true, show));
        assert!(!plain.contains('\u{1b}'), "no escape outside a terminal");
        assert!(coloured.contains('\u{1b}'));
        for word in ["REFUSE", "REVOKED", "the issuer revoked this credential", "not checked"] {
            assert!(plain.contains(word) && coloured.contains(word), "{word}");
        }
    }

    #[test]
    fn only_a_clear_yes_is_a_yes() {
        for (answer, agreed) in
            [("y\n", true), ("YES\n", true), ("\n", false), ("", false), ("yep\n", false), ("n\n", false)]
        {
            let mut said = false;
            shown(false, |screen| said = screen.ask("Agree?", &mut answer.as_bytes()).unwrap());
            assert_eq!(said, agreed, "{answer:?}");
        }
    }

    #[test]
    fn ages_are_said_in_words() {
        let said: Vec<String> = [5, 600, 7_200, 259_200].map(age).into();
        assert_eq!(said, ["5 s", "10 min", "2 h", "3 days"]);
    }
}
