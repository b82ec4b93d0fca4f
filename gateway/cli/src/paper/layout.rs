//! Where the parts of a certificate stand on its page, and in which order they are read out.

use std::num::NonZeroU16;

use krilla::tagging::{Identifier, Node, TableHeaderScope, Tag, TagGroup, TagKind, TagTree};

use super::code::{Modules, QUIET};
use super::font::{Fonts, Style};
use super::page::{Block, HEIGHT, Ink, Look, MM, Sheet, WIDTH, count};
use super::{Certificate, Field, Language, PaperError};

const MARGIN: f32 = 20.0 * MM;
const RIGHT: f32 = WIDTH - MARGIN;
const COLUMN: f32 = RIGHT - MARGIN;

/// The least side of a printed code, without its quiet zone.
const CODE: f32 = 45.0 * MM;
/// The least side of one module: three and a half pixels of a scan at 150 dots an inch.
const MODULE: f32 = 0.6 * MM;

const ISSUER: Look = Look { style: Style::Bold, size: 9.5, ink: Ink::Black };
const TITLE: Look = Look { style: Style::Serif, size: 26.0, ink: Ink::Deep };
const SUBTITLE: Look = Look { style: Style::Sans, size: 11.5, ink: Ink::Deep };
const LABEL: Look = Look { style: Style::Sans, size: 8.2, ink: Ink::Black };
const VALUE: Look = Look { style: Style::Sans, size: 11.0, ink: Ink::Black };
const HEADING: Look = Look { style: Style::Bold, size: 7.6, ink: Ink::Deep };
const SMALL: Look = Look { style: Style::Sans, size: 7.2, ink: Ink::Grey };

const TITLE_LEADING: f32 = 32.0;
const VALUE_LEADING: f32 = 15.0;
const LABEL_LEADING: f32 = 11.0;
const SMALL_LEADING: f32 = 10.4;
const LABELS: f32 = 164.0;
const GAP: f32 = 16.0;
/// Above and below the text of a row.
const ROW: f32 = 7.5;
/// The part of a line's size by which its letters stand above the baseline.
const RISE: f32 = 0.73;

/// Between the main language of a label and the others.
const OTHERS: &str = " · ";
/// Below the date.
const DATE: &str = "Date of issue · 簽發日期 · Data de emissão";
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
        self.sheet.guilloche(MARGIN, RIGHT, 50.0, 10.0);
        let fonts = self.sheet.fonts;
        let day = certificate.issued_on.to_string();
        let day_left = RIGHT - fonts.width(&day, ISSUER.style, "date")? * ISSUER.size;
        let caption_left = RIGHT - fonts.width(DATE, SMALL.style, "date")? * SMALL.size;
        let room = caption_left.min(day_left) - GAP - MARGIN;
        let (name, others) = certificate.issuer.split_once(OTHERS).unwrap_or((&certificate.issuer, ""));
        let text = Block { room, leading: 12.5, look: ISSUER, place: "issuer" };
        let (mut issuer, end) = self.block(name, (MARGIN, 92.0), text)?;
        let text = Block { room, leading: SMALL_LEADING, look: SMALL, place: "issuer" };
        let (lines, end) = self.block(others, (MARGIN, end + 11.5), text)?;
        issuer.extend(lines);
        let day = self.sheet.line(&day, (day_left, 92.0), ISSUER, self.language, "date")?;
        let caption = self.sheet.line(DATE, (caption_left, 103.5), SMALL, self.language, "date")?;
        let text = Block { room: COLUMN, leading: TITLE_LEADING, look: TITLE, place: "title" };
        let (title, end) = self.block(&certificate.title, (MARGIN, end + 44.0), text)?;
        let text = Block { room: COLUMN, leading: 16.0, look: SUBTITLE, place: "subtitle" };
        let (subtitle, end) = self.block(&certificate.subtitle, (MARGIN, end + 21.0), text)?;
        self.sheet.rule(MARGIN, RIGHT, end + 16.0, 1.4, Ink::Deep);
        self.sheet.rule(MARGIN, RIGHT, end + 19.0, 0.4, Ink::Deep);
        let heading = Tag::Hn(NonZeroU16::MIN, Some(certificate.title.clone()));
        self.tree.push(group(heading, title));
        self.tree.push(group(Tag::P, subtitle));
        self.tree.push(group(Tag::P, issuer));
        self.tree.push(group(Tag::P, vec![caption, day]));
        Ok(end + 19.0)
    }

    /// The fields as a table, a hairline below each, label and value centred on one line. Returns the
    /// lower edge.
    fn table(&mut self, fields: &[Field], top: f32) -> Result<f32, PaperError> {
        let mut table = TagGroup::new(Tag::Table);
        let mut y = top;
        for field in fields {
            let (main, others) = field.label.split_once(OTHERS).unwrap_or((&field.label, ""));
            let name = Block { room: LABELS, leading: LABEL_LEADING, look: LABEL, place: "label" };
            let also = Block { room: LABELS, leading: SMALL_LEADING, look: SMALL, place: "label" };
            let says =
                Block { room: COLUMN - LABELS - GAP, leading: VALUE_LEADING, look: VALUE, place: "value" };
            let (name_height, also_height) = (self.height(main, name)?, self.height(others, also)?);
            let (label_height, value_height) = (name_height + also_height, self.height(&field.value, says)?);
            let height = label_height.max(value_height) + 2.0 * ROW;
            let first = |inner: f32, block: Block| {
                y + (height - inner) / 2.0 + (block.leading + block.look.size * RISE) / 2.0
            };
            let (mut label, _) = self.block(main, (MARGIN, first(label_height, name)), name)?;
            let below = first(label_height, also) + name_height;
            label.extend(self.block(others, (MARGIN, below), also)?.0);
            let (value, _) =
                self.block(&field.value, (MARGIN + LABELS + GAP, first(value_height, says)), says)?;
            y += height;
            self.sheet.rule(MARGIN, RIGHT, y, 0.5, Ink::Pale);
            let cells = [group(Tag::TH(TableHeaderScope::Row), label), group(Tag::TD, value)];
            table.push(TagGroup::with_children(Tag::TR, cells.into_iter().map(Node::from).collect()));
        }
        self.tree.push(table);
        Ok(y)
    }

    /// The height of a text, in whole lines.
    fn height(&self, text: &str, block: Block) -> Result<f32, PaperError> {
        let lines =
            self.sheet.fonts.wrap(text, block.look.style, block.room / block.look.size, block.place)?;
        Ok(count(lines.len()) * block.leading)
    }

    /// Draws a text in lines, the first baseline at `y`. Returns what was drawn and the last baseline.
    fn block(
        &mut self,
        text: &str,
        (x, y): (f32, f32),
        block: Block,
    ) -> Result<(Vec<Identifier>, f32), PaperError> {
        self.sheet.block(text, (x, y), block, self.language)
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
            let room = RIGHT - proof.left;
            let block = Block { room, leading: SMALL_LEADING, look: SMALL, place: "instructions" };
            let (text, end) =
                self.sheet.block(language.instruction(), (proof.left, y + SMALL_LEADING), block, tag)?;
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
            let block = Block { room: COLUMN, leading: SMALL_LEADING, look: SMALL, place: "small print" };
            let (lines, end) = self.block(text, (MARGIN, y + SMALL_LEADING), block)?;
            y = end;
            self.tree.push(group(Tag::P, lines));
        }
        Ok(())
    }
}

fn group(tag: impl Into<TagKind>, pieces: Vec<Identifier>) -> TagGroup {
    TagGroup::with_children(tag, pieces.into_iter().map(Node::from).collect())
}
