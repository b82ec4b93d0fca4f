//! Round trips through every medium: pixels, terminal, paper; and what must be refused.

use std::io::Write as _;
use std::process::{Command, Stdio};

use image::imageops::{self, FilterType};
use image::{GrayImage, Luma};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

use super::*;

mod jpeg;

const ALPHANUMERIC: &str = "HC1:6BFOXN%TSMAHN-H3ZSUZK+.V0ET9%6-AH-R61:9C%E.O1+8";

/// As long as a wallet's presentation may be.
fn long_text() -> String {
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    let mut rng = ChaCha20Rng::seed_from_u64(45);
    (0..1_000).map(|_| char::from(alphabet[(rng.next_u32() % 45) as usize])).collect()
}

fn scanned(file: &[u8]) -> Vec<String> {
    scan_picture(file).expect("scans")
}

fn picture(png: &[u8]) -> GrayImage {
    image::load_from_memory(png).expect("a PNG").into_luma8()
}

fn png_of(picture: &GrayImage) -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, image::ImageFormat::Png).expect("encodes");
    png.into_inner()
}

/// Turns a picture by any angle about its centre, on a white ground, by the nearest pixel.
fn turned(picture: &GrayImage, degrees: f64) -> GrayImage {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let (sin, cos) = degrees.to_radians().sin_cos();
    let side = (width.hypot(height)).ceil() as u32;
    GrayImage::from_fn(side, side, |x, y| {
        let (dx, dy) = (f64::from(x) - f64::from(side) / 2.0, f64::from(y) - f64::from(side) / 2.0);
        let (x, y) = (dx * cos + dy * sin + width / 2.0, dy * cos - dx * sin + height / 2.0);
        let inside = x >= 0.0 && y >= 0.0 && x < width && y < height;
        if inside { *picture.get_pixel(x as u32, y as u32) } else { Luma([255]) }
    })
}

fn certificate(qr_text: &str) -> Certificate {
    let field = |label: &str, value: &str| Field { label: label.into(), value: value.into() };
    Certificate {
        title: "Health Test Certificate".into(),
        subtitle: "健康檢測證明書 · 健康检测证明书 · Certificado de teste de saúde".into(),
        issuer: "Demonstration Health Bureau of Macau · 澳門示範衛生局 · Serviços de Saúde (demonstração)"
            .into(),
        issued_on: "2026-11-23".parse().expect("a date"),
        fields: vec![
            field("Name · 姓名 · Nome", "João António da Conceição Gonçalves"),
            field(
                "Name in Latin letters · 外文姓名 · Nome romanizado",
                "DA CONCEICAO GONCALVES, JOAO ANTONIO",
            ),
            field("Document number · 證件編號 · N.º do documento", "9123456(7)"),
            field("Date of birth · 出生日期 · Data de nascimento", "1984-03-07"),
            field("Result · 檢測結果 · Resultado", "Negative · 陰性 · Negativo"),
            field("Method · 檢測方法 · Método", "Nucleic acid (PCR) · 核酸檢測 · Teste de ácido nucleico"),
            field("Sample taken on · 採樣日期 · Data da colheita", "2026-11-22"),
            field(
                "Laboratory · 檢測機構 · Laboratório",
                "示範檢測中心 · Laboratório de Demonstração da Taipa",
            ),
            field("Vaccine doses · 疫苗劑數 · Doses de vacina", "3"),
        ],
        qr_text: qr_text.into(),
        footer: vec![
            "Issuer · 簽發者 · Emissor  did:causeway:demo:z6QmVr8tW3nYpZ4kXw1uFb7cH9aLd2sJ5e".into(),
            "Specimen with fictitious data. 樣本，資料均屬虛構。 Espécime com dados fictícios.".into(),
        ],
        language: Language::English,
        instructions: Language::ALL.to_vec(),
    }
}

fn pdf(qr_text: &str) -> Vec<u8> {
    let fonts = Fonts::find(None).expect("`make setup` installs fonts-dejavu-core and fonts-droid-fallback");
    certificate_pdf(&certificate(qr_text), &fonts).expect("prints")
}

/// Runs a program of the package poppler-utils on a PDF.
fn poppler(program: &str, arguments: &[&str], pdf: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("{program}: {error}; `make setup` installs the package poppler-utils")
        });
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(pdf).expect("reads the PDF");
    drop(stdin);
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success(), "{program} refuses the PDF");
    output.stdout
}

fn rendered(pdf: &[u8], dpi: &str) -> Vec<u8> {
    poppler("pdftoppm", &["-r", dpi, "-png", "-singlefile", "-"], pdf)
}

#[test]
fn a_code_reads_back_from_png() {
    for text in [ALPHANUMERIC, "0123456789", "hello, lower case", "João 陳嘉敏 𠮷", &long_text()] {
        for module in [1, 3, 7] {
            assert_eq!(scanned(&qr_png(text, module).expect("draws")), [text], "{module} pixels a module");
        }
    }
}

#[test]
fn capital_letters_use_the_shorter_mode() {
    let side = |text: &str| picture(&qr_png(text, 1).expect("draws")).width();
    assert!(side(&ALPHANUMERIC.repeat(10)) < side(&ALPHANUMERIC.repeat(10).to_lowercase()));
    // 1,000 characters stay within version 22: 105 modules and the quiet zone.
    assert!(side(&long_text()) <= 105 + 8);
}

#[test]
fn the_largest_code_is_the_limit() {
    for (character, most) in [("7", 5_596), ("A", 3_391), ("a", 2_331)] {
        assert_eq!(scanned(&qr_png(&character.repeat(most), 3).expect("fits")), [character.repeat(most)]);
        let refused = qr_svg(&character.repeat(most + 1));
        assert!(matches!(refused, Err(PaperError::TextTooLong { bytes }) if bytes == most + 1));
    }
    assert!(matches!(qr_terminal(""), Err(PaperError::TextEmpty)));
    assert!(matches!(qr_png("A", 0), Err(PaperError::ModuleSize { .. })));
    assert!(matches!(qr_png("A", 33), Err(PaperError::ModuleSize { .. })));
}

#[test]
fn svg_and_terminal_show_the_same_modules_as_png() {
    let png = picture(&qr_png(ALPHANUMERIC, 1).expect("draws"));
    let dark = |x: usize, y: usize| y < png.height() as usize && png.get_pixel(x as u32, y as u32).0[0] == 0;
    let svg = qr_svg(ALPHANUMERIC).expect("draws");
    let mut bars = GrayImage::from_pixel(png.width(), png.height(), Luma([255]));
    let path = svg.split("<path d=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a path");
    for bar in path.split_terminator('z') {
        let numbers: Vec<u32> = bar
            .split(|c: char| !c.is_ascii_digit())
            .filter(|n| !n.is_empty())
            .map(|n| n.parse().unwrap())
            .collect();
        for x in numbers[0]..numbers[0] + numbers[2] {
            bars.put_pixel(x, numbers[1], Luma([0]));
        }
    }
    assert_eq!(bars, png);
    let terminal = qr_terminal(ALPHANUMERIC).expect("draws");
    for (row, line) in terminal.lines().enumerate() {
        let cells =
            line.strip_prefix("\u{1b}[38;5;16;48;5;231m").and_then(|line| line.strip_suffix("\u{1b}[0m"));
        for (x, cell) in cells.expect("coloured and reset").chars().enumerate() {
            let expected = match (dark(x, 2 * row), dark(x, 2 * row + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            };
            assert_eq!(cell, expected);
        }
    }
    assert_eq!(terminal.lines().count(), (png.height() as usize).div_ceil(2));
}

#[test]
fn a_printed_certificate_reads_back() {
    for text in [ALPHANUMERIC, &long_text()] {
        let page = picture(&rendered(&pdf(text), "150"));
        assert_eq!(scanned(&png_of(&page)), [text], "as printed");
        for degrees in [7.0, 90.0, 137.0, 180.0, 270.0, 353.0] {
            assert_eq!(scanned(&png_of(&turned(&page, degrees))), [text], "turned by {degrees}°");
        }
        for percent in [85, 140, 200] {
            let (width, height) = (page.width() * percent / 100, page.height() * percent / 100);
            let scaled = imageops::resize(&page, width, height, FilterType::Triangle);
            assert_eq!(scanned(&png_of(&scaled)), [text], "at {percent} %");
        }
        assert_eq!(scanned(&png_of(&imageops::blur(&page, 0.8))), [text], "out of focus");
    }
}

/// Looks at a picture slantwise: the far edge shrinks to `far` of the near one, and the paper bends.
fn slanted(picture: &GrayImage, far: f64, bend: f64) -> GrayImage {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        let (x, y) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
        let depth = far + (1.0 - far) * y / height;
        let across = (x - width / 2.0) / depth + width / 2.0;
        let down = y / depth.sqrt() + bend * (across / width * std::f64::consts::PI).sin();
        let inside = across >= 0.0 && down >= 0.0 && across < width && down < height;
        if inside { *picture.get_pixel(across as u32, down as u32) } else { Luma([200]) }
    })
}

/// The page as a cheap camera sees it: slantwise, on grey paper under a lamp on the left, with noise.
fn photograph(page: &GrayImage) -> GrayImage {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let mut photo = imageops::blur(&slanted(&turned(page, 12.0), 0.9, 12.0), 0.7);
    let width = photo.width();
    for (x, _, pixel) in photo.enumerate_pixels_mut() {
        let light = 235 - 120 * x / width;
        let noise = rng.next_u32() % 24;
        pixel.0[0] = (u32::from(pixel.0[0]) * light / 255 + noise).min(255) as u8;
    }
    photo
}

#[test]
fn a_photograph_reads_back() {
    for text in [ALPHANUMERIC, &long_text()] {
        let page = picture(&rendered(&pdf(text), "200"));
        assert_eq!(scanned(&png_of(&photograph(&page))), [text]);
    }
}

#[test]
fn a_mirrored_code_reads_back() {
    let code = picture(&qr_png(ALPHANUMERIC, 4).expect("draws"));
    assert_eq!(scanned(&png_of(&imageops::flip_horizontal(&code))), [ALPHANUMERIC]);
}

#[test]
fn a_wall_of_finder_patterns_ends() {
    // The worst picture: thousands of patterns, every three of them a possible code.
    let pattern = |x: u32, y: u32| {
        let ring = x.abs_diff(3).max(y.abs_diff(3));
        if ring == 2 || ring > 3 { 255 } else { 0 }
    };
    let wall = GrayImage::from_fn(2_000, 2_000, |x, y| Luma([pattern(x % 9, y % 9)]));
    assert!(matches!(scan_picture(&png_of(&wall)), Err(PaperError::Unreadable(_))));
}

#[test]
fn a_certificate_is_one_page_that_says_everything() {
    let bytes = pdf(ALPHANUMERIC);
    assert_eq!(bytes, pdf(ALPHANUMERIC), "the same certificate gives the same bytes");
    assert!(bytes.len() < 200_000, "fonts are subsets, the file has {} bytes", bytes.len());
    let text = String::from_utf8(poppler("pdftotext", &["-layout", "-", "-"], &bytes)).expect("UTF-8");
    let flat: String = text.split_whitespace().collect();
    let expected = certificate(ALPHANUMERIC);
    let fields = expected.fields.iter().flat_map(|field| [&field.label, &field.value]);
    for part in fields.chain(&expected.footer).chain([&expected.title, &expected.subtitle]) {
        // Wrapped texts are interleaved with their neighbours, so they are looked for by their words.
        for word in part.split_whitespace() {
            assert!(flat.contains(word), "{word} can be copied from the page");
        }
    }
    for language in Language::ALL {
        assert!(flat.contains(&language.heading().replace(' ', "")));
    }
    let about = String::from_utf8(poppler("pdfinfo", &["-"], &bytes)).expect("UTF-8");
    let line = |name: &str| about.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(
        line("Pages").ends_with(" 1") && line("Page size").contains("A4") && line("Tagged").ends_with("yes")
    );
    let fonts = String::from_utf8(poppler("pdffonts", &["-"], &bytes)).expect("UTF-8");
    for font in fonts.lines().skip(2) {
        assert!(font.contains("yes yes yes"), "embedded, subset, with Unicode: {font}");
    }
}

#[test]
fn metadata_holds_no_claim() {
    let bytes = pdf(ALPHANUMERIC);
    let about = String::from_utf8(poppler("pdfinfo", &["-meta", "-"], &bytes)).expect("UTF-8")
        + &String::from_utf8(poppler("pdfinfo", &["-"], &bytes)).expect("UTF-8");
    assert!(
        about.contains("Health Test Certificate") && about.contains("<pdfaid:part>2</pdfaid:part>"),
        "{about}"
    );
    for field in certificate(ALPHANUMERIC).fields.iter().filter(|field| field.value.len() > 2) {
        assert!(!about.contains(&field.value));
    }
}

#[test]
fn what_does_not_fit_or_cannot_be_drawn_is_refused() {
    let fonts = Fonts::find(None).expect("installed");
    let with = |change: fn(&mut Certificate)| {
        let mut changed = certificate(ALPHANUMERIC);
        change(&mut changed);
        certificate_pdf(&changed, &fonts)
    };
    let refused = with(|c| c.fields = vec![c.fields[0].clone(); 40]);
    assert!(matches!(refused, Err(PaperError::PageFull(_))));
    let refused = with(|c| c.fields[0].value = "x ".repeat(10_000));
    assert!(matches!(refused, Err(PaperError::PageFull(_))));
    // U+E000 means nothing, U+0007 is a bell.
    for unknown in ["\u{e000}", "a\u{7}b"] {
        let mut changed = certificate(ALPHANUMERIC);
        changed.fields[0].value = unknown.into();
        let refused = certificate_pdf(&changed, &fonts).expect_err("no glyph");
        assert!(matches!(refused, PaperError::NoGlyph { place: "value" } | PaperError::Pdf(_)), "{refused}");
    }
    assert!(matches!(with(|c| c.qr_text.clear()), Err(PaperError::TextEmpty)));
    assert!(matches!(with(|c| c.title.clear()), Err(PaperError::Pdf(_))));
    assert!(with(|c| c.footer.clear()).is_ok() && with(|c| c.fields.clear()).is_ok());
}

#[test]
fn a_missing_font_names_its_package() {
    let Err(missing) = Fonts::find_in(&["/nowhere".into()]) else { panic!("found") };
    assert!(missing.to_string().contains("fonts-dejavu-core"));
    let folder = tempfile::tempdir().expect("a directory");
    std::fs::write(folder.path().join("DejaVuSerif.ttf"), b"not a font").expect("writes");
    let Err(broken) = Fonts::find_in(&[folder.path().into()]) else { panic!("found") };
    assert!(matches!(broken, PaperError::FontUnreadable { .. }));
}

#[test]
fn several_codes_and_transparent_grounds_are_read() {
    let (left, right) = (picture(&qr_png("LEFT", 4).unwrap()), picture(&qr_png("right", 5).unwrap()));
    let mut both = GrayImage::from_pixel(400, 300, Luma([255]));
    imageops::replace(&mut both, &left, 10, 20);
    imageops::replace(&mut both, &right, 200, 60);
    let mut texts = scanned(&png_of(&both));
    texts.sort();
    assert_eq!(texts, ["LEFT", "right"]);
    let clear = image::GrayAlphaImage::from_fn(left.width(), left.height(), |x, y| {
        image::LumaA([0, 255 - left.get_pixel(x, y).0[0]])
    });
    let mut png = std::io::Cursor::new(Vec::new());
    clear.write_to(&mut png, image::ImageFormat::Png).expect("encodes");
    assert_eq!(scanned(png.get_ref()), ["LEFT"]);
}

#[test]
fn a_damaged_code_is_unreadable() {
    let mut page = picture(&rendered(&pdf(&long_text()), "150"));
    let (width, height) = page.dimensions();
    // The finder patterns stay, the middle third is torn out.
    let torn = GrayImage::from_pixel(width / 2, 130, Luma([255]));
    imageops::replace(&mut page, &torn, 0, i64::from(height) - 500);
    let blank = GrayImage::from_pixel(300, 300, Luma([255]));
    for unreadable in [png_of(&page), png_of(&blank), png_of(&GrayImage::new(1, 1))] {
        let refused = scan_picture(&unreadable).expect_err("unreadable");
        assert_eq!(refused.finding().expect("a finding").code, Reason::Unreadable, "{refused}");
    }
}

#[test]
fn what_is_not_a_picture_is_refused() {
    let whole = qr_png(ALPHANUMERIC, 3).expect("draws");
    for bytes in [&b""[..], b"HC1:", b"\x89PNG\r\n\x1a\n", &whole[..whole.len() / 2]] {
        let refused = scan_picture(bytes).expect_err("not a picture");
        assert!(matches!(refused, PaperError::NotAPicture(_)));
        assert_eq!(refused.finding().expect("a finding").code, Reason::Unreadable);
    }
}

#[test]
fn huge_pictures_are_refused_before_they_are_unpacked() {
    let header = |width: u32, height: u32| {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend(width.to_be_bytes());
        png.extend(height.to_be_bytes());
        png.extend([8, 0, 0, 0, 0]);
        png.extend(crc32(&png[12..]).to_be_bytes());
        let data = b"IDAT\x78\x9c\x03\x00\x00\x00\x00\x01";
        png.extend(8u32.to_be_bytes());
        png.extend(data);
        png.extend(crc32(data).to_be_bytes());
        png
    };
    for (width, height) in [(60_000, 60_000), (6_001, 1), (5_000, 5_001), (1, 1 << 30)] {
        let refused = scan_picture(&header(width, height)).expect_err("too large");
        assert!(matches!(refused, PaperError::PictureTooLarge { .. }), "{width} × {height}: {refused}");
        assert_eq!(refused.finding().expect("a finding").code, Reason::BadEncoding);
    }
    assert!(matches!(scan_picture(&vec![0; (32 << 20) + 1]), Err(PaperError::PictureTooLarge { .. })));
}

/// CRC-32 of PNG, Annex D.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

#[test]
fn noise_never_panics() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let whole = picture(&qr_png(&long_text(), 3).expect("draws"));
    for round in 0..12 {
        let mut noisy = whole.clone();
        for _ in 0..round * 600 {
            let (x, y) = (rng.next_u32() % noisy.width(), rng.next_u32() % noisy.height());
            noisy.put_pixel(x, y, Luma([if rng.next_u32() & 1 == 0 { 0 } else { 255 }]));
        }
        match scan_picture(&png_of(&noisy)) {
            Ok(texts) => assert_eq!(texts, [long_text()], "repaired, or not at all"),
            Err(error) => assert!(matches!(error, PaperError::Unreadable(_))),
        }
    }
}
