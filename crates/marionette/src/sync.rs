//! The locks and atomics that our own waiting and waking is made of. Under `--cfg marionette_loom`
//! they are loom's, so that loom can check them; otherwise they are the standard library's.

#[cfg(marionette_loom)]
pub(crate) use self::model::{AtomicU32, AtomicUsize, Mutex, MutexGuard, Ordering, UnsafeCell};
#[cfg(not(marionette_loom))]
pub(crate) use self::real::{AtomicU32, AtomicUsize, Mutex, MutexGuard, Ordering, UnsafeCell};

#[cfg(not(marionette_loom))]
mod real {
    use std::sync::PoisonError;
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

    /// A mutex without poisoning: no user code runs under our locks, so there is nothing to poison.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

    pub(crate) type MutexGuard<'a, T> = std::sync::MutexGuard<'a, T>;

    impl<T> Mutex<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::sync::Mutex::new(value))
        }

        #[inline]
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        #[inline]
        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// The standard `UnsafeCell` with loom's interface.
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }
    }

    impl<T: ?Sized> UnsafeCell<T> {
        #[inline]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

#[cfg(marionette_loom)]
mod model {
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    pub(crate) type MutexGuard<'a, T> = loom::sync::MutexGuard<'a, T>;

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect("no user code runs under our locks")
        }

        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().expect("no user code runs under our locks")
        }
    }

    /// loom's `UnsafeCell` is sized; a counter beside the value gives unsized values the same
    /// check.
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T: ?Sized> {
        watch: loom::cell::UnsafeCell<()>,
        value: std::cell::UnsafeCell<T>,
    }

    impl<T> UnsafeCell<T> {
        pub(crate) fn new(value: T) -> Self {
            Self {
                watch: loom::cell::UnsafeCell::new(()),
                value: std::cell::UnsafeCell::new(value),
            }
        }
    }

    impl<T: ?Sized> UnsafeCell<T> {
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            self.watch.with_mut(|_| f(self.value.get()))
        }
    }
}
