//! Codes in a picture, at any rotation and of any reasonable size.
//!
//! **What.** Finding the codes is done here, after the reference algorithm of ISO/IEC 18004, 12: a local
//! threshold ([`picture`]), the three finder patterns of each code by their 1 : 1 : 3 : 1 : 1 cut
//! ([`finder`]), and a grid of modules laid through finder, timing and alignment patterns ([`grid`]).
//! `rqrr` then corrects and decodes the modules. Its own detection loses dense codes (1,000 characters)
//! on a plain scan, and its time has no bound.
//!
//! The picture is somebody else's bytes. Its size is bounded before a pixel is unpacked (a small file can
//! claim a gigapixel), so are finders, triples and attempts; the decoders of picture and code run behind a
//! guard, so that a panic in one would mean "unreadable" and end nothing else.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, ImageDecoder, ImageError, ImageFormat, Limits, Luma};

use super::PaperError;
use finder::corners;
use grid::Modules;
use picture::Picture;

mod finder;
mod grid;
mod picture;

/// Bytes of a file.
const BYTES: usize = 32 << 20;
/// Pixels on the longer side.
const SIDE: u32 = 6_000;
/// Pixels in all: A4 at 300 dots an inch has 8.7 million, a phone's picture 12.
const PIXELS: u64 = 24_000_000;
/// Memory for unpacking a PNG: sixteen-bit colour with transparency, and some room. A JPEG takes as much by its
/// pixels alone: three bytes each, and six more while a progressive one is put together.
const MEMORY: u64 = 256 << 20;
/// Corners measured in one pass: a picture full of finder patterns costs no more than this.
const CORNERS: usize = 1_000;
/// Guesses, of a corner and a number of modules, read in one pass.
const GUESSES: usize = 100;
/// Of those, guesses read although their timing patterns speak against them.
const WEAK_GUESSES: usize = 12;
/// The share of right timing modules below which a guess is weak: chance gets half of them right.
const STRONG: f64 = 0.75;

/// Every text found in a PNG or JPEG picture, without repetitions, in the order of detection.
///
/// Reads at most 32 MiB, 6,000 pixels on a side and 24 million pixels in all. Transparent parts count as
/// white. If nothing can be read at the picture's own scale, it is tried at twice and at half of it.
///
/// # Errors
/// [`PaperError::NotAPicture`], [`PaperError::PictureTooLarge`], or [`PaperError::Unreadable`] when there
/// is no code, or none that can be repaired.
pub fn scan_picture(bytes: &[u8]) -> Result<Vec<String>, PaperError> {
    let grey = unpack(bytes)?;
    let (width, height) = grey.dimensions();
    let mut seen = false;
    for (times, over) in [(1, 1), (2, 1), (1, 2)] {
        let (width, height) = (width * times / over, height * times / over);
        if width == 0 || height == 0 || u64::from(width) * u64::from(height) > PIXELS {
            continue;
        }
        let found = if times == over {
            read(&Picture::new(&grey))
        } else {
            read(&Picture::new(&imageops::resize(&grey, width, height, FilterType::Triangle)))
        };
        if !found.texts.is_empty() {
            return Ok(found.texts);
        }
        seen |= found.corners;
    }
    Err(PaperError::Unreadable(if seen {
        "a code is there, but too damaged or too small"
    } else {
        "the picture shows no code"
    }))
}

/// What one pass over a picture saw.
struct Found {
    texts: Vec<String>,
    /// Whether three finder patterns stood like a code's.
    corners: bool,
}

fn read(picture: &Picture) -> Found {
    let corners = corners(picture);
    let sizes =
        |corner| grid::sizes(picture, corner).into_iter().map(move |(timing, size)| (timing, size, corner));
    let mut guesses: Vec<_> = corners.iter().take(CORNERS).flat_map(sizes).collect();
    // Stable, so that among equals the better shaped corner stays first.
    guesses.sort_by(|(one, ..), (other, ..)| other.total_cmp(one));
    let mut found = Found { texts: Vec::new(), corners: !corners.is_empty() };
    let (strong, weak): (Vec<_>, Vec<_>) = guesses.into_iter().partition(|(timing, ..)| *timing >= STRONG);
    let mut used = Vec::new();
    for (timing, size, corner) in strong.into_iter().take(GUESSES).chain(weak.into_iter().take(WEAK_GUESSES))
    {
        // A finder belongs to one code; weak guesses are for pictures in which nothing else is.
        let idle = timing < STRONG && !found.texts.is_empty();
        if idle || corner.finders().iter().any(|finder| used.contains(finder)) {
            continue;
        }
        let Some(text) = decode(&grid::read(picture, corner, size)) else { continue };
        used.extend(corner.finders());
        if !found.texts.contains(&text) {
            found.texts.push(text);
        }
    }
    found
}

/// Corrects and decodes modules. Nothing is shared with the closure, so a panic leaves nothing half-done.
fn decode(modules: &Modules) -> Option<String> {
    let grid = rqrr::SimpleGrid::from_func(modules.size, |x, y| modules.is_dark(x, y));
    let text = catch_unwind(AssertUnwindSafe(|| rqrr::Grid::new(grid).decode())).ok()?.ok()?.1;
    (!text.is_empty()).then_some(text)
}

/// Unpacks a picture within the limits, as grey on white.
fn unpack(bytes: &[u8]) -> Result<GrayImage, PaperError> {
    if bytes.len() > BYTES {
        return Err(too_large());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE);
    limits.max_image_height = Some(SIDE);
    limits.max_alloc = Some(MEMORY);
    let source = Cursor::new(bytes);
    let unpacked = catch_unwind(AssertUnwindSafe(|| match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => pixels(PngDecoder::with_limits(source, limits).map_err(refused)?),
        Ok(ImageFormat::Jpeg) => {
            let mut decoder = JpegDecoder::new(source).map_err(refused)?;
            decoder.set_limits(limits).map_err(refused)?;
            pixels(decoder)
        }
        _ => Err(PaperError::NotAPicture("it is of another format".into())),
    }));
    unpacked.unwrap_or_else(|_| Err(PaperError::NotAPicture("its decoder gave up".into())))
}

/// The pixels of a picture whose header was read, unless there are too many.
fn pixels(decoder: impl ImageDecoder) -> Result<GrayImage, PaperError> {
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS {
        return Err(too_large());
    }
    let picture = DynamicImage::from_decoder(decoder).map_err(refused)?.into_luma_alpha8();
    Ok(GrayImage::from_fn(width, height, |x, y| {
        let [grey, opacity] = picture.get_pixel(x, y).0.map(u16::from);
        let on_white = (grey * opacity + 255 * (255 - opacity)) / 255;
        Luma([u8::try_from(on_white).expect("at most 255 because it is a mean of two bytes")])
    }))
}

fn refused(error: ImageError) -> PaperError {
    match error {
        ImageError::Limits(_) => too_large(),
        other => PaperError::NotAPicture(other.to_string()),
    }
}

const fn too_large() -> PaperError {
    PaperError::PictureTooLarge { bytes: BYTES, side: SIDE, pixels: PIXELS }
}
