//! Finder patterns, and three of them that stand like the corners of a code.
//!
//! Every straight cut through the middle of a finder pattern is dark, light, dark, light, dark in the
//! proportion 1 : 1 : 3 : 1 : 1, whatever the rotation (ISO/IEC 18004, 12 c). Rows are searched for it,
//! each hit is confirmed by a vertical and a horizontal cut, hits on one pattern are averaged.

use super::picture::{Picture, Point, cell};

/// Finder patterns kept while searching; noise beyond is ignored.
const SEEN: usize = 256;
/// Finder patterns of which corners are made.
const KEPT: usize = 40;

/// A finder pattern.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Finder {
    pub(super) centre: Point,
    /// Pixels a module, as cut: more than the module's side if the code is turned.
    module: f64,
    hits: f64,
}

/// Three finder patterns of one code: the one at its corner, the one along its top, the one down its left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Corner {
    pub(super) corner: Finder,
    pub(super) top: Finder,
    pub(super) left: Finder,
}

impl Corner {
    pub(super) fn finders(&self) -> [Finder; 3] {
        [self.corner, self.top, self.left]
    }
}

/// Every plausible corner, the best shaped first.
pub(super) fn corners(picture: &Picture) -> Vec<Corner> {
    let finders = finders(picture);
    let mut found = Vec::new();
    for (i, a) in finders.iter().enumerate() {
        for (j, b) in finders.iter().enumerate().skip(i + 1) {
            for c in finders.iter().skip(j + 1) {
                found.extend(corner(*a, *b, *c));
            }
        }
    }
    found.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    found.into_iter().map(|(_, corner)| corner).collect()
}

/// Three finder patterns as a corner, with its distance from the ideal: a right angle, legs and modules of
/// one length. Perspective bends all three.
fn corner(a: Finder, b: Finder, c: Finder) -> Option<(f64, Corner)> {
    // The corner lies opposite the longest side.
    let sides = [(b.centre.distance(c.centre), [a, b, c]), (a.centre.distance(c.centre), [b, a, c])];
    let last = (a.centre.distance(b.centre), [c, a, b]);
    let [corner, one, other] =
        sides.into_iter().fold(last, |most, side| if side.0 > most.0 { side } else { most }).1;
    let (one_leg, other_leg) = (one.centre.from(corner.centre), other.centre.from(corner.centre));
    let (one_length, other_length) = (one_leg.0.hypot(one_leg.1), other_leg.0.hypot(other_leg.1));
    let cross = one_leg.0 * other_leg.1 - one_leg.1 * other_leg.0;
    let cosine = (one_leg.0 * other_leg.0 + one_leg.1 * other_leg.1) / (one_length * other_length);
    let legs = (one_length / other_length).ln().abs();
    let modules = [one.module, other.module].map(|module| (module / corner.module).ln().abs());
    let modules = modules.iter().fold(0.0f64, |most, off| most.max(*off));
    // Centres are 14 to 170 modules apart; a cut makes modules up to √2 times too wide.
    let apart = one_length.min(other_length) / corner.module;
    if !(9.0..=190.0).contains(&apart) || cosine.abs() > 0.35 || legs > 0.35 || modules > 0.55 {
        return None;
    }
    // Seen from the corner, the top leg turns clockwise into the left leg (y points down).
    let (top, left) = if cross > 0.0 { (one, other) } else { (other, one) };
    Some((cosine.abs() + legs + modules, Corner { corner, top, left }))
}

/// Every finder pattern, the most certain first.
fn finders(picture: &Picture) -> Vec<Finder> {
    let mut found: Vec<Finder> = Vec::new();
    for y in 0..picture.height {
        let mut runs = [0usize; 5];
        let mut dark = false;
        // One column past the edge, which is light, closes the last run.
        for x in 0..=picture.width {
            if picture.is_dark(x, y) == dark {
                let [.., last] = &mut runs;
                *last += 1;
                continue;
            }
            if let Some(module) = proportions(runs).filter(|_| dark) {
                let [_, _, middle, light, ring] = runs;
                let middle = x - ring - light - middle.div_ceil(2);
                if let Some(finder) = confirm(picture, (middle, y), module) {
                    merge(&mut found, finder);
                }
            }
            let [_, second, third, fourth, fifth] = runs;
            runs = [second, third, fourth, fifth, 1];
            dark = !dark;
        }
    }
    found.retain(|finder| finder.hits > 1.0);
    found.sort_by(|one, other| (other.hits / other.module).total_cmp(&(one.hits / one.module)));
    found.truncate(KEPT);
    found
}

/// Pixels a module if runs stand as 1 : 1 : 3 : 1 : 1, give or take half a module and an edge.
fn proportions(runs: [usize; 5]) -> Option<f64> {
    let runs = runs.map(|run| f64::from(u32::try_from(run).unwrap_or(u32::MAX)));
    let module = runs.iter().sum::<f64>() / 7.0;
    let slack = module / 2.0 + 0.4;
    let fits = runs
        .iter()
        .zip([1.0, 1.0, 3.0, 1.0, 1.0])
        .all(|(run, share)| (run - share * module).abs() <= slack * share);
    (module >= 1.0 && fits).then_some(module)
}

/// Cuts through a suspected middle downwards, then across, and centres it both ways.
fn confirm(picture: &Picture, (x, y): (usize, usize), module: f64) -> Option<Finder> {
    // A pattern reaches 3.5 modules from its middle; twice that allows for perspective.
    let reach = cell(7.0 * module + 2.0)?;
    let (y, high) = cut(y, reach, |y| picture.is_dark(x, y))?;
    let row = cell(y)?;
    let (x, wide) = cut(x, reach, |x| picture.is_dark(x, row))?;
    let similar = (0.6..=1.67).contains(&(high / wide));
    similar.then_some(Finder { centre: Point { x, y }, module: f64::midpoint(high, wide), hits: 1.0 })
}

/// The middle of the pattern and its pixels a module, along the line on which `dark` tells the pixels, at
/// most `reach` pixels from `start`.
fn cut(start: usize, reach: usize, dark: impl Fn(usize) -> bool) -> Option<(f64, f64)> {
    if !dark(start) {
        return None;
    }
    // The pixel past the end of a run of one shade, upwards or downwards; position 0 ends every run.
    let end = |mut at: usize, shade: bool, up: bool| {
        while dark(at) == shade {
            at = if up { at.checked_add(1)? } else { at.checked_sub(1)? };
            if at.abs_diff(start) > reach {
                return None;
            }
        }
        Some(at)
    };
    let side = |up: bool| {
        let core = end(start, true, up)?;
        let light = end(core, false, up)?;
        // At the picture's edge the ring may end with the picture.
        let ring = end(light, true, up);
        Some((core, light, ring))
    };
    let (low_core, low_light, low_ring) = side(false)?;
    let (high_core, high_light, high_ring) = side(true)?;
    let high_ring = high_ring?;
    // One past the end, counted downwards, so that lengths are differences.
    let (low_core, low_light, low_ring) = (low_core + 1, low_light + 1, low_ring.map_or(0, |ring| ring + 1));
    let module = proportions([
        low_light - low_ring,
        low_core - low_light,
        high_core - low_core,
        high_light - high_core,
        high_ring - high_light,
    ])?;
    let place = |pixel: usize| f64::from(u32::try_from(pixel).unwrap_or(u32::MAX));
    Some((f64::midpoint(place(low_core), place(high_core)), module))
}

/// Adds a sighting to the pattern it belongs to, as a running mean, or as a new pattern.
fn merge(found: &mut Vec<Finder>, new: Finder) {
    let near = |old: &&mut Finder| {
        let (x, y) = old.centre.from(new.centre);
        x.abs().max(y.abs()) < 1.5 * old.module && (0.6..=1.67).contains(&(old.module / new.module))
    };
    let room = found.len() < SEEN;
    match found.iter_mut().find(near) {
        Some(old) => {
            old.hits += 1.0;
            let (x, y) = new.centre.from(old.centre);
            old.centre = old.centre.plus(x / old.hits, y / old.hits);
            old.module += (new.module - old.module) / old.hits;
        }
        None if room => found.push(new),
        None => {}
    }
}
