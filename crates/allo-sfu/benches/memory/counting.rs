//! An allocator that counts what the worker holds, and nothing else.
#![allow(unsafe_code, reason = "an allocator cannot be written without")]
#![allow(clippy::cast_ptr_alignment, reason = "each piece is aligned for its mark")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static BYTES: AtomicUsize = AtomicUsize::new(0);

/// Marks each allocation, so that one of the worker's is known wherever it is freed.
pub(crate) struct Counting;

/// Counts what `work` allocates. There is one thread.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> T {
    IS_COUNTING.store(true, Ordering::Relaxed);
    let value = work();
    IS_COUNTING.store(false, Ordering::Relaxed);
    value
}

/// Returns the bytes that were counted and not freed since.
pub(crate) fn bytes() -> usize {
    BYTES.load(Ordering::Relaxed)
}

/// Returns where the caller's part begins, after the mark.
fn offset(layout: Layout) -> usize {
    layout.align().max(size_of::<usize>())
}

fn whole(layout: Layout) -> Option<Layout> {
    let size = layout.size().checked_add(offset(layout))?;
    Layout::from_size_align(size, offset(layout)).ok()
}

// SAFETY: the system's allocator gives a larger piece with the alignment that was asked for at the least, and what is returned
// begins a multiple of that alignment behind its beginning. Nothing here panics or allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(whole) = whole(layout) else { return std::ptr::null_mut() };
        let count = if IS_COUNTING.load(Ordering::Relaxed) { layout.size() } else { 0 };
        // SAFETY: it has a size.
        let start = unsafe { System.alloc(whole) };
        if start.is_null() {
            return start;
        }
        BYTES.fetch_add(count, Ordering::Relaxed);
        // SAFETY: the mark is within the piece and aligned, for the offset is at least its size and a power of two.
        unsafe {
            start.cast::<usize>().write(count);
            start.add(offset(layout))
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let Some(whole) = whole(layout) else { return };
        // SAFETY: `alloc` returned this pointer for this layout.
        unsafe {
            let start = pointer.sub(offset(layout));
            BYTES.fetch_sub(start.cast::<usize>().read(), Ordering::Relaxed);
            System.dealloc(start, whole);
        }
    }
}
