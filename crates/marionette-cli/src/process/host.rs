//! The name of this machine.

/// The name of this machine, if it has one: read where Linux shows it, and elsewhere from the
/// variable in which shells put it.
pub(crate) fn host_name() -> Option<String> {
    let shown = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = shown.or_else(|| std::env::var("HOSTNAME").ok())?;
    let host = host.trim();
    (!host.is_empty()).then(|| host.to_owned())
}
