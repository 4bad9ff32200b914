//! A lock that a panic elsewhere doesn't close.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks it. What is behind these locks is changed in one step, so a panic leaves nothing half-done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
