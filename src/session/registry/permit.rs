//! A session's permit, which moves to the connection that takes the session over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

use super::shares::Share;

/// What a session holds of the server: one of its places, and one of those that its owner may have.
pub struct Admission {
    _place: OwnedSemaphorePermit,
    _share: Share,
}

impl Admission {
    /// Both.
    pub fn new(place: OwnedSemaphorePermit, share: Share) -> Self {
        Self { _place: place, _share: share }
    }
}

/// A permit that can be transferred; released with its last holder.
#[derive(Clone, Default)]
pub struct Permit(Arc<Mutex<Option<Admission>>>);

impl Permit {
    /// Starts a transfer to another session; `None` while another transfer is in progress.
    pub fn transfer(&self) -> Option<Transfer> {
        let permit = self.lock().take()?;
        Some(Transfer { from: self.clone(), permit: Some(permit) })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Admission>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit in transfer; it returns to its holder unless the transfer is completed.
pub struct Transfer {
    from: Permit,
    permit: Option<Admission>,
}

impl Transfer {
    /// A permit that no session has held.
    pub fn of(permit: Admission) -> Self {
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
    use crate::{
        access::{Caller, Role},
        session::registry::shares::{self, Shares},
    };

    #[test]
    fn a_permit_changes_hands_once_at_a_time_and_goes_back_after_a_failure() {
        let permits = Arc::new(Semaphore::new(1));
        let shares = Shares::new(shares::Settings { per_subject: 1, ..shares::Settings::default() });
        let caller = Caller::new("a".into(), "a", Role::User, [127, 0, 0, 1].into());
        let admit = || {
            let place = permits.clone().try_acquire_owned().unwrap();
            Transfer::of(Admission::new(place, shares.take(&caller).unwrap()))
        };
        let old = admit().complete();

        let transfer = old.transfer().unwrap();
        assert!(old.transfer().is_none());
        drop(transfer);
        let new = old.transfer().unwrap().complete();

        drop(old);
        assert!(permits.available_permits() == 0 && shares.take(&caller).is_err());
        drop(new);
        assert!(permits.available_permits() == 1 && shares.take(&caller).is_ok());
        drop(admit());
        assert_eq!(permits.available_permits(), 1, "a session that was not created");
    }
}
