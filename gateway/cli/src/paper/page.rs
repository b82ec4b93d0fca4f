//! One A4 page: text, rules and a code at given places, each piece tagged as a screen reader needs it.
//!
//! Lengths are points (1/72 inch), from the top left corner. `Sheet` draws and returns the identifier of
//! what it drew; the caller hangs it into the tag tree. Ornament is marked as such and is not read out.

use std::f32::consts::PI;

use krilla::color::{luma, rgb};
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::num::NormalizedF32;
use krilla::paint::{Fill, FillRule, Paint, Stroke};
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ArtifactType, ContentTag, Identifier, SpanTag};

use super::PaperError;
use super::code::{Bar, Modules};
use super::font::{Fonts, Style};

/// A4, ISO 216.
pub(super) const WIDTH: f32 = 595.28;
/// A4, ISO 216.
pub(super) const HEIGHT: f32 = 841.89;
/// Points in a millimetre.
pub(super) const MM: f32 = 72.0 / 25.4;

/// What colours mean on the page. Text and background keep a contrast of 7 : 1 or more (WCAG 2.1, AAA).
#[derive(Clone, Copy)]
pub(super) enum Ink {
    /// Titles and strong rules.
    Deep,
    /// What the certificate says.
    Black,
    /// Labels and small print.
    Grey,
    /// Hairlines.
    Pale,
    /// Ornament.
    Tint,
}

impl Ink {
    fn paint(self) -> Paint {
        let (red, green, blue) = match self {
            Self::Deep => (0x0f, 0x3d, 0x4c),
            Self::Black => (0x14, 0x17, 0x1a),
            Self::Grey => (0x4d, 0x55, 0x5b),
            Self::Pale => (0xc9, 0xd2, 0xd4),
            Self::Tint => (0x9d, 0xc2, 0xc4),
        };
        rgb::Color::new(red, green, blue).into()
    }
}

/// How a line of text looks.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) style: Style,
    pub(super) size: f32,
    pub(super) ink: Ink,
}

/// How a text of several lines is set.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// Width of the longest line.
    pub(super) room: f32,
    /// From baseline to baseline.
    pub(super) leading: f32,
    pub(super) look: Look,
    /// The part of the certificate, for errors.
    pub(super) place: &'static str,
}

/// The page being drawn.
pub(super) struct Sheet<'s, 'f> {
    pub(super) surface: Surface<'s>,
    pub(super) fonts: &'f Fonts,
}

impl Sheet<'_, '_> {
    /// Draws one line with its baseline at `y`.
    pub(super) fn line(
        &mut self,
        text: &str,
        (x, y): (f32, f32),
        look: Look,
        language: &str,
        place: &'static str,
    ) -> Result<Identifier, PaperError> {
        let runs = self.fonts.runs(text, look.style, place)?;
        let identifier =
            self.surface.start_tagged(ContentTag::Span(SpanTag::empty().with_lang(Some(language))));
        self.surface.set_fill(Some(fill(look.ink.paint())));
        let mut x = x;
        for run in runs {
            // The Chinese font has one weight; a thin outline in the same ink makes a bold one of it.
            let outline = Stroke { paint: look.ink.paint(), width: look.size * 0.028, ..Stroke::default() };
            self.surface.set_stroke(run.embolden.then_some(outline));
            let advance = run.width * look.size;
            self.surface.draw_glyphs(Point::from_xy(x, y), &run.glyphs, run.font, run.text, look.size, false);
            x += advance;
        }
        self.surface.end_tagged();
        Ok(identifier)
    }

    /// Draws a text in lines, the first baseline at `y`. Returns what was drawn and the last baseline; an
    /// empty text draws nothing and ends where it began.
    pub(super) fn block(
        &mut self,
        text: &str,
        (x, y): (f32, f32),
        Block { room, leading, look, place }: Block,
        language: &str,
    ) -> Result<(Vec<Identifier>, f32), PaperError> {
        let (mut drawn, mut baseline) = (Vec::new(), y);
        for (index, line) in
            self.fonts.wrap(text, look.style, room / look.size, place)?.into_iter().enumerate()
        {
            if index > 0 {
                baseline += leading;
            }
            drawn.push(self.line(line, (x, baseline), look, language, place)?);
        }
        Ok((drawn, baseline))
    }

    /// Draws a horizontal rule.
    pub(super) fn rule(&mut self, from: f32, to: f32, y: f32, width: f32, ink: Ink) {
        let mut path = PathBuilder::new();
        path.move_to(from, y);
        path.line_to(to, y);
        self.ornament(path, width, ink);
    }

    /// Draws a code with its quiet zone into the square at `(x, y)` with the given side: pure black on
    /// pure white, one path, so that neighbouring modules meet without a seam.
    pub(super) fn code(&mut self, modules: &Modules, (x, y): (f32, f32), side: f32) -> Identifier {
        let unit = side / count(modules.outer());
        let mut path = PathBuilder::new();
        for Bar { x: column, y: row, length } in modules.bars() {
            let bar =
                Rect::from_xywh(x + count(column) * unit, y + count(row) * unit, count(length) * unit, unit);
            path.push_rect(bar.expect("a rectangle because its sides are positive"));
        }
        let identifier = self.surface.start_tagged(ContentTag::Other);
        self.surface.set_stroke(None);
        let mut square = PathBuilder::new();
        square.push_rect(
            Rect::from_xywh(x, y, side, side).expect("a rectangle because its sides are positive"),
        );
        for (path, grey) in [(square, 255), (path, 0)] {
            self.surface.set_fill(Some(fill(luma::Color::new(grey).into())));
            let path = path.finish().expect("not empty because every code has dark modules");
            self.surface.draw_path(&path);
        }
        self.surface.end_tagged();
        identifier
    }

    /// Draws a band of interlaced hairlines, as on printed securities: two families of sine curves whose
    /// amplitude swells and ebbs. It is decoration and proves nothing.
    pub(super) fn guilloche(&mut self, from: f32, to: f32, middle: f32, amplitude: f32) {
        const STEPS: u16 = 220;
        const CURVES: u8 = 9;
        for curve in 0..CURVES {
            let phase = f32::from(curve) / f32::from(CURVES) * PI;
            for sign in [-1.0, 1.0] {
                let mut path = PathBuilder::new();
                for step in 0..=STEPS {
                    let t = f32::from(step) / f32::from(STEPS);
                    let swell = 0.62 + 0.38 * (t * 6.0 * PI).cos();
                    let y = middle + sign * amplitude * swell * (t * 12.0 * PI + phase).sin();
                    let x = from + (to - from) * t;
                    if step == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
                }
                self.ornament(path, 0.3, Ink::Tint);
            }
        }
    }

    fn ornament(&mut self, path: PathBuilder, width: f32, ink: Ink) {
        let Some(path) = path.finish() else { return };
        self.surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
        self.surface.set_fill(None);
        self.surface.set_stroke(Some(Stroke { paint: ink.paint(), width, ..Stroke::default() }));
        self.surface.draw_path(&path);
        self.surface.end_tagged();
    }
}

fn fill(paint: Paint) -> Fill {
    Fill { paint, opacity: NormalizedF32::ONE, rule: FillRule::NonZero }
}

/// A count of modules as a length.
pub(super) fn count(modules: usize) -> f32 {
    f32::from(u16::try_from(modules).expect("fits because a code has at most 185 modules a side"))
}
