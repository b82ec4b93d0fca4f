//! The corpus: cases with their layers and flags, the lists, and a QR scanner.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use credential::dcc::{TrustList, ValueSets, Verifier};
use did_registry::Timestamp;
use serde_json::Value;

/// A file of the corpus; missing data fails the test.
pub(crate) fn file(name: &str) -> Vec<u8> {
    let path = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
        .join("../../../shared/data/dcc")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn lines(name: &str) -> Vec<Value> {
    let text = String::from_utf8(file(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) struct Case {
    pub(crate) file: String,
    json: Value,
}

impl Case {
    pub(crate) fn load(name: &str) -> Self {
        Self { file: name.to_owned(), json: serde_json::from_slice(&file(name)).unwrap() }
    }

    pub(crate) fn text(&self, layer: &str) -> Option<&str> {
        self.json.get(layer)?.as_str()
    }

    pub(crate) fn prefix(&self) -> &str {
        self.text("PREFIX").expect("every case has it")
    }

    /// A layer that is written in hexadecimal.
    pub(crate) fn bytes(&self, layer: &str) -> Option<Vec<u8>> {
        self.text(layer).map(|text| hex::decode(text).unwrap())
    }

    /// The JSON layer.
    pub(crate) fn payload(&self) -> Option<&Value> {
        self.json.get("JSON").filter(|json| !json.is_null())
    }

    pub(crate) fn picture(&self) -> Option<Vec<u8>> {
        self.text("2DCODE").map(|text| STANDARD.decode(text).unwrap())
    }

    pub(crate) fn certificate(&self) -> Vec<u8> {
        STANDARD.decode(self.json["TESTCTX"]["CERTIFICATE"].as_str().unwrap()).unwrap()
    }

    pub(crate) fn clock(&self) -> Timestamp {
        self.json["TESTCTX"]["VALIDATIONCLOCK"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.json["EXPECTEDRESULTS"].get(name)?.as_bool()
    }
}

/// Every case with its line of `expected.jsonl`.
pub(crate) fn cases() -> Vec<(Case, Value)> {
    let lines = lines("expected.jsonl");
    assert_eq!(lines.len(), 121);
    lines.into_iter().map(|line| (Case::load(line["file"].as_str().unwrap()), line)).collect()
}

pub(crate) fn trust_list() -> TrustList {
    TrustList::from_json(&file("trustlist.json")).unwrap()
}

pub(crate) fn value_sets() -> ValueSets {
    let names = [
        "vaccine-mah-manf.json",
        "vaccine-medicinal-product.json",
        "vaccine-prophylaxis.json",
        "test-manf-example.json",
        "test-type.json",
        "test-result.json",
        "disease-agent-targeted.json",
        "country-2-codes.json",
    ];
    let files: Vec<(&str, Vec<u8>)> =
        names.iter().map(|name| (*name, file(&format!("valuesets/{name}")))).collect();
    ValueSets::from_files(files.iter().map(|(name, bytes)| (*name, bytes.as_slice()))).unwrap()
}

pub(crate) fn verifier() -> Verifier {
    Verifier::new(trust_list(), value_sets())
}

/// The QR code in a picture, if it has exactly one that can be read: first in plain black and white with
/// some paper around it, which suits drawn codes, then as it is.
pub(crate) fn scan(picture: &[u8]) -> Option<String> {
    const MARGIN: u32 = 16;
    let picture = image::load_from_memory(picture).ok()?.to_rgba8();
    let (width, height) = (picture.width() + 2 * MARGIN, picture.height() + 2 * MARGIN);
    let mut paper = image::RgbaImage::from_pixel(width, height, image::Rgba([255; 4]));
    image::imageops::overlay(&mut paper, &picture, MARGIN.into(), MARGIN.into());
    let grey = image::DynamicImage::ImageRgba8(paper).to_luma8();
    let mut plain = grey.clone();
    plain.pixels_mut().for_each(|pixel| pixel.0[0] = if pixel.0[0] < 128 { 0 } else { 255 });
    [plain, grey].into_iter().find_map(|image| {
        let mut prepared = rqrr::PreparedImage::prepare(image);
        let grids = prepared.detect_grids().into_iter();
        let texts: Vec<String> = grids.filter_map(|grid| grid.decode().ok()).map(|(_, text)| text).collect();
        <[String; 1]>::try_from(texts).ok().map(|[text]| text)
    })
}
