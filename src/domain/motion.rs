//! Motions: what expansion and contraction are attributed to.

/// Number of motions.
pub const MOTIONS: usize = 5;

/// Why revenue of an existing customer moved. The order breaks ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    Upsell,
    CrossSell,
    Seats,
    Usage,
    Price,
}

impl Motion {
    pub const ALL: [Motion; MOTIONS] = [Motion::Upsell, Motion::CrossSell, Motion::Seats, Motion::Usage, Motion::Price];

    pub fn as_str(self) -> &'static str {
        match self {
            Motion::Upsell => "upsell",
            Motion::CrossSell => "cross_sell",
            Motion::Seats => "seats",
            Motion::Usage => "usage",
            Motion::Price => "price",
        }
    }
}
