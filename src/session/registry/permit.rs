//! A session's permit, which moves to the connection that takes the session over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

/// A permit that can be transferred; released with its last holder.
#[derive(Clone, Default)]
pub struct Permit(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Permit {
    /// Starts a transfer to another session; `None` while another transfer is in progress.
    pub fn transfer(&self) -> Option<Transfer> {
        let permit = self.lock().take()?;
        Some(Transfer { from: self.clone(), permit: Some(permit) })
    }

    fn lock(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit in transfer; it returns to its holder unless the transfer is completed.
pub struct Transfer {
    from: Permit,
    permit: Option<OwnedSemaphorePermit>,
}

impl Transfer {
    /// A permit that no session has held.
    pub fn of(permit: OwnedSemaphorePermit) -> Self {
        Self { from: Permit::default(), permit: Some(permit) }
    }

    /// Hands the permit to the new session.
    pub fn complete(mut self) -> Permit {
        Permit(Arc::new(Mutex::new(self.permit.take())))
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            *self.from.lock() = Some(permit);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    #[test]
    fn a_permit_changes_hands_once_at_a_time_and_goes_back_after_a_failure() {
        let permits = Arc::new(Semaphore::new(1));
        let old = Transfer::of(permits.clone().try_acquire_owned().unwrap()).complete();

        let transfer = old.transfer().unwrap();
        assert!(old.transfer().is_none());
        drop(transfer);
        let new = old.transfer().unwrap().complete();

        drop(old);
        assert_eq!(permits.available_permits(), 0);
        drop(new);
        assert_eq!(permits.available_permits(), 1);
        drop(Transfer::of(permits.clone().try_acquire_owned().unwrap()));
        assert_eq!(permits.available_permits(), 1, "a session that was not created");
    }
}
