//! A check that cannot fail is a defect: with the feature `sabotage`, `SABOTAGE=<name>` switches one guarantee off, and
//! `.ci/sabotage` sees to it that a test turns red. Without the feature nothing of it is compiled, the names included.

/// Whether this guarantee is switched off.
#[cfg(feature = "sabotage")]
macro_rules! sabotaged {
    ($name:literal) => {
        $crate::deliver::sabotage::is($name)
    };
}

#[cfg(not(feature = "sabotage"))]
macro_rules! sabotaged {
    ($name:literal) => {
        false
    };
}

#[cfg(feature = "sabotage")]
pub(crate) fn is(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("SABOTAGE").ok()).as_deref() == Some(name)
}

/// Every thousandth item is among these.
pub(crate) fn is_every_1000th(items: u64) -> bool {
    static ITEMS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let before = ITEMS.fetch_add(items, std::sync::atomic::Ordering::Relaxed);
    before / 1000 != (before + items) / 1000
}
