//! Bytes of a file. Copies share their pages until one of them is written, so an image of a disk costs pointers.

use std::sync::Arc;

const PAGE: usize = 4096;

#[derive(Clone, Default)]
pub(crate) struct Content {
    pages: Vec<Arc<[u8; PAGE]>>,
    len: usize,
}

impl Content {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Reads what is there, zeros behind it; answers how many bytes were there.
    pub(crate) fn read(&self, offset: usize, into: &mut [u8]) -> usize {
        let there = self.len.saturating_sub(offset).min(into.len());
        into[there..].fill(0);
        let mut done = 0;
        while done < there {
            let (page, within) = ((offset + done) / PAGE, (offset + done) % PAGE);
            let part = (PAGE - within).min(there - done);
            into[done..done + part].copy_from_slice(&self.pages[page][within..within + part]);
            done += part;
        }
        there
    }

    /// Writes, and grows to hold it: what is skipped reads as zeros.
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        if offset + bytes.len() > self.len {
            self.set_len(offset + bytes.len());
        }
        let mut done = 0;
        while done < bytes.len() {
            let (page, within) = ((offset + done) / PAGE, (offset + done) % PAGE);
            let part = (PAGE - within).min(bytes.len() - done);
            Arc::make_mut(&mut self.pages[page])[within..within + part].copy_from_slice(&bytes[done..done + part]);
            done += part;
        }
    }

    /// Cuts, or grows with zeros.
    pub(crate) fn set_len(&mut self, len: usize) {
        let pages = len.div_ceil(PAGE);
        if pages > self.pages.len() {
            let zeros = Arc::new([0; PAGE]);
            self.pages.resize(pages, zeros);
        } else {
            self.pages.truncate(pages);
            if len < self.len && !len.is_multiple_of(PAGE) {
                Arc::make_mut(&mut self.pages[pages - 1])[len % PAGE..].fill(0);
            }
        }
        self.len = len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_back_and_copies_part_ways() {
        let mut content = Content::default();
        content.write(4090, b"0123456789");
        let copy = content.clone();
        content.write(4094, b"xx");
        let mut read = [1; 12];
        assert_eq!(content.read(4090, &mut read), 10);
        assert_eq!(&read, b"0123xx6789\0\0");
        assert_eq!(copy.read(4088, &mut read), 12);
        assert_eq!(&read, b"\x00\x000123456789");
        content.set_len(4093);
        content.set_len(5000);
        assert_eq!(content.read(4090, &mut read), 12);
        assert_eq!(&read, b"012\0\0\0\0\0\0\0\0\0", "what was cut off does not come back");
    }
}
