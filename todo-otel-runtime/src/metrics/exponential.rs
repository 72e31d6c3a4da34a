//! Base-2 exponential histograms. While counting they are explicit buckets of a fixed fine scale, so that the hot path is
//! the same; a reader trims them and lowers the scale until they fit.

use super::model::ExponentialPoint;

/// Adds a point of equal attributes: both at the smaller scale.
pub(crate) fn add_point(point: &mut ExponentialPoint, mut more: ExponentialPoint) {
    let scale = point.scale.min(more.scale);
    let (fewer, steps) = (point.scale - scale, more.scale - scale);
    downscale(point, fewer);
    downscale(&mut more, steps);
    if point.buckets.is_empty() {
        point.offset = more.offset;
    }
    if !more.buckets.is_empty() {
        let end = (point.offset + point.buckets.len() as i32).max(more.offset + more.buckets.len() as i32);
        let offset = point.offset.min(more.offset);
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
    let steps = steps_to_fit(point.buckets.len());
    downscale(point, steps);
}

/// Resolution while counting: eight buckets per power of two.
pub(crate) const SCALE: i32 = 3;
/// Values up to 2^LOWEST count as zero: a nanosecond, where the unit is the second.
pub(crate) const LOWEST: i32 = -30;
/// Durations above 2^HIGHEST_SECONDS (over two hours) share the last bucket.
pub(crate) const HIGHEST_SECONDS: i32 = 13;
/// Other values above 2^HIGHEST share the last bucket.
pub(crate) const HIGHEST: i32 = 40;

/// Upper bounds of the buckets while counting; the first one ends the zero bucket.
pub(crate) fn bounds(highest: i32) -> Vec<f64> {
    (LOWEST << SCALE..=highest << SCALE).map(|i| 2f64.powf(f64::from(i) / f64::from(1 << SCALE))).collect()
}

/// Counts per bucket of `bounds` as zero count, scale, offset and buckets of a point.
pub(crate) fn trimmed(counts: &[u64]) -> (u64, i32, i32, Vec<u64>) {
    let zero = counts.first().copied().unwrap_or_default();
    let positive = counts.get(1..).unwrap_or_default();
    let Some(first) = positive.iter().position(|count| *count > 0) else { return (zero, SCALE, 0, Vec::new()) };
    let last = positive.iter().rposition(|count| *count > 0).unwrap_or(first);
    let mut point = ExponentialPoint {
        attributes: Vec::new(),
        start_unix_ns: 0,
        unix_ns: 0,
        scale: SCALE,
        zero_count: zero,
        offset: (LOWEST << SCALE) + first as i32,
        buckets: positive[first..=last].to_vec(),
        sum: 0.0,
        exemplars: Vec::new(),
    };
    let steps = steps_to_fit(point.buckets.len());
    downscale(&mut point, steps);
    (zero, point.scale, point.offset, point.buckets)
}

/// Most buckets of a point.
pub(crate) const MAX_BUCKETS: usize = 160;

/// How often the scale must be halved until that many buckets fit.
fn steps_to_fit(mut buckets: usize) -> i32 {
    let mut steps = 0;
    while buckets > MAX_BUCKETS {
        // One more than half: the pairs may not begin at an even index.
        buckets = buckets / 2 + 1;
        steps += 1;
    }
    steps
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

    fn counted(values: &[f64]) -> (u64, i32, i32, Vec<u64>) {
        let bounds = bounds(HIGHEST);
        let mut counts = vec![0; bounds.len() + 1];
        for value in values {
            counts[bounds.partition_point(|bound| value > bound)] += 1;
        }
        trimmed(&counts)
    }

    #[test]
    fn a_bucket_holds_what_its_index_says() {
        for value in [0.001, 0.75, 1.0, 1.01, 2.0, 3.0, 1000.0] {
            let (_, scale, offset, buckets) = counted(&[value]);
            assert_eq!((scale, buckets.as_slice()), (SCALE, &[1][..]));
            let bound = |index: i32| 2f64.powf(f64::from(index) / f64::from(1 << SCALE));
            assert!(bound(offset) < value && value <= bound(offset + 1), "{value} in {offset}");
        }
        assert_eq!(counted(&[0.0, 0.0, 1.0]).0, 2, "zero has a count of its own");
    }

    #[test]
    fn a_wide_range_lowers_the_scale_and_loses_no_count() {
        let values: Vec<f64> = (-25..30).map(|exponent| 2f64.powi(exponent) * 1.1).collect();
        let (_, scale, _, buckets) = counted(&values);
        assert!(scale < SCALE && buckets.len() <= MAX_BUCKETS, "{scale} {}", buckets.len());
        assert_eq!(buckets.iter().sum::<u64>(), values.len() as u64);
    }
}
