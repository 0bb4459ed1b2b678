//! A block of bytes behind one pointer: what a vector is, at a third of its size in whatever holds it.
//!
//! An account holds two of them, and there are many millions of accounts. Length and capacity lie before the bytes. This is the one
//! file of this ring that handles memory by hand; everything else reads and writes slices.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Bytes.
#[derive(Default)]
pub struct Block(Option<NonNull<Head>>);

/// What lies before the bytes.
struct Head {
    length: u32,
    capacity: u32,
}

// SAFETY: a block owns its memory alone, as a vector of bytes does, and is only changed through a unique reference.
unsafe impl Send for Block {}
// SAFETY: as above; a shared reference only reads.
unsafe impl Sync for Block {}

impl Block {
    /// A block of just these bytes, one part after the other; no bytes take no memory.
    pub fn of(parts: &[&[u8]]) -> Block {
        let length = parts.iter().map(|part| part.len()).sum();
        let mut block = Block::default();
        block.lengthen(length, 0);
        let mut rest = &mut *block;
        for part in parts {
            let (place, after) = rest.split_at_mut(part.len());
            place.copy_from_slice(part);
            rest = after;
        }
        block
    }

    /// Appends so many zeros; where that takes more memory, enough for `spare` more after them, and for what an allocator would give
    /// anyway.
    pub fn lengthen(&mut self, by: usize, spare: usize) {
        let length = self.len() + by;
        if length > self.capacity() {
            self.reserve(size_of_class(size_of::<Head>() + length + spare) - size_of::<Head>());
        }
        if let Some(head) = self.0 {
            let before = self.len();
            // SAFETY: the head is there, and there is room for `length` bytes after it, of which those from `before` on are written here
            // for the first time.
            unsafe {
                bytes(head).add(before).write_bytes(0, by);
                (*head.as_ptr()).length = narrow(length);
            }
        }
    }

    /// Leaves out all bytes from a length on; its memory stays.
    pub fn truncate(&mut self, length: usize) {
        if let Some(mut head) = self.0.filter(|_| length < self.len()) {
            // SAFETY: the head is there, and nobody else looks at it.
            unsafe { head.as_mut() }.length = narrow(length);
        }
    }

    /// Memory of the block.
    pub fn bytes(&self) -> usize {
        self.0.map_or(0, |_| layout(self.capacity()).size())
    }

    /// Where it begins: for hints to the processor's cache.
    #[inline]
    pub fn address(&self) -> *const u8 {
        self.0.map_or(std::ptr::null(), |head| head.as_ptr().cast_const().cast())
    }

    fn capacity(&self) -> usize {
        // SAFETY: the head is there, and is only changed through a unique reference.
        self.0.map_or(0, |head| unsafe { head.as_ref() }.capacity as usize)
    }

    /// More memory than there is.
    fn reserve(&mut self, capacity: usize) {
        let (before, after) = (layout(self.capacity()), layout(capacity));
        // SAFETY: no layout is of size 0, `before` is that of the memory at the pointer, and `after` is larger and aligned as it is.
        let memory = unsafe {
            match self.0 {
                Some(head) => realloc(head.as_ptr().cast(), before, after.size()),
                None => alloc(after),
            }
        };
        let Some(head) = NonNull::new(memory.cast::<Head>()) else { handle_alloc_error(after) };
        let length = narrow(self.len_of(head));
        // SAFETY: there is room for a head, and memory from the allocator is aligned as the layout says.
        unsafe { head.write(Head { length, capacity: narrow(capacity) }) };
        self.0 = Some(head);
    }

    /// The length of a block whose memory moved.
    fn len_of(&self, moved: NonNull<Head>) -> usize {
        // SAFETY: if there was a head, it was moved there.
        self.0.map_or(0, |_| unsafe { moved.as_ref() }.length as usize)
    }
}

impl Deref for Block {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self.0 {
            // SAFETY: so many bytes after the head are initialised, and are only changed through a unique reference.
            Some(head) => unsafe { std::slice::from_raw_parts(bytes(head), head.as_ref().length as usize) },
            None => &[],
        }
    }
}

impl DerefMut for Block {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match self.0 {
            // SAFETY: so many bytes after the head are initialised, and the reference is unique.
            Some(head) => unsafe { std::slice::from_raw_parts_mut(bytes(head), head.as_ref().length as usize) },
            None => &mut [],
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if let Some(head) = self.0 {
            // SAFETY: the memory is ours and of this layout.
            unsafe { dealloc(head.as_ptr().cast(), layout(self.capacity())) };
        }
    }
}

impl Clone for Block {
    fn clone(&self) -> Block {
        Block::of(&[self])
    }
}

impl PartialEq for Block {
    fn eq(&self, other: &Block) -> bool {
        **self == **other
    }
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

/// Where the bytes begin.
///
/// # Safety
/// `head` is that of a block's memory.
unsafe fn bytes(head: NonNull<Head>) -> *mut u8 {
    // SAFETY: the bytes follow the head in one piece of memory.
    unsafe { head.as_ptr().add(1).cast() }
}

fn layout(capacity: usize) -> Layout {
    let size = size_of::<Head>() + capacity;
    Layout::from_size_align(size, align_of::<Head>()).expect("no account is as large as half of the address space")
}

/// Up to which size memory of a size takes no more from an allocator: mimalloc and jemalloc both have four sizes to each doubling, and
/// multiples of 16 below. Room that grows from one to the next is copied seldom enough.
fn size_of_class(size: usize) -> usize {
    let step = if size <= 128 { 16 } else { 1 << ((size - 1).ilog2() - 2) };
    size.next_multiple_of(step)
}

fn narrow(length: usize) -> u32 {
    u32::try_from(length).expect("no account has 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_its_bytes() {
        assert_eq!((size_of::<Block>(), Block::default().bytes(), Block::of(&[b"", b""]).len()), (8, 0, 0));
        let mut block = Block::of(&[b"abc", b"", b"de"]);
        assert_eq!((&*block, block.bytes()), (&b"abcde"[..], 16));
        block.lengthen(2, 3);
        assert_eq!((&*block, block.bytes()), (&b"abcde\0\0"[..], 16), "there was room");
        block[6] = b'g';
        block.lengthen(3, 7);
        assert_eq!((&*block, block.bytes()), (&b"abcde\0g\0\0\0"[..], 32));
        let copy = block.clone();
        block.truncate(20);
        block.truncate(1);
        block.lengthen(1, 0);
        assert_eq!((&*block, block.bytes()), (&b"a\0"[..], 32), "bytes given up come back as zeros");
        block.truncate(0);
        assert_eq!((block.bytes(), block == Block::default(), block == copy), (32, true, false));
        assert_eq!(&*copy, b"abcde\0g\0\0\0");
    }

    #[test]
    fn memory_is_of_sizes_that_allocators_have() {
        let sizes =
            [(1, 16), (16, 16), (17, 32), (128, 128), (129, 160), (193, 224), (256, 256), (257, 320), (620, 640), (769, 896)];
        sizes.iter().for_each(|(size, class)| assert_eq!(size_of_class(*size), *class, "{size}"));
        for size in 1..10_000 {
            let class = size_of_class(size);
            assert!(class >= size && class < size + 16.max(size / 4) && size_of_class(class) == class, "{size}: {class}");
        }
    }
}
