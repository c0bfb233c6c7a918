//! The stage of one session: its ring of frames, and its attachment to a worker that it shares with other sessions.

use std::{sync::Arc, time::Duration};

use super::{
    super::{Error, Input, Parameters, Stage, Values, blank},
    connection::{Lease, Request},
    counters::Counters,
    geometry::Geometry,
    pool::Pool,
    protocol::{Done, Status, ToWorker},
    ring::{Ring, SLOTS, Slot},
};
use crate::{frame::Frame, limits};

/// One session's stage.
pub struct Instance {
    pool: Arc<Pool>,
    parameters: Parameters,
    attachment: Option<Attachment>,
    compute: Option<Duration>,
    /// Number and time of the last frame.
    last: Option<(u64, Duration)>,
    /// Whether its frames are skipped.
    skips: bool,
}

/// The session at its worker.
struct Attachment {
    lease: Lease,
    session: u64,
    load_values: Values,
    ring: Option<Arc<Ring>>,
    /// Whether the worker has this session's parameters. Their version does not show it: each step of a transition has its own
    /// values under one version.
    parameters_sent: bool,
}

impl Instance {
    /// A stage with a worker that is ready; a worker that loads with parameters starts with the first ones.
    ///
    /// # Errors
    /// [`Error::Died`] with why there is no worker.
    pub fn start(pool: Arc<Pool>) -> Result<Self, Error> {
        let attachment = if pool.settings.load_parameters.is_empty() {
            Some(Attachment::new(&pool, Values::new())?)
        } else {
            None
        };
        let parameters = Parameters::default();
        Ok(Self { pool, parameters, attachment, compute: None, last: None, skips: false })
    }

    /// The worker that has loaded with the session's values: another one if they have changed.
    fn attachment(&mut self) -> Result<&mut Attachment, Error> {
        let load_values = self.pool.settings.load_values(&self.parameters.values);
        let attachment = match self.attachment.take() {
            Some(attachment) if attachment.load_values == load_values => attachment,
            _ => Attachment::new(&self.pool, load_values)?,
        };
        Ok(self.attachment.insert(attachment))
    }

    /// Whether the session may have the frame computed, or takes more than its share of the worker.
    fn may_compute(&mut self, frame: &Frame) -> Result<bool, Error> {
        let (seq, pts) = self.last.replace((frame.seq, frame.pts)).unwrap_or_default();
        let frames = u32::try_from(frame.seq.saturating_sub(seq)).unwrap_or(u32::MAX).max(1);
        let interval = frame.pts.saturating_sub(pts) / frames;
        let attachment = self.attachment()?;
        let admitted = attachment.lease.admits(attachment.session, interval);
        if !admitted {
            limits::FAIR_SHARE.refused();
            if !self.skips {
                tracing::warn!(pipeline = self.pool.settings.id, "{}", limits::FAIR_SHARE);
            }
        }
        self.skips = !admitted;
        Ok(admitted)
    }

    /// Sends the frame, preceded by parameters that the worker does not have; waits for the reply.
    fn request(&mut self, frame: &Frame) -> Result<(Done, Slot), Error> {
        let settings = self.pool.settings.clone();
        if !settings.layouts.contains(&frame.layout) {
            let (expected, got) = (&settings.layouts, frame.layout);
            return Err(Error::Process(format!("expected a frame in one of {expected:?}, got {got:?}")));
        }
        let (parameters, attachment) = (self.parameters.clone(), self.attachment()?);
        let ring = attachment.ring_for(frame)?;
        let input = match settings.input {
            Input::None => None,
            Input::Optional if blank::is(frame) => None,
            Input::Required | Input::Optional => Some(filled_slot(&ring, frame, &settings.counters)?),
        };
        let output = free_slot(&ring)?;
        attachment.send_parameters(&parameters)?;
        let request = Request { seq: frame.seq, slot: output.index, version: parameters.version };
        let packet = ToWorker::Frame {
            session: attachment.session,
            seq: request.seq,
            pts_ns: u64::try_from(frame.pts.as_nanos()).unwrap_or(0),
            input: input.as_ref().map(|slot| slot.index),
            output: request.slot,
            version: request.version,
        };
        let packet = packet.packet().map_err(Error::Process)?;
        Ok((attachment.lease.request(attachment.session, request, &packet)?, output))
    }
}

impl Stage for Instance {
    fn set(&mut self, parameters: &Parameters) -> Result<(), Error> {
        let (session, version, values) = (u64::MAX, parameters.version, &parameters.values);
        // They are sent with the next frame; parameters that fit no packet are refused here, where the caller learns of it.
        ToWorker::Parameters { session, version, values }.packet().map_err(Error::Process)?;
        self.parameters = parameters.clone();
        self.attachment()?.parameters_sent = false;
        Ok(())
    }

    fn process(&mut self, frame: &Frame) -> Result<Option<Frame>, Error> {
        if !self.may_compute(frame)? {
            self.compute = Some(Duration::ZERO);
            return Ok(None);
        }
        let (done, output) = self.request(frame)?;
        let micros = done.compute_us / done.batch;
        self.compute = Some(Duration::from_micros(micros));
        match done.status {
            Status::Frame => {
                Counters::count(&self.pool.settings.counters.handed_on);
                Ok(Some(output.into_frame(frame)))
            }
            Status::Passthrough => Ok(Some(frame.clone())),
            Status::Skip => Ok(None),
            Status::Error => Err(Error::Process(done.message)),
        }
    }

    fn warm_up(&mut self, frame: &Frame) -> Result<(), Error> {
        let warm = self.process(frame).map(drop);
        self.reset();
        if let Some(attachment) = &self.attachment {
            attachment.lease.forgive(attachment.session); // the first frame of a model is slow
        }
        warm
    }

    fn reset(&mut self) {
        if let Some(attachment) = &self.attachment {
            attachment.send(&ToWorker::Reset { session: attachment.session });
        }
    }

    fn compute(&self) -> Option<Duration> {
        self.compute
    }
}

impl Attachment {
    fn new(pool: &Arc<Pool>, load_values: Values) -> Result<Self, Error> {
        let lease = pool.attach(&load_values)?;
        let session = lease.open_session();
        Ok(Self { lease, session, load_values, ring: None, parameters_sent: false })
    }

    /// The ring for frames of this size; a new one where the size changes.
    fn ring_for(&mut self, frame: &Frame) -> Result<Arc<Ring>, Error> {
        if let Some(ring) = self.ring.as_ref().filter(|ring| ring.geometry.fits(frame)) {
            return Ok(ring.clone());
        }
        let geometry = Geometry::of(frame).map_err(Error::Process)?;
        let (ring, file) = Ring::new(geometry)
            .map_err(|error| Error::Process(format!("the system gives no memory for frames: {error}")))?;
        let geometry = &ring.geometry;
        let message = ToWorker::Session {
            session: self.session,
            layout: geometry.layout,
            width: geometry.width,
            height: geometry.height,
            slots: SLOTS,
            slot_bytes: geometry.slot_bytes,
            planes: &geometry.planes,
        };
        self.lease.send(&message.packet().map_err(Error::Process)?, Some(&file));
        self.ring = Some(ring.clone());
        Ok(ring)
    }

    /// Sends the parameters, unless the worker has them.
    fn send_parameters(&mut self, parameters: &Parameters) -> Result<(), Error> {
        if self.parameters_sent {
            return Ok(());
        }
        let (session, version, values) = (self.session, parameters.version, &parameters.values);
        let packet = ToWorker::Parameters { session, version, values }.packet().map_err(Error::Process)?;
        self.lease.send(&packet, None);
        self.parameters_sent = true;
        Ok(())
    }

    /// Sends a message about the session, once the worker knows it.
    fn send(&self, message: &ToWorker<'_>) {
        if self.ring.is_some()
            && let Ok(packet) = message.packet()
        {
            self.lease.send(&packet, None);
        }
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.send(&ToWorker::Close { session: self.session });
        self.lease.close_session(self.session);
    }
}

fn free_slot(ring: &Arc<Ring>) -> Result<Slot, Error> {
    ring.take().ok_or_else(|| {
        Error::Process(format!("all {SLOTS} frames of the ring are in use; this one is dropped"))
    })
}

fn filled_slot(ring: &Arc<Ring>, frame: &Frame, counters: &Counters) -> Result<Slot, Error> {
    let mut slot = free_slot(ring)?;
    slot.fill(frame, counters).map_err(Error::Process)?;
    Ok(slot)
}
