//! The time that the processor spends on this thread.

use rustix::time::{ClockId, clock_gettime};

/// Returns the nanoseconds that the processor has spent on this thread, in the kernel too.
pub(crate) fn spent() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (time.tv_sec.cast_unsigned(), time.tv_nsec.cast_unsigned());
    seconds * 1_000_000_000 + nanoseconds
}
