//! Base-2 exponential histograms: counting begins at the highest resolution and halves it whenever the values do not fit
//! into the buckets that are allowed. By option; explicit buckets are cheaper.

use super::{model::ExponentialPoint, views};

/// Most buckets of a point.
pub(crate) const MAX_BUCKETS: usize = 160;
/// Resolution to begin with: 2^20 buckets per power of two.
pub(crate) const MAX_SCALE: i32 = 20;

/// What one series has counted.
#[derive(Clone, Debug)]
pub(crate) struct Accumulator {
    /// Only scale, buckets, zero count and sum are used.
    point: ExponentialPoint,
    max_buckets: usize,
}

impl Accumulator {
    pub(crate) fn new(max_buckets: usize, max_scale: i32) -> Self {
        Accumulator { point: views::empty_exponential(max_scale), max_buckets: max_buckets.max(2) }
    }

    /// Counts a value; those that are not above zero are counted as zero.
    pub(crate) fn record(&mut self, value: f64) {
        let point = &mut self.point;
        point.sum += value;
        if value < f64::MIN_POSITIVE {
            point.zero_count += 1;
            return;
        }
        let index = index(value, point.scale);
        let (first, last) = match point.buckets.len() {
            0 => (index, index),
            len => (index.min(point.offset), index.max(point.offset + len as i32 - 1)),
        };
        let steps = steps_to_fit(first, last, self.max_buckets);
        downscale(point, steps);
        let (first, index) = (first >> steps, index >> steps);
        if point.buckets.is_empty() {
            point.offset = index;
        }
        let missing = (point.offset - first).max(0) as usize;
        point.buckets.splice(0..0, std::iter::repeat_n(0, missing));
        point.offset -= missing as i32;
        let at = (index - point.offset) as usize;
        if point.buckets.len() <= at {
            point.buckets.resize(at + 1, 0);
        }
        point.buckets[at] += 1;
    }

    /// Adds what another one has counted.
    pub(crate) fn add(&mut self, more: &Accumulator) {
        add_up_to(&mut self.point, more.point.clone(), self.max_buckets);
    }

    /// The counts, without attributes, times and exemplars.
    pub(crate) fn point(&self) -> ExponentialPoint {
        self.point.clone()
    }
}

/// Bucket of a value: (base^index, base^(index + 1)] with base = 2^(2^-scale).
fn index(value: f64, scale: i32) -> i32 {
    if scale > 0 {
        (value.log2() * f64::from(1 << scale)).ceil() as i32 - 1
    } else {
        (value.log2().ceil() as i32 - 1) >> -scale
    }
}

/// Adds a point of equal attributes: both at the smaller scale.
pub(crate) fn add_point(point: &mut ExponentialPoint, more: ExponentialPoint) {
    add_up_to(point, more, MAX_BUCKETS);
}

fn add_up_to(point: &mut ExponentialPoint, mut more: ExponentialPoint, max_buckets: usize) {
    let scale = point.scale.min(more.scale);
    let (fewer, steps) = (point.scale - scale, more.scale - scale);
    downscale(point, fewer);
    downscale(&mut more, steps);
    if point.buckets.is_empty() {
        point.offset = more.offset;
    }
    if !more.buckets.is_empty() {
        let (mut first, mut last) = (more.offset, more.offset + more.buckets.len() as i32 - 1);
        if !point.buckets.is_empty() {
            (first, last) = (first.min(point.offset), last.max(point.offset + point.buckets.len() as i32 - 1));
        }
        // Before the buckets are made: two far ends at a fine scale are further apart than memory goes.
        let steps = steps_to_fit(first, last, max_buckets);
        downscale(point, steps);
        downscale(&mut more, steps);
        let (offset, end) = (first >> steps, (last >> steps) + 1);
        let mut buckets = vec![0; (end - offset) as usize];
        for (from, counts) in [(point.offset, &point.buckets), (more.offset, &more.buckets)] {
            for (i, count) in counts.iter().enumerate() {
                buckets[(from - offset) as usize + i] += count;
            }
        }
        (point.offset, point.buckets) = (offset, buckets);
    }
    point.zero_count += more.zero_count;
    point.sum += more.sum;
    point.unix_ns = point.unix_ns.max(more.unix_ns);
    point.exemplars.extend(more.exemplars);
    point.exemplars.sort_by(|a, b| a.value.total_cmp(&b.value));
}

/// How often the scale must be halved until so many buckets hold both ends.
fn steps_to_fit(first: i32, last: i32, max_buckets: usize) -> i32 {
    (0..31).find(|steps| (i64::from(last >> steps) - i64::from(first >> steps)) < max_buckets as i64).unwrap_or(31)
}

/// Halves the resolution `steps` times: two neighbours become one.
pub(crate) fn downscale(point: &mut ExponentialPoint, steps: i32) {
    if steps <= 0 || point.buckets.is_empty() {
        point.scale -= steps.max(0);
        return;
    }
    let offset = point.offset >> steps;
    let last = (point.offset + point.buckets.len() as i32 - 1) >> steps;
    let mut buckets = vec![0; (last - offset + 1) as usize];
    for (i, count) in point.buckets.iter().enumerate() {
        buckets[(((point.offset + i as i32) >> steps) - offset) as usize] += count;
    }
    (point.scale, point.offset, point.buckets) = (point.scale - steps, offset, buckets);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(values: &[f64]) -> ExponentialPoint {
        let mut counts = Accumulator::new(MAX_BUCKETS, MAX_SCALE);
        values.iter().for_each(|value| counts.record(*value));
        counts.point()
    }

    fn bound(index: i32, scale: i32) -> f64 {
        2f64.powf(f64::from(index) * 2f64.powi(-scale))
    }

    #[test]
    fn one_value_has_the_highest_resolution_and_its_bucket_holds_it() {
        for value in [0.001, 0.75, 1.01, 3.0, 1000.0, 1e-300, 1e300] {
            let point = counted(&[value]);
            assert_eq!((point.scale, point.buckets.as_slice()), (MAX_SCALE, &[1][..]));
            let slack = 1.0 + 1e-9;
            let (lower, upper) = (bound(point.offset, point.scale), bound(point.offset + 1, point.scale));
            assert!(lower < value * slack && value <= upper * slack, "{value} in {lower}..{upper}");
        }
        for power in [1.0, 2.0, 4.0, 0.5] {
            assert_eq!(bound(counted(&[power]).offset + 1, MAX_SCALE), power, "an upper bound is inside");
        }
        let point = counted(&[0.0, -1.0, 1.0]);
        assert_eq!((point.zero_count, point.count()), (2, 3));
    }

    #[test]
    fn a_wider_range_lowers_the_scale_as_little_as_needed_and_loses_no_count() {
        let near: Vec<f64> = (0..100).map(|i| 1.0 + f64::from(i) / 1e4).collect();
        let point = counted(&near);
        assert!(point.scale > 10 && point.buckets.len() <= MAX_BUCKETS && point.buckets.len() * 2 > MAX_BUCKETS / 2);
        let far: Vec<f64> = (-25..30).map(|exponent| 2f64.powi(exponent) * 1.1).collect();
        let point = counted(&far);
        assert_eq!((point.scale, point.count()), (1, far.len() as u64), "55 powers of two at two buckets each");
        assert!(point.buckets.len() <= MAX_BUCKETS);
        let extremes = counted(&[1e-308, 1e308]);
        assert_eq!((extremes.count(), extremes.buckets.len() <= MAX_BUCKETS), (2, true));
    }

    #[test]
    fn the_parts_of_several_threads_give_what_one_would_have_counted() {
        let (mut a, mut b) = (Accumulator::new(MAX_BUCKETS, MAX_SCALE), Accumulator::new(MAX_BUCKETS, MAX_SCALE));
        let values: Vec<f64> = (1..200).map(|i| f64::from(i) * 0.37).collect();
        for (i, value) in values.iter().enumerate() {
            if i % 2 == 0 { a.record(*value) } else { b.record(*value) }
        }
        a.add(&b);
        let (together, alone) = (a.point(), counted(&values));
        assert_eq!((together.scale, together.offset, &together.buckets), (alone.scale, alone.offset, &alone.buckets));
    }
}
