//! Loss-based bitrate, for peers that send no transport-wide feedback. Pure.

/// The next bitrate after a second with this share of packets lost (draft-ietf-rmcat-gcc-02, section 6): below 2 % loss
/// it rises by 5 %, above 10 % it falls by half the share.
pub fn by_loss(bitrate_bps: u32, lost: f64, bounds: (u32, u32)) -> u32 {
    let factor = match lost {
        lost if lost < 0.02 => 1.05,
        lost if lost > 0.10 => 1.0 - 0.5 * lost.min(1.0),
        _ => 1.0,
    };
    let wanted = (f64::from(bitrate_bps) * factor).clamp(f64::from(bounds.0), f64::from(bounds.1));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between two u32")]
    let bitrate = wanted as u32;
    bitrate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_drives_the_bitrate_of_peers_without_feedback() {
        let bounds = (100_000, 4_000_000);

        assert_eq!(by_loss(1_000_000, 0.0, bounds), 1_050_000);
        assert_eq!(by_loss(1_000_000, 0.05, bounds), 1_000_000);
        assert_eq!(by_loss(1_000_000, 0.2, bounds), 900_000);
        assert_eq!(by_loss(110_000, 1.0, bounds), 100_000);
        assert_eq!(by_loss(3_999_999, 0.0, bounds), 4_000_000);
    }
}
