//! Base-2 exponential histograms.

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
    let widest = point.buckets.len();
    downscale(point, steps_to_fit(widest));
}

/// Most buckets of a point.
pub(crate) const MAX_BUCKETS: usize = 160;
/// Finest resolution.
pub(crate) const MAX_SCALE: i32 = 20;

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
