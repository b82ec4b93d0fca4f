//! The certificate: one A4 page that a person can read and a machine can verify.
//!
//! ```text
//! ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~  band
//! ISSUER                    date
//! Title
//! Subtitle
//! ══════════════════════════════
//! label    value                   what the certificate says, a table
//! ──────────────────────────────
//! label    value
//!
//! ┌──────┐  How to verify          the code, and how to verify in four languages
//! │  QR  │  如何核验 …
//! └──────┘
//! ══════════════════════════════
//! small print
//! ```
//! The fields grow from the top, the code and what belongs to it stand on the bottom margin; if they meet,
//! the certificate is refused rather than squeezed. The PDF's metadata holds title, issuer and date only.

use did_registry::Date;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder, ValidationError};
use krilla::destination::XyzDestination;
use krilla::error::KrillaError;
use krilla::geom::Point;
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::{Document, SerializeSettings};
use serde::Deserialize;

use super::code::Modules;
use super::page::{HEIGHT, Sheet, WIDTH};
use super::{Fonts, PaperError, layout};

/// A language of the page, for its instructions and for screen readers; written as its BCP 47 tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// 简体中文.
    #[serde(rename = "zh-Hans")]
    SimplifiedChinese,
    /// 繁體中文.
    #[serde(rename = "zh-Hant")]
    TraditionalChinese,
    /// Português.
    #[serde(rename = "pt")]
    Portuguese,
}

impl Language {
    /// All four, in the order of printing.
    pub const ALL: [Self; 4] =
        [Self::English, Self::SimplifiedChinese, Self::TraditionalChinese, Self::Portuguese];

    /// The BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::SimplifiedChinese => "zh-Hans",
            Self::TraditionalChinese => "zh-Hant",
            Self::Portuguese => "pt",
        }
    }

    pub(super) const fn heading(self) -> &'static str {
        match self {
            Self::English => "How to verify this document",
            Self::SimplifiedChinese => "如何核验本文件",
            Self::TraditionalChinese => "如何核驗本文件",
            Self::Portuguese => "Como verificar este documento",
        }
    }

    pub(super) const fn instruction(self) -> &'static str {
        match self {
            Self::English => {
                "Scan the code with a Causeway checkpoint; no network is needed. Compare the result with the \
                 holder's identity document. Only the signature inside the code is proof: the printed text \
                 alone proves nothing."
            }
            Self::SimplifiedChinese => {
                "请用 Causeway 检查点扫描二维码，无需联网。将核验结果与持有人的身份证件比对。只有码内的数字签名才是证明，\
                 仅凭印刷文字不能证明任何事项。"
            }
            Self::TraditionalChinese => {
                "請以 Causeway 檢查點掃描二維碼，毋須連線。將核驗結果與持有人的身份證明文件比對。只有碼內的數碼簽署才是證明，\
                 單憑印刷文字不能證明任何事項。"
            }
            Self::Portuguese => {
                "Leia o código com um posto de controlo Causeway; não é necessária ligação à rede. Compare o \
                 resultado com o documento de identificação do titular. Só a assinatura contida no código faz \
                 prova: o texto impresso, por si só, nada prova."
            }
        }
    }
}

/// One line of what a certificate says.
#[derive(Clone)]
pub struct Field {
    /// What it is, for example `Name · 姓名 · Nome`; the part before the first ` · ` stands out.
    pub label: String,
    /// What the issuer says. Personal, therefore this type prints nothing.
    pub value: String,
}

/// What goes onto the page.
#[derive(Clone)]
pub struct Certificate {
    /// In the largest letters.
    pub title: String,
    /// Below it, for example the title in other languages.
    pub subtitle: String,
    /// The agency's name; the part before the first ` · ` stands out.
    pub issuer: String,
    /// The day of issue.
    pub issued_on: Date,
    /// What it says, from top to bottom.
    pub fields: Vec<Field>,
    /// The text of the code: the signed credential.
    pub qr_text: String,
    /// Small print at the foot, a line each.
    pub footer: Vec<String>,
    /// The main language, for screen readers.
    pub language: Language,
    /// Languages of the instructions for verifying.
    pub instructions: Vec<Language>,
}

/// More characters than a page of small print holds; a longer text is refused before it is measured.
const CHARACTERS: usize = 8_000;

/// Prints a certificate: PDF/A-2a and PDF/UA-1, one A4 page, fonts embedded as subsets, the code at least
/// 45 mm wide and each of its modules at least 0.6 mm. The same certificate gives the same bytes.
///
/// # Errors
/// As [`qr_svg`](super::qr_svg) for the code; [`PaperError::NoGlyph`]; [`PaperError::PageFull`];
/// [`PaperError::Pdf`] for an empty title and whatever else the standards forbid.
pub fn certificate_pdf(certificate: &Certificate, fonts: &Fonts) -> Result<Vec<u8>, PaperError> {
    let own = [&certificate.title, &certificate.subtitle, &certificate.issuer];
    let fields = certificate.fields.iter().flat_map(|field| [&field.label, &field.value]);
    let texts = own.into_iter().chain(fields).chain(&certificate.footer);
    if texts.map(|text| text.chars().count()).sum::<usize>() > CHARACTERS {
        return Err(PaperError::PageFull("its texts have at most 8,000 characters together"));
    }
    let modules = Modules::of(&certificate.qr_text)?;
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .expect("consistent because both standards build on PDF 1.7");
    let mut document =
        Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    let size = PageSettings::from_wh(WIDTH, HEIGHT).expect("a page because A4 has positive sides");
    let mut page = document.start_page_with(size);
    let sheet = Sheet { surface: page.surface(), fonts };
    let tree = layout::draw(certificate, &modules, sheet)?;
    page.finish();
    document.set_tag_tree(tree);
    document.set_metadata(metadata(certificate));
    let mut outline = Outline::new();
    let top = XyzDestination::new(0, Point::from_xy(0.0, 0.0));
    outline.push_child(OutlineNode::new(certificate.title.clone(), top));
    document.set_outline(outline);
    document.finish().map_err(|error| PaperError::Pdf(broken_rule(&error).into()))
}

/// Title, issuer and day: what an archive may index. No claim, for metadata is read by every file manager.
fn metadata(certificate: &Certificate) -> Metadata {
    let day = certificate.issued_on.to_string();
    let mut parts = day.split('-');
    let mut number = || parts.next().and_then(|part| part.parse::<u16>().ok()).unwrap_or(1);
    let (year, month, day) = (number(), number(), number());
    let small = |part: u16| u8::try_from(part).expect("fits because a month has at most 31 days");
    Metadata::new()
        .title(certificate.title.clone())
        .authors(vec![certificate.issuer.clone()])
        .language(certificate.language.tag().into())
        .creator("Causeway".into())
        .creation_date(DateTime::new(year).month(small(month)).day(small(day)).utc_offset_hour(0))
}

/// The rule that was broken. The library's own text may quote the page, so it stays here.
fn broken_rule(error: &KrillaError) -> &'static str {
    let KrillaError::Validation(errors) = error else { return "the file could not be written" };
    match errors.first().map(|(error, _)| error) {
        Some(ValidationError::NoDocumentTitle | ValidationError::MissingHeadingTitle) => {
            "a title is required"
        }
        Some(ValidationError::RestrictedLicense(_)) => "fonts must allow embedding",
        Some(ValidationError::UnicodePrivateArea(..) | ValidationError::InvalidCodepointMapping(..)) => {
            "every character needs a public meaning"
        }
        _ => "the file breaks one of their rules",
    }
}
