//! The stage of one session: its ring, its place at a worker that it shares with others.

use std::{sync::Arc, time::Duration};

use super::{
    super::{Error, Input, Output, Parameters, Stage, Values, blank},
    counters::Counters,
    geometry::Geometry,
    pool::Pool,
    protocol::{Done, Status, ToWorker},
    ring::{Ring, SLOTS, Slot},
    work::{Asked, Lease},
};
use crate::frame::Frame;

/// One session's stage.
pub struct Instance {
    pool: Arc<Pool>,
    parameters: Parameters,
    place: Option<Place>,
    compute: Option<Duration>,
}

/// At a worker.
struct Place {
    lease: Lease,
    session: u64,
    load_values: Values,
    ring: Option<Arc<Ring>>,
    /// Whether the worker has this session's parameters. Their version does not say so: each step of a transition
    /// has its own values under one version.
    told: bool,
}

impl Instance {
    /// A stage with a worker that is ready; where the worker loads with parameters, it comes with the first ones.
    ///
    /// # Errors
    /// [`Error::Died`] with why there is no worker.
    pub fn start(pool: Arc<Pool>) -> Result<Self, Error> {
        let place = if pool.settings.load_parameters.is_empty() {
            Some(Place::take(&pool, Values::new())?)
        } else {
            None
        };
        Ok(Self { pool, parameters: Parameters::default(), place, compute: None })
    }

    fn place(&mut self) -> Result<&mut Place, Error> {
        let load_values = self.pool.settings.load_values(&self.parameters.values);
        let place = match self.place.take() {
            Some(place) if place.load_values == load_values => place,
            _ => Place::take(&self.pool, load_values)?,
        };
        Ok(self.place.insert(place))
    }

    fn ask(&mut self, frame: &Frame) -> Result<(Done, Slot), Error> {
        let settings = self.pool.settings.clone();
        if !settings.layouts.contains(&frame.layout) {
            let (wanted, came) = (&settings.layouts, frame.layout);
            return Err(Error::Process(format!("a picture in one of {wanted:?} is wanted, {came:?} came")));
        }
        let (parameters, place) = (self.parameters.clone(), self.place()?);
        let ring = place.ring_for(frame)?;
        let input = match settings.input {
            Input::None => None,
            Input::Optional if blank::is(frame) => None,
            Input::Required | Input::Optional => Some(filled(&ring, frame, &settings.counters)?),
        };
        let output = free(&ring)?;
        place.tell(&parameters)?;
        let asked = Asked { seq: frame.seq, slot: output.index, version: parameters.version };
        let packet = ToWorker::Frame {
            session: place.session,
            seq: asked.seq,
            pts_ns: u64::try_from(frame.pts.as_nanos()).unwrap_or(0),
            input: input.as_ref().map(|slot| slot.index),
            output: asked.slot,
            version: asked.version,
        };
        let packet = packet.packet().map_err(Error::Process)?;
        Ok((place.lease.ask(place.session, asked, &packet)?, output))
    }
}

impl Stage for Instance {
    fn set(&mut self, parameters: &Parameters) -> Result<(), Error> {
        let (session, version, values) = (u64::MAX, parameters.version, &parameters.values);
        // Refused here, while the caller can still say so.
        ToWorker::Parameters { session, version, values }.packet().map_err(Error::Process)?;
        self.parameters = parameters.clone();
        self.place()?.told = false;
        Ok(())
    }

    fn process(&mut self, frame: &Frame) -> Result<Output, Error> {
        let (done, output) = self.ask(frame)?;
        let micros = done.compute_us / done.batch;
        self.compute = Some(Duration::from_micros(micros));
        match done.status {
            Status::Frame => {
                Counters::count(&self.pool.settings.counters.handed_on);
                Ok(Output::Frame(output.into_frame(frame)))
            }
            Status::Passthrough => Ok(Output::Passthrough),
            Status::Skip => Ok(Output::Skip),
            Status::Error => Err(Error::Process(done.message)),
        }
    }

    fn reset(&mut self) {
        if let Some(place) = &self.place {
            place.say(&ToWorker::Reset { session: place.session });
        }
    }

    fn compute(&self) -> Option<Duration> {
        self.compute
    }
}

impl Place {
    fn take(pool: &Arc<Pool>, load_values: Values) -> Result<Self, Error> {
        let lease = pool.attach(&load_values)?;
        let session = lease.open_session();
        Ok(Self { lease, session, load_values, ring: None, told: false })
    }

    /// The ring for pictures of this size; a new one where the size changes.
    fn ring_for(&mut self, frame: &Frame) -> Result<Arc<Ring>, Error> {
        if let Some(ring) = self.ring.as_ref().filter(|ring| ring.geometry.fits(frame)) {
            return Ok(ring.clone());
        }
        let geometry = Geometry::of(frame).map_err(Error::Process)?;
        let (ring, file) = Ring::new(geometry)
            .map_err(|error| Error::Process(format!("the system gives no memory for pictures: {error}")))?;
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

    /// Sends the parameters that the worker has not got yet.
    fn tell(&mut self, parameters: &Parameters) -> Result<(), Error> {
        if self.told {
            return Ok(());
        }
        let (session, version, values) = (self.session, parameters.version, &parameters.values);
        let packet = ToWorker::Parameters { session, version, values }.packet().map_err(Error::Process)?;
        self.lease.send(&packet, None);
        self.told = true;
        Ok(())
    }

    /// Tells a worker that knows the session.
    fn say(&self, message: &ToWorker<'_>) {
        if self.ring.is_some()
            && let Ok(packet) = message.packet()
        {
            self.lease.send(&packet, None);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.say(&ToWorker::Close { session: self.session });
        self.lease.close_session(self.session);
    }
}

fn free(ring: &Arc<Ring>) -> Result<Slot, Error> {
    ring.take().ok_or_else(|| {
        Error::Process(format!(
            "all {SLOTS} pictures of the ring are still being shown; this one is left out"
        ))
    })
}

fn filled(ring: &Arc<Ring>, frame: &Frame, counters: &Counters) -> Result<Slot, Error> {
    let mut slot = free(ring)?;
    slot.fill(frame, counters).map_err(Error::Process)?;
    Ok(slot)
}
