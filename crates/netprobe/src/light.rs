//! How much of the wait is physics.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The speed of light in vacuum, in kilometres a second.
const VACUUM_KM_PER_S: f64 = 299_792.458;

/// The refractive index of the glass of long-distance fibre (ITU-T G.652 at 1,550 nm): light is that much slower in it.
const FIBRE_INDEX: f64 = 1.468;

/// A measured round trip beside the shortest that physics allows: light goes 299,792.458 km a second in vacuum, and 1.468 times slower in the glass
/// of long-distance fibre (its refractive index: ITU-T G.652 at 1,550 nm).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Light {
    /// How far away the server is, in kilometres, as the caller said.
    pub distance_km: f64,
    /// There and back through vacuum, in milliseconds: nothing is faster.
    pub vacuum_ms: f64,
    /// There and back through a straight fibre, in milliseconds: no cable is faster.
    pub fibre_ms: f64,
    /// The round trip that was measured, in milliseconds.
    pub round_trip_ms: f64,
    /// How many times longer than a straight fibre's it is. Below 1, the server is nearer than the caller said.
    pub times_fibre: f64,
    /// How many such round trips the run's waiting amounts to.
    pub round_trips: f64,
}

impl Light {
    /// Sets a round trip, and the time that a run waited, beside a distance.
    #[must_use]
    pub fn new(distance_km: f64, round_trip_ns: u64, wait_ns: u64) -> Self {
        let vacuum_ms = 2.0 * distance_km / VACUUM_KM_PER_S * 1e3;
        let fibre_ms = vacuum_ms * FIBRE_INDEX;
        let round_trip_ms = round_trip_ns as f64 / 1e6;
        let ratio = |over: f64, under: f64| if under > 0.0 { over / under } else { 0.0 };
        Self {
            distance_km,
            vacuum_ms,
            fibre_ms,
            round_trip_ms,
            times_fibre: ratio(round_trip_ms, fibre_ms),
            round_trips: ratio(wait_ns as f64 / 1e6, round_trip_ms),
        }
    }
}

impl fmt::Display for Light {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "light in a straight fibre: {:.2} ms for {} km there and back; measured: {:.2} ms, {:.2} times that; all the waiting \
             is {:.1} round trips",
            self.fibre_ms, self.distance_km, self.round_trip_ms, self.times_fibre, self.round_trips
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn across_the_atlantic() {
        // London to New York: 5,570 km along a great circle.
        let light = Light::new(5570.0, 70_000_000, 280_000_000);
        assert!((light.vacuum_ms - 37.16).abs() < 0.01, "{light:?}");
        assert!((light.fibre_ms - 54.55).abs() < 0.01, "{light:?}");
        assert!((light.times_fibre - 1.283).abs() < 0.001, "{light:?}");
        assert!((light.round_trips - 4.0).abs() < 1e-12);
        assert_eq!(Light::new(0.0, 0, 5).round_trips, 0.0);
    }
}
