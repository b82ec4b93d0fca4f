//! A text as a QR code: the modules, and three ways to draw them.

use std::fmt::Write as _;

use fast_qr::{ECL, QRBuilder};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};

use super::PaperError;

/// Light modules around a code, on every side (ISO/IEC 18004, 5.3.8).
pub(super) const QUIET: usize = 4;

/// The widest module of a PNG: 32 pixels keep the largest code under 6,000 pixels a side.
const WIDEST_MODULE: u32 = 32;

/// The modules of a code, without its quiet zone.
pub(super) struct Modules {
    size: usize,
    dark: Vec<bool>,
}

/// A row's stretch of dark modules: one rectangle.
pub(super) struct Bar {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) length: usize,
}

impl Modules {
    /// Encodes at level M, in the smallest version that holds the text.
    pub(super) fn of(text: &str) -> Result<Self, PaperError> {
        if text.is_empty() {
            return Err(PaperError::TextEmpty);
        }
        let code = QRBuilder::new(text)
            .ecl(ECL::M)
            .build()
            .map_err(|_| PaperError::TextTooLong { bytes: text.len() })?;
        let dark = code.data.iter().take(code.size * code.size).map(|module| module.value()).collect();
        Ok(Self { size: code.size, dark })
    }

    /// Modules on a side.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Modules on a side, with the quiet zone.
    pub(super) fn outer(&self) -> usize {
        self.size + 2 * QUIET
    }

    /// Whether a module is dark, counted from the corner of the quiet zone; everything outside is light.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < self.size);
        let (Some(x), Some(y)) = (inside(x), inside(y)) else { return false };
        self.dark.get(y * self.size + x).copied().unwrap_or(false)
    }

    /// The dark stretches, row by row, counted from the corner of the quiet zone.
    pub(super) fn bars(&self) -> Vec<Bar> {
        let mut bars: Vec<Bar> = Vec::new();
        for y in QUIET..QUIET + self.size {
            for x in (QUIET..QUIET + self.size).filter(|x| self.is_dark(*x, y)) {
                match bars.last_mut() {
                    Some(bar) if bar.y == y && bar.x + bar.length == x => bar.length += 1,
                    _ => bars.push(Bar { x, y, length: 1 }),
                }
            }
        }
        bars
    }
}

/// The text as an SVG image, one unit a module, black on a white square with its quiet zone.
///
/// # Errors
/// [`PaperError::TextEmpty`], [`PaperError::TextTooLong`].
pub fn qr_svg(text: &str) -> Result<String, PaperError> {
    let modules = Modules::of(text)?;
    let side = modules.outer();
    let mut path = String::new();
    for Bar { x, y, length } in modules.bars() {
        write!(path, "M{x} {y}h{length}v1h-{length}z").expect("succeeds because a String grows");
    }
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>\n"
    ))
}

/// The text as a PNG image of grey values, `module_px` (1 to 32) pixels a module, with its quiet zone.
///
/// # Errors
/// [`PaperError::TextEmpty`], [`PaperError::TextTooLong`], [`PaperError::ModuleSize`].
pub fn qr_png(text: &str, module_px: u32) -> Result<Vec<u8>, PaperError> {
    if !(1..=WIDEST_MODULE).contains(&module_px) {
        return Err(PaperError::ModuleSize { most: WIDEST_MODULE });
    }
    let modules = Modules::of(text)?;
    let scale = usize::try_from(module_px).expect("fits because it is at most 32");
    let side = modules.outer() * scale;
    let mut grey = Vec::with_capacity(side * side);
    for y in 0..side {
        grey.extend((0..side).map(|x| if modules.is_dark(x / scale, y / scale) { 0u8 } else { 255 }));
    }
    let mut png = Vec::new();
    let side = u32::try_from(side).expect("fits because a code has at most 185 modules of 32 pixels");
    PngEncoder::new(&mut png)
        .write_image(&grey, side, side, ExtendedColorType::L8)
        .expect("succeeds because the buffer has side × side bytes and a Vec grows");
    Ok(png)
}

/// The text for a terminal: two rows of modules a line in half blocks, black on white whatever the
/// terminal's colours are, with its quiet zone. Every line resets the colours, so nothing bleeds.
///
/// # Errors
/// [`PaperError::TextEmpty`], [`PaperError::TextTooLong`].
pub fn qr_terminal(text: &str) -> Result<String, PaperError> {
    /// Colours 16 and 231 of the 256: true black and true white, which themes leave alone.
    const BLACK_ON_WHITE: &str = "\u{1b}[38;5;16;48;5;231m";
    const RESET: &str = "\u{1b}[0m";
    let modules = Modules::of(text)?;
    let mut lines = String::new();
    for y in (0..modules.outer()).step_by(2) {
        lines.push_str(BLACK_ON_WHITE);
        lines.extend((0..modules.outer()).map(|x| {
            match (modules.is_dark(x, y), modules.is_dark(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            }
        }));
        lines.push_str(RESET);
        lines.push('\n');
    }
    Ok(lines)
}
