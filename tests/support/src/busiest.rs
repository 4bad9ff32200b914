//! How often something happened when it happened most often.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

/// The most of these times that lie within a window of this length.
pub fn busiest(times: impl IntoIterator<Item = Timestamp>, window: Duration) -> usize {
    let mut times: Vec<_> = times.into_iter().collect();
    times.sort_unstable();
    let mut first = times.iter().peekable();
    let (mut inside, mut most) = (0, 0);
    for time in &times {
        inside += 1;
        let is_outside = |earliest: &&Timestamp| time.duration_since(**earliest).unsigned_abs() >= window;
        while first.next_if(is_outside).is_some() {
            inside -= 1;
        }
        most = most.max(inside);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_window_is_found() {
        let times = || [600, 0, 1100, 9000, 1599, 1600].map(|millis| Timestamp::from_millisecond(millis).unwrap());
        assert_eq!(busiest(times(), Duration::from_secs(1)), 3);
        assert_eq!(busiest(times(), Duration::from_secs(10)), 6);
        assert_eq!(busiest([], Duration::from_secs(1)), 0);
    }
}
