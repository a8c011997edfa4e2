//! The header of a tar's entry, for those that read a tar as it passes by.

/// Bytes of a header; content is padded to a multiple of it.
pub(super) const BLOCK: usize = 512;

/// Whether a header has the sum that it says it has (POSIX ustar).
pub(super) fn adds_up(header: &[u8; BLOCK]) -> bool {
    let sum = header.iter().enumerate().map(|(at, byte)| match at {
        // The field of the sum itself counts as spaces.
        148..156 => u32::from(b' '),
        _ => u32::from(*byte),
    });
    tar::Header::from_byte_slice(header).cksum().ok() == Some(sum.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_with_another_letter_does_not_add_up() {
        let mut header = tar::Header::new_gnu();
        header.set_path("name").unwrap();
        header.set_size(7);
        header.set_cksum();
        assert!(adds_up(header.as_bytes()));
        header.set_path("same").unwrap();
        assert!(!adds_up(header.as_bytes()));
    }
}
