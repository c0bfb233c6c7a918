//! Reads the bits of a header. Pure; `None` past the end.

/// A bit reader, most significant bit first.
pub struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    /// Reads `bytes` from the first bit on.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `count` bits, at most 32, as a number.
    pub fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| {
            let byte = self.bytes.get(self.at / 8)?;
            let bit = byte >> (7 - self.at % 8) & 1;
            self.at += 1;
            Some(value << 1 | u32::from(bit))
        })
    }

    /// The next bit as a flag.
    pub fn flag(&mut self) -> Option<bool> {
        Some(self.take(1)? == 1)
    }

    /// The next Exp-Golomb code, `ue(v)` (H.264, section 9.1), below 2^32 - 1.
    pub fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
        }
        (zeros < 32).then_some(())?;
        Some((1 << zeros) - 1 + self.take(zeros)?)
    }

    /// The next code, if it is at most `most`.
    pub fn exp_golomb_to(&mut self, most: u32) -> Option<u32> {
        self.exp_golomb().filter(|value| *value <= most)
    }

    /// The next signed code, `se(v)` (H.264, section 9.1.1).
    pub fn signed_exp_golomb(&mut self) -> Option<i64> {
        let code = i64::from(self.exp_golomb()?);
        Some(if code % 2 == 1 { (code + 1) / 2 } else { -(code / 2) })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Packs fields of (value, number of bits).
    pub fn packed(fields: &[(u32, u32)]) -> Vec<u8> {
        let bits: Vec<u8> = fields
            .iter()
            .flat_map(|&(value, count)| (0..count).rev().map(move |bit| u8::from(value >> bit & 1 == 1)))
            .collect();
        bits.chunks(8)
            .map(|chunk| chunk.iter().enumerate().fold(0, |byte, (at, bit)| byte | bit << (7 - at)))
            .collect()
    }

    /// The field of an Exp-Golomb code.
    pub fn exp_golomb(value: u32) -> (u32, u32) {
        (value + 1, 2 * (value + 1).ilog2() + 1)
    }

    #[test]
    fn codes_are_read_as_they_were_packed() {
        let values = [0, 1, 2, 3, 7, 8, 254, 999];
        let bytes = packed(&values.map(exp_golomb));
        let mut bits = Bits::new(&bytes);

        assert!(values.into_iter().all(|value| bits.exp_golomb() == Some(value)));
        let mut signed = Bits::new(&bytes);
        let read: Vec<_> = values.iter().filter_map(|_| signed.signed_exp_golomb()).collect();
        assert_eq!(read, [0, 1, -1, 2, 4, -4, -127, 500]);
        assert_eq!(Bits::new(&[0; 9]).exp_golomb(), None);
        assert_eq!(Bits::new(&[]).take(1), None);
    }
}
