//! Numbers in as many bytes as they need: seven bits in each, the lowest first, the highest bit says that
//! another byte follows.

/// Appends a number.
#[inline]
pub(crate) fn push(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push((number & 0x7F) as u8);
}

/// Takes a number from the front; `None` when there is none.
#[inline]
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    // Most numbers take one byte.
    match bytes.split_first() {
        Some((&byte, rest)) if byte < 0x80 => {
            *bytes = rest;
            Some(u64::from(byte))
        }
        _ => take_long(bytes),
    }
}

/// Leaves out so many numbers from the front.
#[inline]
pub(crate) fn skip(bytes: &mut &[u8], numbers: usize) {
    let mut left = numbers;
    let mut length = 0;
    for byte in *bytes {
        if left == 0 {
            break;
        }
        left -= usize::from(*byte < 0x80);
        length += 1;
    }
    *bytes = &bytes[length..];
}

fn take_long(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    let mut shift = 0;
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7F).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_as_many_bytes_as_they_need() {
        let table = [
            (0, 1),
            (127, 1),
            (128, 2),
            (16_383, 2),
            (16_384, 3),
            (u64::MAX, 10),
        ];
        for (number, length) in table {
            let mut bytes = Vec::new();
            push(&mut bytes, number);
            assert_eq!(bytes.len(), length, "{number}");
            assert_eq!(take(&mut bytes.as_slice()), Some(number));
        }
        let mut bytes = Vec::new();
        for (number, _) in table {
            push(&mut bytes, number);
        }
        let mut rest = bytes.as_slice();
        skip(&mut rest, 4);
        assert_eq!(take(&mut rest), Some(16_384));
        skip(&mut rest, 7);
        assert!(rest.is_empty());
        assert_eq!(take(&mut [].as_slice()), None);
        assert_eq!(take(&mut [0x80].as_slice()), None);
    }
}
