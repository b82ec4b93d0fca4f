//! Paper: QR codes on a screen or a page, a certificate as a PDF, and reading a code back from a picture.
//!
//! **What.** [`qr_svg`], [`qr_png`] and [`qr_terminal`] draw a text; [`certificate_pdf`] prints one A4 page
//! around a code; [`scan_picture`] reads every code of a picture. Nothing here knows what the text means.
//!
//! **Spec.** QR: ISO/IEC 18004, level M, the smallest version, alphanumeric mode where the text allows it,
//! black on white with a quiet zone of four modules and no decoration. Page: PDF/A-2a (ISO 19005-2, it
//! opens the same in fifty years) and PDF/UA-1 (ISO 14289-1, EN 301 549: a screen reader hears the fields
//! as a table and the instructions each in their language).
//!
//! **Picture.**
//! ```text
//! credential text ──► qr_* ──► screen ─┐
//!        └──► certificate_pdf ──► paper ─┴─ camera, scanner ──► scan_picture ──► the same text
//! ```
//!
//! **Absent on purpose.** 1. Trust: a page proves nothing, the signature inside the code does.
//! 2. A limit on what a wallet presents (1,000 characters): that is the caller's rule; here the limit is
//! what the largest code holds. 3. Claims in errors or in the PDF's metadata.

use std::path::PathBuf;

use credential::{Finding, Reason};

mod certificate;
mod code;
mod font;
mod layout;
mod page;
mod scan;

pub use certificate::{Certificate, Field, Language, certificate_pdf};
pub use code::{qr_png, qr_svg, qr_terminal};
pub use font::Fonts;
pub use scan::scan_picture;

/// Why something could not be drawn, printed or read. Never holds the text of a code or a claim.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PaperError {
    /// Nothing to draw.
    #[error("a QR code holds at least one character")]
    TextEmpty,
    /// More than the largest code holds.
    #[error(
        "a QR code at level M holds at most 5,596 digits, 3,391 capital letters and digits, or 2,331 bytes; \
         this text has {bytes} bytes"
    )]
    TextTooLong {
        /// Bytes of the text.
        bytes: usize,
    },
    /// Modules of a senseless size.
    #[error("a module is drawn 1 to {most} pixels wide")]
    ModuleSize {
        /// Pixels allowed.
        most: u32,
    },
    /// Neither a PNG nor a JPEG picture, or a broken one.
    #[error("the picture is not a readable PNG or JPEG file: {0}")]
    NotAPicture(String),
    /// A picture beyond the limits of [`scan_picture`].
    #[error("a picture has at most {bytes} bytes, {side} pixels on a side and {pixels} pixels in all")]
    PictureTooLarge {
        /// Bytes of the file.
        bytes: usize,
        /// Pixels on the longer side.
        side: u32,
        /// Pixels in all.
        pixels: u64,
    },
    /// A picture without a code, or with none that can be read.
    #[error("no QR code could be read: {0}")]
    Unreadable(&'static str),
    /// A font that no searched directory has.
    #[error(
        "the font {file} was not found; install the Debian package {package}, or name its directory in {variable}"
    )]
    FontMissing {
        /// The file looked for.
        file: &'static str,
        /// The package that has it.
        package: &'static str,
        /// The environment variable that names another directory.
        variable: &'static str,
    },
    /// A file that is not a font, or cannot be read.
    #[error("{path} is not a readable font: {reason}")]
    FontUnreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A character that no font draws: a wrong name on a certificate is worse than no certificate.
    #[error("a character of the {place} is in none of the fonts")]
    NoGlyph {
        /// Which part of the certificate.
        place: &'static str,
    },
    /// More than one page.
    #[error("a certificate fits one A4 page: {0}")]
    PageFull(&'static str),
    /// The page breaks a rule of its PDF standards.
    #[error("the page is not valid PDF/A-2a and PDF/UA-1: {0}")]
    Pdf(String),
}

impl PaperError {
    /// What a verdict says of a picture that could not be scanned; nothing for errors of drawing.
    pub fn finding(&self) -> Option<Finding> {
        match self {
            Self::NotAPicture(_) | Self::Unreadable(_) => {
                Some(Finding::new(Reason::Unreadable, self.to_string()))
            }
            Self::PictureTooLarge { .. } => Some(Finding::new(Reason::BadEncoding, self.to_string())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
