//! The processor's cycle counter.
#![allow(unsafe_code)]

/// How many cycles have passed since the processor was started.
#[inline]
pub(super) fn cycles() -> u64 {
    // SAFETY: `_rdtsc` reads a register that every processor of this kind has. A process may be
    // forbidden to read it, but this process reads its clock by that register: it is asked for only
    // then (`is_the_clocks`).
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Whether the system takes its time from this counter: then the system has found that the counter
/// goes steadily, and the same on all cores.
pub(super) fn is_the_clocks() -> bool {
    std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        .is_ok_and(|source| source.trim() == "tsc")
}
