//! The modules of a code whose three finder patterns are known.
//!
//! ```text
//! F──────timing──────F     1. the number of modules n, from the finders' distance and size,
//! │  A      A       A│        confirmed by the timing patterns
//! t  A      A       A│     2. the plane: four points (three finders, the last alignment pattern)
//! F  A      A       A│        determine the perspective
//! └──────────────────┘     3. the paper: each further alignment pattern says how far it lies from
//! ```                         where the plane has it; between them that is interpolated
//!
//! Coordinates on the code are modules from its top left corner, centres at halves.

use super::finder::Corner;
use super::picture::{Picture, Point};

/// The modules of a code, row by row.
pub(super) struct Modules {
    pub(super) size: usize,
    dark: Vec<bool>,
}

impl Modules {
    pub(super) fn is_dark(&self, x: usize, y: usize) -> bool {
        self.dark.get(y * self.size + x).copied().unwrap_or(false)
    }
}

/// Sizes a corner may have, each with the share of its timing modules that are as they should be.
pub(super) fn sizes(picture: &Picture, corner: &Corner) -> Vec<(f64, usize)> {
    let Some(estimate) = estimate(picture, corner) else { return Vec::new() };
    (1..=40)
        .map(|version| 17 + 4 * version)
        .filter(|size| (count(*size) - estimate).abs() < 4.0 + estimate / 12.0)
        .map(|size| (timing(picture, &Sheet::flat(corner, size)), size))
        .collect()
}

/// The number of modules on a side: the finders' centres are n − 7 modules apart.
fn estimate(picture: &Picture, corner: &Corner) -> Option<f64> {
    let leg = |end: Point| {
        let start = corner.corner.centre;
        let (length, (x, y)) = (end.distance(start), end.from(start));
        let direction = (x / length, y / length);
        let back = (-direction.0, -direction.1);
        let widths = [(start, direction), (start, back), (end, direction), (end, back)];
        let widths: Vec<f64> =
            widths.into_iter().filter_map(|(from, towards)| half(picture, from, towards)).collect();
        // Half a finder pattern measures 3.5 modules.
        let module = widths.iter().sum::<f64>() / count(widths.len()) / 3.5;
        (!widths.is_empty()).then_some(length / module + 7.0)
    };
    Some(f64::midpoint(leg(corner.top.centre)?, leg(corner.left.centre)?))
}

/// Pixels from a finder's centre to its outer edge: dark, light, dark, and out.
fn half(picture: &Picture, from: Point, (x, y): (f64, f64)) -> Option<f64> {
    const STEP: f64 = 0.25;
    let mut changes = 0;
    let mut dark = true;
    for step in 1..40_000u32 {
        let way = f64::from(step) * STEP;
        if (picture.darkness(from.plus(x * way, y * way)) > 0.0) != dark {
            dark = !dark;
            changes += 1;
            if changes == 3 {
                return Some(way - STEP / 2.0);
            }
        }
    }
    None
}

/// The share of timing modules that alternate as they should (ISO/IEC 18004, 6.3.5).
fn timing(picture: &Picture, sheet: &Sheet) -> f64 {
    let along = 8..sheet.size - 8;
    let right = |x: usize, y: usize| {
        (picture.darkness(sheet.plane.map(Point { x: count(x) + 0.5, y: count(y) + 0.5 })) > 0.0)
            == (x + y).is_multiple_of(2)
    };
    let good = along.clone().map(|at| usize::from(right(at, 6)) + usize::from(right(6, at))).sum::<usize>();
    count(good) / count(2 * along.len())
}

/// Reads the modules of a corner under one size.
pub(super) fn read(picture: &Picture, corner: &Corner, size: usize) -> Modules {
    let sheet = Sheet::fitted(picture, corner, size);
    // Five points a module: more than a centre, less than its blurred edges.
    const POINTS: [(f64, f64); 5] = [(0.5, 0.5), (0.3, 0.5), (0.7, 0.5), (0.5, 0.3), (0.5, 0.7)];
    let dark = |index: usize| {
        let corner = Point { x: count(index % size), y: count(index / size) };
        let (right, down) = sheet.offset(corner.plus(0.5, 0.5));
        let point = |(x, y): &(f64, f64)| sheet.plane.map(corner.plus(*x, *y)).plus(right, down);
        POINTS.iter().map(|at| picture.darkness(point(at))).sum::<f64>() > 0.0
    };
    Modules { size, dark: (0..size * size).map(dark).collect() }
}

/// Where each place of the code lies in the picture.
struct Sheet {
    size: usize,
    plane: Perspective,
    /// Places on the code and how far from the plane they were found, in pixels.
    offsets: Vec<(Point, (f64, f64))>,
}

impl Sheet {
    /// Through the three finders only, as a parallelogram.
    fn flat(corner: &Corner, size: usize) -> Self {
        let [start, top, left] = corner.finders().map(|finder| finder.centre);
        let (x, y) = top.from(start);
        let (near, far) = (3.5, count(size) - 3.5);
        let on_code = [(near, near), (far, near), (far, far), (near, far)].map(|(x, y)| Point { x, y });
        let plane = Perspective::between(on_code, [start, top, left.plus(x, y), left]);
        Self { size, plane, offsets: Vec::new() }
    }

    /// Through every pattern that can be found.
    fn fitted(picture: &Picture, corner: &Corner, size: usize) -> Self {
        let mut sheet = Self::flat(corner, size);
        let [start, top, left] = corner.finders().map(|finder| finder.centre);
        let (near, far, last) = (3.5, count(size) - 3.5, count(size) - 6.5);
        let places = alignment_places(size);
        // The last alignment pattern is where perspective shows most: look further and further away.
        let found = [1.5, 4.0, 8.0]
            .into_iter()
            .find_map(|reach| sheet.search(picture, Point { x: last, y: last }, reach));
        if let (Some(found), false) = (found, places.is_empty()) {
            let on_code = [(near, near), (far, near), (last, last), (near, far)].map(|(x, y)| Point { x, y });
            sheet.plane = Perspective::between(on_code, [start, top, found, left]);
        }
        let corners = [(near, near), (far, near), (near, far)].map(|(x, y)| (Point { x, y }, (0.0, 0.0)));
        let marks = places.into_iter().filter_map(|place| {
            let found = sheet.search(picture, place, 1.5)?;
            Some((place, found.from(sheet.plane.map(place))))
        });
        let offsets = corners.into_iter().chain(marks).collect();
        sheet.offsets = offsets;
        sheet
    }

    /// How far a place lies from where the plane has it: the offsets found, weighed by the inverse square
    /// of their distance.
    fn offset(&self, place: Point) -> (f64, f64) {
        let (mut weights, mut right, mut down) = (f64::MIN_POSITIVE, 0.0, 0.0);
        for (mark, (x, y)) in &self.offsets {
            let (across, along) = mark.from(place);
            let weight = 1.0 / (across * across + along * along + 1.0);
            weights += weight;
            right += weight * x;
            down += weight * y;
        }
        (right / weights, down / weights)
    }

    /// The alignment pattern nearest to where it should be, within `reach` modules: a dark module in a
    /// light ring in a dark ring. At most three of its 25 modules may be wrong.
    fn search(&self, picture: &Picture, place: Point, reach: f64) -> Option<Point> {
        let score = |middle: Point| {
            let (mut sum, mut wrong) = (0.0, 0);
            for index in 0..25u8 {
                let (x, y) = (f64::from(index % 5) - 2.0, f64::from(index / 5) - 2.0);
                let dark = x.abs().max(y.abs()) != 1.0;
                let seen = picture.darkness(self.plane.map(middle.plus(x, y)));
                wrong += u8::from((seen > 0.0) != dark);
                // A dark middle of each module counts, its exact grey does not.
                sum += if dark { seen.min(64.0) } else { (-seen).min(64.0) };
            }
            (wrong <= 3).then_some(sum)
        };
        let best = |around: Point, reach: f64, step: f64| {
            let steps = (reach / step).ceil();
            let mut best: Option<(f64, Point)> = None;
            let mut y = -steps;
            while y <= steps {
                let mut x = -steps;
                while x <= steps {
                    let middle = around.plus(x * step, y * step);
                    if let Some(sum) = score(middle) {
                        // Between equals the nearer one is right.
                        let sum = sum - 8.0 * middle.distance(place);
                        if best.is_none_or(|(most, _)| sum > most) {
                            best = Some((sum, middle));
                        }
                    }
                    x += 1.0;
                }
                y += 1.0;
            }
            best.map(|(_, middle)| middle)
        };
        let rough = best(place, reach, 0.5)?;
        best(rough, 0.4, 0.1).map(|middle| self.plane.map(middle))
    }
}

/// Centres of the alignment patterns (ISO/IEC 18004, Annex E), without the three under finder patterns.
fn alignment_places(size: usize) -> Vec<Point> {
    let version = (size - 17) / 4;
    if version < 2 {
        return Vec::new();
    }
    let lines = version / 7 + 2;
    let step = if version == 32 { 26 } else { (version * 4 + lines * 2 + 1) / (lines * 2 - 2) * 2 };
    let line =
        |index: usize| if index == 0 { 6.5 } else { count(size - 7 - (lines - 1 - index) * step) + 0.5 };
    let last = lines - 1;
    let free = |(x, y): &(usize, usize)| {
        !matches!((*x, *y), (0, 0)) && (*x, *y) != (0, last) && (*x, *y) != (last, 0)
    };
    let all = (0..lines).flat_map(|y| (0..lines).map(move |x| (x, y)));
    all.filter(free).map(|(x, y)| Point { x: line(x), y: line(y) }).collect()
}

/// A projective map of the plane, as a 3 × 3 matrix by rows.
struct Perspective([f64; 9]);

impl Perspective {
    /// The map that takes four points to four others, in the same turn (Heckbert 1989, 2.2.3).
    fn between(from: [Point; 4], to: [Point; 4]) -> Self {
        Self::of_square(to).after(&Self::of_square(from).adjugate())
    }

    /// The map that takes the unit square to four points.
    fn of_square([p0, p1, p2, p3]: [Point; 4]) -> Self {
        let ((dx1, dy1), (dx2, dy2)) = (p1.from(p2), p3.from(p2));
        let (sx, sy) = (p0.x - p1.x + p2.x - p3.x, p0.y - p1.y + p2.y - p3.y);
        let area = dx1 * dy2 - dx2 * dy1;
        let (g, h) = ((sx * dy2 - dx2 * sy) / area, (dx1 * sy - sx * dy1) / area);
        let (a, b) = (p1.x - p0.x + g * p1.x, p3.x - p0.x + h * p3.x);
        let (d, e) = (p1.y - p0.y + g * p1.y, p3.y - p0.y + h * p3.y);
        Self([a, b, p0.x, d, e, p0.y, g, h, 1.0])
    }

    /// The inverse up to a factor, which a projective map does not notice.
    fn adjugate(&self) -> Self {
        let [a, b, c, d, e, f, g, h, i] = self.0;
        Self([
            e * i - f * h,
            c * h - b * i,
            b * f - c * e,
            f * g - d * i,
            a * i - c * g,
            c * d - a * f,
            d * h - e * g,
            b * g - a * h,
            a * e - b * d,
        ])
    }

    /// First `first`, then this.
    fn after(&self, first: &Self) -> Self {
        let [a, b, c, d, e, f, g, h, i] = self.0;
        let [j, k, l, m, n, o, p, q, r] = first.0;
        Self([
            a * j + b * m + c * p,
            a * k + b * n + c * q,
            a * l + b * o + c * r,
            d * j + e * m + f * p,
            d * k + e * n + f * q,
            d * l + e * o + f * r,
            g * j + h * m + i * p,
            g * k + h * n + i * q,
            g * l + h * o + i * r,
        ])
    }

    fn map(&self, Point { x, y }: Point) -> Point {
        let [a, b, c, d, e, f, g, h, i] = self.0;
        let depth = g * x + h * y + i;
        Point { x: (a * x + b * y + c) / depth, y: (d * x + e * y + f) / depth }
    }
}

/// A count of modules as a number.
fn count(modules: usize) -> f64 {
    f64::from(u32::try_from(modules).expect("fits because a code has at most 177 modules a side"))
}
