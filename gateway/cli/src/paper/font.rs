//! Fonts from the system's packages: found, measured, and cut into runs that one font can draw.
//!
//! DejaVu (package `fonts-dejavu-core`) draws Latin with Portuguese accents and punctuation, Droid Sans
//! Fallback (package `fonts-droid-fallback`) draws Chinese in both scripts. Only the glyphs in use are
//! embedded. Text is set one glyph a character: neither script needs more.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider as _};

use super::PaperError;

/// Names a directory of fonts, searched before the system's.
const VARIABLE: &str = "CAUSEWAY_FONTS";

/// Where distributions keep fonts, below which the files lie in [`FOLDERS`].
const ROOTS: [&str; 6] = [
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/usr/share/fonts-droid-fallback",
    "/usr/local/share",
    "/opt/homebrew/share/fonts",
    "/Library/Fonts",
];

/// Folders of the two packages on Debian, Arch and Fedora.
const FOLDERS: [&str; 8] = [
    "",
    "truetype",
    "truetype/dejavu",
    "truetype/droid",
    "TTF",
    "droid",
    "dejavu-sans-fonts",
    "dejavu-serif-fonts",
];

const DEJAVU: &str = "fonts-dejavu-core";
const DROID: &str = "fonts-droid-fallback";

/// The fonts of a certificate, in memory; load once, print many.
pub struct Fonts {
    serif: Face,
    sans: Face,
    bold: Face,
    chinese: Face,
}

/// Which Latin font a text prefers. Chinese has one weight.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Serif,
    Sans,
    Bold,
}

struct Face {
    data: Arc<Vec<u8>>,
    font: Font,
}

/// A stretch of text in one font. Widths are in ems.
pub(super) struct Run<'t> {
    pub(super) font: Font,
    pub(super) text: &'t str,
    pub(super) glyphs: Vec<KrillaGlyph>,
    pub(super) width: f32,
    /// Whether the style is bold and the font is not.
    pub(super) embolden: bool,
}

impl Fonts {
    /// Finds the fonts in `directory`, then in the one that the environment variable `CAUSEWAY_FONTS`
    /// names, then in the system's.
    ///
    /// # Errors
    /// [`PaperError::FontMissing`] names the package to install; [`PaperError::FontUnreadable`].
    pub fn find(directory: Option<&Path>) -> Result<Self, PaperError> {
        let named = std::env::var_os(VARIABLE).map(PathBuf::from);
        let mut roots: Vec<PathBuf> = directory.map(Path::to_path_buf).into_iter().chain(named).collect();
        roots.extend(ROOTS.iter().map(PathBuf::from));
        Self::find_in(&roots)
    }

    /// Finds the fonts below `roots`; the first root that has a file wins.
    pub(super) fn find_in(roots: &[PathBuf]) -> Result<Self, PaperError> {
        Ok(Self {
            serif: Face::find(roots, &["DejaVuSerif.ttf"], DEJAVU)?,
            sans: Face::find(roots, &["DejaVuSans.ttf"], DEJAVU)?,
            bold: Face::find(roots, &["DejaVuSans-Bold.ttf"], DEJAVU)?,
            chinese: Face::find(roots, &["DroidSansFallbackFull.ttf", "DroidSansFallback.ttf"], DROID)?,
        })
    }

    /// Cuts a line into runs: the style's own font where it has the character, else Chinese, else the plain
    /// one.
    ///
    /// # Errors
    /// [`PaperError::NoGlyph`] with the part of the certificate.
    pub(super) fn runs<'t>(
        &self,
        text: &'t str,
        style: Style,
        place: &'static str,
    ) -> Result<Vec<Run<'t>>, PaperError> {
        let latin = match style {
            Style::Serif => &self.serif,
            Style::Sans => &self.sans,
            Style::Bold => &self.bold,
        };
        let faces = [latin, &self.chinese, &self.sans];
        let meters = faces.map(Face::meter);
        let mut runs: Vec<(usize, usize, Run<'t>)> = Vec::new();
        for (at, character) in text.char_indices() {
            // A control character has a glyph in some fonts and a meaning in none.
            let drawn = meters.iter().enumerate().filter(|_| !character.is_control());
            let (index, glyph, advance) = drawn
                .filter_map(|(index, meter)| {
                    meter.glyph(character).map(|(glyph, advance)| (index, glyph, advance))
                })
                .next()
                .ok_or(PaperError::NoGlyph { place })?;
            let end = at + character.len_utf8();
            if runs.last().is_none_or(|(used, ..)| *used != index) {
                let font = faces.get(index).expect("there because the meters are of the faces").font.clone();
                let embolden = style == Style::Bold && index > 0;
                runs.push((index, at, Run { font, text: "", glyphs: Vec::new(), width: 0.0, embolden }));
            }
            let (_, start, run) = runs.last_mut().expect("there because one was just pushed");
            run.text = text.get(*start..end).expect("on boundaries because both come from char_indices");
            let range = at - *start..end - *start;
            run.glyphs.push(KrillaGlyph::new(glyph, advance, 0.0, 0.0, 0.0, range, None));
            run.width += advance;
        }
        Ok(runs.into_iter().map(|(_, _, run)| run).collect())
    }

    /// The width of a line in ems.
    ///
    /// # Errors
    /// As [`Fonts::runs`].
    pub(super) fn width(&self, text: &str, style: Style, place: &'static str) -> Result<f32, PaperError> {
        Ok(self.runs(text, style, place)?.iter().map(|run| run.width).sum())
    }

    /// Breaks a text into lines of at most `width` ems: at spaces, around Chinese characters (no closing
    /// mark begins a line, no opening one ends it), and inside a word only if it alone is too long. An empty
    /// text has no lines.
    ///
    /// # Errors
    /// As [`Fonts::runs`].
    pub(super) fn wrap<'t>(
        &self,
        text: &'t str,
        style: Style,
        width: f32,
        place: &'static str,
    ) -> Result<Vec<&'t str>, PaperError> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let advances = self.runs(text, style, place)?;
        let mut advances = advances.iter().flat_map(|run| run.glyphs.iter().map(|glyph| glyph.x_advance));
        let mut lines = Vec::new();
        let (mut start, mut used, mut chance, mut before) = (0, 0.0, None, None);
        for (at, character) in text.char_indices() {
            let advance = advances.next().unwrap_or(0.0);
            if before.is_some_and(|before| may_break(before, character)) {
                chance = Some((at, used));
            }
            if used + advance > width && at > start && character != ' ' {
                let (cut, spent) = chance.take().filter(|(cut, _)| *cut > start).unwrap_or((at, used));
                lines.push(text.get(start..cut).unwrap_or_default().trim_end());
                start = cut;
                used -= spent;
            }
            used += advance;
            before = Some(character);
        }
        lines.push(text.get(start..).unwrap_or_default().trim_end());
        Ok(lines)
    }
}

/// Whether a line may end between two characters.
fn may_break(before: char, after: char) -> bool {
    const CLOSING: &str = "，。、；：！？）」』》】…—·,.;:!?)";
    const OPENING: &str = "（「『《【(";
    if after == ' ' || CLOSING.contains(after) || OPENING.contains(before) {
        return false;
    }
    before == ' ' || is_chinese(before) || is_chinese(after)
}

/// Han characters and the punctuation that goes with them.
fn is_chinese(character: char) -> bool {
    matches!(character, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ff65}' | '\u{20000}'..='\u{3ffff}')
}

impl Face {
    fn find(roots: &[PathBuf], files: &[&'static str], package: &'static str) -> Result<Self, PaperError> {
        for file in files {
            for root in roots {
                let places = FOLDERS.iter().map(|folder| root.join(folder).join(file));
                if let Some(path) = places.into_iter().find(|path| path.is_file()) {
                    return Self::load(path);
                }
            }
        }
        let file = files.first().copied().unwrap_or_default();
        Err(PaperError::FontMissing { file, package, variable: VARIABLE })
    }

    fn load(path: PathBuf) -> Result<Self, PaperError> {
        let unreadable = |reason: String| PaperError::FontUnreadable { path: path.clone(), reason };
        let data = Arc::new(std::fs::read(&path).map_err(|error| unreadable(error.to_string()))?);
        FontRef::new(&data).map_err(|error| unreadable(error.to_string()))?;
        let font =
            Font::new(data.clone().into(), 0).ok_or_else(|| unreadable("not an OpenType font".into()))?;
        Ok(Self { data, font })
    }

    fn meter(&self) -> Meter<'_> {
        let font = FontRef::new(&self.data).expect("readable because it was read when it was loaded");
        Meter {
            charmap: font.charmap(),
            metrics: font.glyph_metrics(Size::unscaled(), LocationRef::default()),
            em: self.font.units_per_em(),
        }
    }
}

/// A font's characters and widths.
struct Meter<'f> {
    charmap: skrifa::charmap::Charmap<'f>,
    metrics: skrifa::metrics::GlyphMetrics<'f>,
    em: f32,
}

impl Meter<'_> {
    /// The glyph of a character and its width in ems; nothing if the font lacks it.
    fn glyph(&self, character: char) -> Option<(GlyphId, f32)> {
        let glyph = self.charmap.map(character).filter(|glyph| glyph.to_u32() != 0)?;
        Some((GlyphId::new(glyph.to_u32()), self.metrics.advance_width(glyph)? / self.em))
    }
}
