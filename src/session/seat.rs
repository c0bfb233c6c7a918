//! A session's place on the server, which a connection that takes the session over takes along.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

/// A permit that can change hands; free again when the last holder is gone.
#[derive(Clone)]
pub struct Seat(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Seat {
    /// A taken place.
    pub fn new(permit: OwnedSemaphorePermit) -> Self {
        Self(Arc::new(Mutex::new(Some(permit))))
    }

    /// Takes the place over; `None` while somebody else does.
    pub fn claim(&self) -> Option<Claim> {
        let permit = self.lock().take()?;
        Some(Claim { from: self.clone(), permit: Some(permit) })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is being taken over; it goes back where that fails.
pub struct Claim {
    from: Seat,
    permit: Option<OwnedSemaphorePermit>,
}

impl Claim {
    /// The place is the new session's.
    pub fn settle(mut self) -> Option<Seat> {
        self.permit.take().map(Seat::new)
    }
}

impl Drop for Claim {
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
    fn a_place_changes_hands_once_at_a_time_and_goes_back_after_a_failure() {
        let places = Arc::new(Semaphore::new(1));
        let old = Seat::new(places.clone().try_acquire_owned().unwrap());

        let claim = old.claim().unwrap();
        assert!(old.claim().is_none());
        drop(claim);
        let new = old.claim().unwrap().settle().unwrap();

        drop(old);
        assert_eq!(places.available_permits(), 0);
        drop(new);
        assert_eq!(places.available_permits(), 1);
    }
}
