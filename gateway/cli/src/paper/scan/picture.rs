//! A grey picture and what counts as dark in it, place by place.
//!
//! A pixel is dark below the middle between the darkest and the lightest grey of its neighbourhood, a
//! tenth of the picture in each direction: shadows and grey paper move both ends alike. Where the two lie
//! close together there is nothing to read, and everything counts as light.

use image::GrayImage;

/// A place in a picture, in pixels from the top left corner; pixel centres lie at halves.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

impl Point {
    pub(super) fn plus(self, x: f64, y: f64) -> Self {
        Self { x: self.x + x, y: self.y + y }
    }

    /// The vector from `other` to here.
    pub(super) fn from(self, other: Self) -> (f64, f64) {
        (self.x - other.x, self.y - other.y)
    }

    pub(super) fn distance(self, other: Self) -> f64 {
        let (x, y) = self.from(other);
        x.hypot(y)
    }
}

/// Pixels on the side of a block, the grain of the threshold.
const BLOCK: usize = 16;
/// Parts of the longer side that a neighbourhood reaches.
const REACH: usize = 10;
/// Greys between darkest and lightest, below which there is only paper.
const CONTRAST: u8 = 32;

/// The picture.
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    grey: Vec<u8>,
    blocks_wide: usize,
    /// The threshold of each block.
    thresholds: Vec<u8>,
}

impl Picture {
    pub(super) fn new(grey: &GrayImage) -> Self {
        let size = |side: u32| usize::try_from(side).expect("fits because pictures are bounded");
        let (width, height) = (size(grey.width()), size(grey.height()));
        let grey = grey.as_raw().clone();
        let (blocks_wide, blocks_high) = (width.div_ceil(BLOCK), height.div_ceil(BLOCK));
        let mut ends = vec![(u8::MAX, u8::MIN); blocks_wide * blocks_high];
        for (y, row) in grey.chunks_exact(width).enumerate() {
            for (x, part) in row.chunks(BLOCK).enumerate() {
                if let Some(end) = ends.get_mut(y / BLOCK * blocks_wide + x) {
                    *end = part.iter().fold(*end, |(low, high), grey| (low.min(*grey), high.max(*grey)));
                }
            }
        }
        let reach = (width.max(height) / BLOCK / REACH).max(1);
        let ends = spread(&ends, blocks_wide, 1, blocks_wide, reach);
        let ends = spread(&ends, blocks_wide, blocks_wide, blocks_high, reach);
        let middle = |(low, high): &(u8, u8)| if high - low < CONTRAST { 0 } else { low.midpoint(*high) };
        Self { width, height, grey, blocks_wide, thresholds: ends.iter().map(middle).collect() }
    }

    /// Whether a pixel is dark; outside the picture all is light.
    pub(super) fn is_dark(&self, x: usize, y: usize) -> bool {
        self.darkness_of_pixel(x, y) > 0
    }

    /// How far below its threshold a pixel lies.
    fn darkness_of_pixel(&self, x: usize, y: usize) -> i16 {
        if x >= self.width || y >= self.height {
            return -128;
        }
        let grey = self.grey.get(y * self.width + x).copied().unwrap_or(u8::MAX);
        let threshold = self.thresholds.get(y / BLOCK * self.blocks_wide + x / BLOCK).copied().unwrap_or(0);
        i16::from(threshold) - i16::from(grey)
    }

    /// How dark a place is, between the pixels around it: positive for dark, negative for light.
    pub(super) fn darkness(&self, point: Point) -> f64 {
        let (x, y) = (point.x - 0.5, point.y - 0.5);
        let (Some(left), Some(top)) = (cell(x), cell(y)) else { return -128.0 };
        let (right, low) = (x - x.floor(), y - y.floor());
        let at = |x, y| f64::from(self.darkness_of_pixel(x, y));
        let above = at(left, top) * (1.0 - right) + at(left + 1, top) * right;
        let below = at(left, top + 1) * (1.0 - right) + at(left + 1, top + 1) * right;
        above * (1.0 - low) + below * low
    }
}

/// The pixel that holds a coordinate; none outside of every picture.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked first")]
pub(super) fn cell(coordinate: f64) -> Option<usize> {
    (0.0..1e6).contains(&coordinate).then_some(coordinate as usize)
}

/// Widens each block's ends to those of its neighbours along one direction: `step` apart, `length` in line.
fn spread(ends: &[(u8, u8)], wide: usize, step: usize, length: usize, reach: usize) -> Vec<(u8, u8)> {
    let widened = |index: usize| {
        let place = if step == 1 { index % wide } else { index / wide };
        let (before, after) = (place.min(reach), (length - 1 - place).min(reach));
        let first = index - before * step;
        (0..=before + after)
            .filter_map(|at| ends.get(first + at * step))
            .fold((u8::MAX, u8::MIN), |(low, high), end| (low.min(end.0), high.max(end.1)))
    };
    (0..ends.len()).map(widened).collect()
}
