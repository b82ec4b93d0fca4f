//! Pictures as cameras write them.

use image::codecs::jpeg::JpegEncoder;

use super::*;

/// A start-of-frame marker (baseline, ITU-T T.81 table B.1) and what lies before the height in its segment.
const FRAME: [u8; 2] = [0xff, 0xc0];
const BEFORE_HEIGHT: usize = 5;

fn jpeg_of(picture: &GrayImage, quality: u8) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let colour = image::DynamicImage::from(picture.clone()).into_rgb8();
    JpegEncoder::new_with_quality(&mut jpeg, quality).encode_image(&colour).expect("encodes");
    jpeg
}

/// The same file with another size in its header.
fn claiming(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let frame = jpeg.windows(2).position(|pair| pair == FRAME).expect("a baseline JPEG");
    let mut claiming = jpeg.to_vec();
    let size = [height.to_be_bytes(), width.to_be_bytes()].concat();
    claiming[frame + BEFORE_HEIGHT..frame + BEFORE_HEIGHT + 4].copy_from_slice(&size);
    claiming
}

#[test]
fn a_jpeg_of_a_printed_code_reads_back() {
    for text in [ALPHANUMERIC, &long_text()] {
        let page = picture(&rendered(&pdf(text), "200"));
        for quality in [95, 75, 50] {
            assert_eq!(scanned(&jpeg_of(&page, quality)), [text], "as printed, quality {quality}");
        }
        assert_eq!(scanned(&jpeg_of(&photograph(&page), 85)), [text], "as photographed");
    }
}

#[test]
fn a_huge_jpeg_is_refused_before_it_is_unpacked() {
    let honest = jpeg_of(&picture(&qr_png(ALPHANUMERIC, 3).expect("draws")), 75);
    assert_eq!(scanned(&honest), [ALPHANUMERIC]);
    for (width, height) in [(60_000, 60_000), (6_001, 1), (1, 6_001), (5_000, 5_001), (65_535, 65_535)] {
        let refused = scan_picture(&claiming(&honest, width, height)).expect_err("too large");
        assert!(matches!(refused, PaperError::PictureTooLarge { .. }), "{width} × {height}: {refused}");
        assert_eq!(refused.finding().expect("a finding").code, Reason::BadEncoding);
    }
    let padded = [honest.as_slice(), &vec![0; 32 << 20]].concat();
    assert!(matches!(scan_picture(&padded), Err(PaperError::PictureTooLarge { .. })));
}

#[test]
fn a_cut_or_altered_jpeg_is_unreadable_or_reads_the_same() {
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let whole = jpeg_of(&picture(&qr_png(ALPHANUMERIC, 3).expect("draws")), 75);
    let judge = |bytes: &[u8]| match scan_picture(bytes) {
        Ok(texts) => assert_eq!(texts, [ALPHANUMERIC], "repaired, or not at all"),
        Err(error) => assert!(
            matches!(
                error,
                PaperError::NotAPicture(_) | PaperError::Unreadable(_) | PaperError::PictureTooLarge { .. }
            ),
            "{error}"
        ),
    };
    for length in (0..whole.len()).step_by(whole.len() / 60) {
        judge(&whole[..length]);
    }
    for _ in 0..200 {
        let mut altered = whole.clone();
        let place = rng.next_u32() as usize % altered.len();
        altered[place] ^= 1 << (rng.next_u32() % 8);
        judge(&altered);
    }
    assert!(matches!(scan_picture(b"GIF89a\x01\0\x01\0"), Err(PaperError::NotAPicture(_))));
    assert!(matches!(scan_picture(&[0xff, 0xd8, 0xff, 0xd9]), Err(PaperError::NotAPicture(_))));
}
