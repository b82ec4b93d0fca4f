//! Forms: how a type of credential looks on paper.
//!
//! An agency writes one as a TOML file for each type it prints: titles, labels, order. A form arranges and names;
//! it leaves nothing out, because whoever hands over the page hands over everything in its code: a claim that
//! the form does not name follows under its own name. Without a file there is the plain form.
//!
//! ```toml
//! title = "Professional licence"
//! subtitle = "專業執照"              # below the title
//! issuer = "Health Bureau"
//! language = "en"                   # en, zh-Hans, zh-Hant or pt: the main one, for screen readers
//! valid_until = "Valid until"       # label of the last line
//! footer = ["A line of small print."]
//!
//! [[fields]]
//! claim = "full_name"
//! label = "Name · 姓名"              # what stands before the first " · " stands out
//! ```

use std::path::Path;

use credential::presentation::{print_credential, read_type_name};
use did_registry::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::files::{self, FileError};
use crate::paper::{Certificate, Field, Language};

/// Bytes of the largest form.
const FORM_BYTES: usize = 64 * 1024;

/// Why a form does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// The form's file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A credential without something that every page has.
    #[error("a credential on paper has {0}")]
    Credential(&'static str),
    /// A claim that the credential does not have, or that the form names twice.
    #[error("a form names each claim once, and only what the credential has; {0:?} is not so")]
    Claim(String),
}

/// A form.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// In the largest letters.
    pub title: String,
    /// Below it.
    #[serde(default)]
    pub subtitle: String,
    /// The agency's name.
    pub issuer: String,
    /// The main language.
    #[serde(default)]
    pub language: Language,
    /// The label of the day on which the credential ends.
    #[serde(default = "valid_until")]
    pub valid_until: String,
    /// Small print, above the issuer's identifier.
    #[serde(default)]
    pub footer: Vec<String>,
    /// What the credential says, from top to bottom.
    #[serde(default)]
    pub fields: Vec<Line>,
}

/// One line of a form.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The claim's name.
    pub claim: String,
    /// What it is called on the page.
    pub label: String,
}

fn valid_until() -> String {
    "Valid until · 有效期至 · Válido até".into()
}

impl Form {
    /// Reads a form's file.
    ///
    /// # Errors
    /// [`FormError::File`].
    pub fn read(path: &Path) -> Result<Self, FormError> {
        let text = files::read_text(path, FORM_BYTES)?;
        Ok(toml::from_str(&text).map_err(|error| FileError::content(path, error))?)
    }

    /// The form of whoever has none: the credential's own type and names.
    ///
    /// # Errors
    /// [`FormError::Credential`].
    pub fn plain(credential: &Map<String, Value>) -> Result<Self, FormError> {
        let types = credential.get("type").and_then(Value::as_array).into_iter().flatten();
        let named = types.filter_map(Value::as_str).find_map(read_type_name);
        let (kind, _) = named.ok_or(FormError::Credential("a type that names its schema"))?;
        Ok(Self {
            title: words(kind.as_str()),
            subtitle: String::new(),
            issuer: issuer(credential)?.to_owned(),
            language: Language::default(),
            valid_until: valid_until(),
            footer: Vec::new(),
            fields: Vec::new(),
        })
    }

    /// A credential's page, as this form has it.
    ///
    /// # Errors
    /// [`FormError::Credential`], [`FormError::Claim`].
    pub fn fill(&self, credential: &Map<String, Value>) -> Result<Certificate, FormError> {
        let missing = FormError::Credential;
        let subject = credential.get("credentialSubject").and_then(Value::as_object);
        let mut rest = subject.ok_or(missing("one subject"))?.clone();
        rest.remove("id"); // the key that a wallet shows it with; paper has none
        let time = |name: &str| credential.get(name).and_then(Value::as_str)?.parse::<Timestamp>().ok();
        let issued = time("validFrom").ok_or(missing("a day of issue, validFrom"))?;
        let mut fields = Vec::with_capacity(rest.len() + 1);
        for Line { claim, label } in &self.fields {
            let value = rest.remove(claim).ok_or_else(|| FormError::Claim(claim.clone()))?;
            fields.push(Field { label: label.clone(), value: text(&value) });
        }
        fields.extend(rest.iter().map(|(claim, value)| Field { label: words(claim), value: text(value) }));
        if let Some(until) = time("validUntil") {
            let until = until.to_string();
            let value = until.replacen('T', ", ", 1).replacen('Z', " UTC", 1);
            fields.push(Field { label: self.valid_until.clone(), value });
        }
        let mut footer = self.footer.clone();
        footer.push(format!("Issuer · 簽發者 · Emissor  {}", issuer(credential)?));
        Ok(Certificate {
            title: self.title.clone(),
            subtitle: self.subtitle.clone(),
            issuer: self.issuer.clone(),
            issued_on: issued.date(),
            fields,
            qr_text: print_credential(credential),
            footer,
            language: self.language,
            instructions: Language::ALL.to_vec(),
        })
    }
}

fn issuer(credential: &Map<String, Value>) -> Result<&str, FormError> {
    credential.get("issuer").and_then(Value::as_str).ok_or(FormError::Credential("an issuer"))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `ProfessionalLicence` and `full_name` as people write them: "Professional licence", "Full name".
fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        match letter {
            '_' | '-' => words.push(' '),
            _ if words.is_empty() => words.extend(letter.to_uppercase()),
            _ if letter.is_uppercase() => {
                words.push(' ');
                words.extend(letter.to_lowercase());
            }
            _ => words.push(letter),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn licence() -> Map<String, Value> {
        let kind = format!("urn:causeway:ProfessionalLicence:{}", did_registry::Digest::sha256(b"schema"));
        let document = json!({
            "type": ["VerifiableCredential", kind], "issuer": "did:causeway:demo:abc",
            "validFrom": "2026-11-23T08:00:00Z", "validUntil": "2026-12-07T08:00:00Z",
            "credentialSubject": {"id": "did:key:z6Mk", "full_name": "陳大文", "doses": 3, "granted": "2019-03-11"},
        });
        document.as_object().unwrap().clone()
    }

    fn lines(certificate: &Certificate) -> Vec<(&str, &str)> {
        certificate.fields.iter().map(|field| (field.label.as_str(), field.value.as_str())).collect()
    }

    #[test]
    fn without_a_form_a_credential_names_itself() {
        let certificate = Form::plain(&licence()).unwrap().fill(&licence()).unwrap();
        assert_eq!(
            (certificate.title.as_str(), certificate.issuer.as_str()),
            ("Professional licence", "did:causeway:demo:abc")
        );
        assert_eq!(certificate.issued_on.to_string(), "2026-11-23");
        let until = ("Valid until · 有效期至 · Válido até", "2026-12-07, 08:00:00 UTC");
        assert_eq!(
            lines(&certificate),
            [("Doses", "3"), ("Full name", "陳大文"), ("Granted", "2019-03-11"), until]
        );
        assert!(certificate.qr_text.starts_with("CWE:"));
    }

    #[test]
    fn a_form_arranges_and_names_and_leaves_nothing_out() {
        let form: Form = toml::from_str(
            "title = 'Licença'\nissuer = 'Saúde'\nlanguage = 'pt'\nvalid_until = 'Até'\nfooter = ['Small.']\n\
             [[fields]]\nclaim = 'full_name'\nlabel = 'Nome'\n[[fields]]\nclaim = 'granted'\nlabel = 'Concedida'",
        )
        .unwrap();
        let certificate = form.fill(&licence()).unwrap();
        let labels: Vec<&str> = lines(&certificate).into_iter().map(|(label, _)| label).collect();
        assert_eq!(labels, ["Nome", "Concedida", "Doses", "Até"], "what the form does not name follows");
        assert_eq!(certificate.footer, ["Small.", "Issuer · 簽發者 · Emissor  did:causeway:demo:abc"]);
        assert_eq!(certificate.language, Language::Portuguese);
    }

    #[test]
    fn a_form_for_something_else_is_refused() {
        let line = |claim: &str| Line { claim: claim.into(), label: "L".into() };
        let plain = Form::plain(&licence()).unwrap();
        for fields in [vec![line("full_nmae")], vec![line("doses"), line("doses")], vec![line("id")]] {
            let refused = Form { fields, ..plain.clone() }.fill(&licence()).err().unwrap();
            assert!(matches!(refused, FormError::Claim(_)), "{refused}");
        }
        for member in ["type", "issuer"] {
            let mut lacking = licence();
            lacking.remove(member);
            assert!(matches!(Form::plain(&lacking), Err(FormError::Credential(_))), "{member}");
        }
        for member in ["validFrom", "credentialSubject"] {
            let mut lacking = licence();
            lacking.remove(member);
            assert!(matches!(plain.fill(&lacking), Err(FormError::Credential(_))), "{member}");
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("form.toml");
        std::fs::write(&file, "title = 'T'\nissuer = 'I'\nlanguage = 'fr'").unwrap();
        assert!(Form::read(&file).unwrap_err().to_string().contains("form.toml"));
    }
}
