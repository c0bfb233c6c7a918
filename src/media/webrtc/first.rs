//! The first few distinct values of a stream of numbers that the peer chooses. Pure; in constant memory and time.

/// The first `N` distinct values.
#[derive(Debug)]
pub struct First<const N: usize> {
    values: [u32; N],
    known: usize,
}

impl<const N: usize> Default for First<N> {
    fn default() -> Self {
        Self { values: [0; N], known: 0 }
    }
}

impl<const N: usize> First<N> {
    /// Whether `value` is one of them, or becomes one.
    pub fn has(&mut self, value: u32) -> bool {
        if self.values[..self.known].contains(&value) {
            return true;
        }
        let Some(place) = self.values.get_mut(self.known) else { return false };
        *place = value;
        self.known += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_values_stay_and_later_ones_are_refused() {
        let mut first = First::<3>::default();

        assert!([7, 0, 7, u32::MAX].into_iter().all(|value| first.has(value)));
        assert!((1..1000).filter(|value| *value != 7).all(|value| !first.has(value)));
        assert!([0, 7, u32::MAX].into_iter().all(|value| first.has(value)));
    }
}
