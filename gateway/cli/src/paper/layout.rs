//! Where the parts of a certificate stand on its page, and in which order they are read out.

use std::num::NonZeroU16;

use krilla::tagging::{Identifier, Node, TableHeaderScope, Tag, TagGroup, TagKind, TagTree};

use super::code::{Modules, QUIET};
use super::font::{Fonts, Style};
use super::page::{HEIGHT, Ink, Look, MM, Sheet, WIDTH, count};
use super::{Certificate, Field, Language, PaperError};

const MARGIN: f32 = 20.0 * MM;
const RIGHT: f32 = WIDTH - MARGIN;
const COLUMN: f32 = RIGHT - MARGIN;

/// The least side of a printed code, without its quiet zone.
const CODE: f32 = 45.0 * MM;
/// The least side of one module: three pixels of a scan at 150 dots an inch, which every camera resolves.
const MODULE: f32 = 0.6 * MM;

const TITLE: Look = Look { style: Style::Serif, size: 25.0, ink: Ink::Deep, tracking: 0.0 };
const SUBTITLE: Look = Look { style: Style::Sans, size: 11.5, ink: Ink::Deep, tracking: 0.02 };
const ISSUER: Look = Look { style: Style::Bold, size: 9.0, ink: Ink::Black, tracking: 0.02 };
const LABEL: Look = Look { style: Style::Sans, size: 7.8, ink: Ink::Grey, tracking: 0.0 };
const VALUE: Look = Look { style: Style::Sans, size: 11.0, ink: Ink::Black, tracking: 0.0 };
const HEADING: Look = Look { style: Style::Bold, size: 7.6, ink: Ink::Deep, tracking: 0.0 };
const SMALL: Look = Look { style: Style::Sans, size: 7.2, ink: Ink::Grey, tracking: 0.0 };

const TITLE_LEADING: f32 = 31.0;
const LABEL_LEADING: f32 = 10.5;
const VALUE_LEADING: f32 = 15.0;
const SMALL_LEADING: f32 = 10.4;
/// From the first baseline of a row to the rule above it.
const ROW_ABOVE: f32 = 16.5;
/// From the last baseline of a row to the rule below it.
const ROW_BELOW: f32 = 8.5;
const LABELS: f32 = 160.0;
const GAP: f32 = 16.0;

/// What a screen reader says in place of the code.
const CODE_TEXT: &str = "QR code with the signed certificate, for a verifier's scanner";

/// Draws everything and returns the reading order.
pub(super) fn draw(
    certificate: &Certificate,
    modules: &Modules,
    sheet: Sheet<'_, '_>,
) -> Result<TagTree, PaperError> {
    let language = certificate.language.tag();
    let mut layout = Layout { sheet, tree: TagTree::new().with_lang(Some(language.into())), language };
    let proof = Proof::measure(certificate, modules, layout.sheet.fonts)?;
    let head = layout.head(certificate)?;
    let bottom = layout.table(&certificate.fields, head)?;
    if bottom > proof.top - GAP {
        return Err(PaperError::PageFull("title and fields reach down to the code"));
    }
    layout.proof(modules, &proof)?;
    layout.foot(&certificate.footer, proof.foot)?;
    layout.sheet.surface.finish();
    Ok(layout.tree)
}

/// The code and its instructions, measured from the bottom margin upwards.
struct Proof {
    instructions: Vec<Language>,
    /// Points a module.
    unit: f32,
    /// Left edge of the instructions.
    left: f32,
    /// Upper edge of code and instructions.
    top: f32,
    /// The rule above the small print.
    foot: f32,
}

impl Proof {
    fn measure(certificate: &Certificate, modules: &Modules, fonts: &Fonts) -> Result<Self, PaperError> {
        let mut lines = 0;
        for text in &certificate.footer {
            lines += fonts.wrap(text, SMALL.style, COLUMN / SMALL.size, "small print")?.len();
        }
        let foot = HEIGHT - MARGIN - count(lines.min(100)) * SMALL_LEADING - 6.0;
        let unit = MODULE.max(CODE / count(modules.size()));
        let side = count(modules.size()) * unit;
        // The quiet zone lies between code and text, and is never narrower than the gap.
        let left = MARGIN + side + GAP.max(count(QUIET) * unit);
        let mut height = 0.0;
        for language in &certificate.instructions {
            let text = language.instruction();
            let lines = fonts.wrap(text, SMALL.style, (RIGHT - left) / SMALL.size, "instructions")?.len();
            height += Self::paragraph(lines);
        }
        let top = foot - GAP - side.max(height - Self::SPACING);
        Ok(Self { instructions: certificate.instructions.clone(), unit, left, top, foot })
    }

    /// Between two languages.
    const SPACING: f32 = 8.0;

    fn paragraph(lines: usize) -> f32 {
        count(lines + 1) * SMALL_LEADING + Self::SPACING
    }
}

struct Layout<'s, 'f> {
    sheet: Sheet<'s, 'f>,
    tree: TagTree,
    language: &'static str,
}

impl Layout<'_, '_> {
    /// Band, issuer and date, title, subtitle, double rule. Returns where the table begins.
    fn head(&mut self, certificate: &Certificate) -> Result<f32, PaperError> {
        self.sheet.guilloche(MARGIN, RIGHT, 48.0, 9.0);
        let day = certificate.issued_on.to_string();
        let day_width = self.sheet.fonts.width(&day, ISSUER.style, ISSUER.tracking, "date")? * ISSUER.size;
        let room = COLUMN - day_width - GAP;
        let (issuer, bottom) =
            self.sheet.block(&certificate.issuer, (MARGIN, 88.0), (room, 13.0), ISSUER, self.language, "issuer")?;
        let day = self.sheet.line(&day, (RIGHT - day_width, 88.0), ISSUER, self.language, "date")?;
        let at = (MARGIN, bottom + 42.0);
        let (title, bottom) =
            self.sheet.block(&certificate.title, at, (COLUMN, TITLE_LEADING), TITLE, self.language, "title")?;
        let at = (MARGIN, bottom + 21.0);
        let (subtitle, bottom) =
            self.sheet.block(&certificate.subtitle, at, (COLUMN, 16.0), SUBTITLE, self.language, "subtitle")?;
        self.sheet.rule(MARGIN, RIGHT, bottom + 15.0, 1.4, Ink::Deep);
        self.sheet.rule(MARGIN, RIGHT, bottom + 18.0, 0.4, Ink::Deep);
        let heading = Tag::Hn(NonZeroU16::MIN, Some(certificate.title.clone()));
        self.tree.push(group(heading, title));
        self.tree.push(group(Tag::P, subtitle));
        self.tree.push(group(Tag::P, issuer));
        self.tree.push(group(Tag::P, vec![day]));
        Ok(bottom + 18.0)
    }

    /// The fields as a table, a hairline below each. Returns the lower edge.
    fn table(&mut self, fields: &[Field], top: f32) -> Result<f32, PaperError> {
        let mut table = TagGroup::new(Tag::Table);
        let mut y = top;
        for field in fields {
            let at = (MARGIN, y + ROW_ABOVE);
            let room = (LABELS, LABEL_LEADING);
            let (label, label_end) = self.sheet.block(&field.label, at, room, LABEL, self.language, "label")?;
            let at = (MARGIN + LABELS + GAP, y + ROW_ABOVE);
            let room = (COLUMN - LABELS - GAP, VALUE_LEADING);
            let (value, value_end) = self.sheet.block(&field.value, at, room, VALUE, self.language, "value")?;
            y = label_end.max(value_end) + ROW_BELOW;
            self.sheet.rule(MARGIN, RIGHT, y, 0.5, Ink::Pale);
            let cells = [group(Tag::TH(TableHeaderScope::Row), label), group(Tag::TD, value)];
            table.push(TagGroup::with_children(Tag::TR, cells.into_iter().map(Node::from).collect()));
        }
        self.tree.push(table);
        Ok(y)
    }

    /// The code on the left, the instructions beside it.
    fn proof(&mut self, modules: &Modules, proof: &Proof) -> Result<(), PaperError> {
        let quiet = count(QUIET) * proof.unit;
        let corner = (MARGIN - quiet, proof.top - quiet);
        let code = self.sheet.code(modules, corner, count(modules.outer()) * proof.unit);
        self.tree.push(group(Tag::Figure(Some(CODE_TEXT.into())), vec![code]));
        let mut y = proof.top + 6.0;
        for language in &proof.instructions {
            let (tag, at) = (language.tag(), (proof.left, y));
            let heading = self.sheet.line(language.heading(), at, HEADING, tag, "instructions")?;
            let (at, room) = ((proof.left, y + SMALL_LEADING), (RIGHT - proof.left, SMALL_LEADING));
            let (text, end) = self.sheet.block(language.instruction(), at, room, SMALL, tag, "instructions")?;
            y = end + SMALL_LEADING + Proof::SPACING;
            let level = NonZeroU16::MIN.saturating_add(1);
            self.tree.push(group(Tag::Hn(level, Some(language.heading().into())), vec![heading]));
            self.tree.push(group(Tag::P, text));
        }
        Ok(())
    }

    /// The small print below its double rule.
    fn foot(&mut self, footer: &[String], top: f32) -> Result<(), PaperError> {
        self.sheet.rule(MARGIN, RIGHT, top - 3.0, 0.4, Ink::Deep);
        self.sheet.rule(MARGIN, RIGHT, top, 1.4, Ink::Deep);
        let mut y = top + 2.0;
        for text in footer {
            let (at, room) = ((MARGIN, y + SMALL_LEADING), (COLUMN, SMALL_LEADING));
            let (lines, end) = self.sheet.block(text, at, room, SMALL, self.language, "small print")?;
            y = end;
            self.tree.push(group(Tag::P, lines));
        }
        Ok(())
    }
}

fn group(tag: impl Into<TagKind>, pieces: Vec<Identifier>) -> TagGroup {
    TagGroup::with_children(tag, pieces.into_iter().map(Node::from).collect())
}
