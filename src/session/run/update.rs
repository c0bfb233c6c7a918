//! Updates of a running session, from the data channel and by HTTP: first checked as a whole, then applied as a whole.

use std::time::Instant;

use tokio::{sync::oneshot, task::spawn_blocking};

use super::Session;
use crate::{
    access::{Caller, audit},
    limits, media,
    session::{
        Error, Message, control,
        parts::{Accepted, Requester, faults},
        rights,
    },
    stage::{self, Values},
};

impl Session {
    pub(super) fn read_mail(&mut self) {
        let (now, rate) = (Instant::now(), &mut self.rate);
        let (mail, lost) = self.cx.peer().inbox().take(|mail| rate.allows(mail.bytes(), now));
        if lost > 0 {
            self.report_lost(lost, now);
        }
        let mut too_long = false;
        for message in mail {
            let object = match message {
                media::Mail::Text(text) => control::parse(&text),
                media::Mail::Binary => Err(control::fault("", "expected text, got bytes".into())),
                media::Mail::TooLong(length) => {
                    too_long = true;
                    let sentence = limits::MESSAGE_BYTES.sentence;
                    Err(control::fault("", format!("{sentence}; {length} bytes of it arrived")))
                }
            };
            let id = object.as_ref().ok().and_then(|object| control::id(object).ok()?);
            let updated = object.map_err(stage::Error::from);
            let updated = updated
                .and_then(|object| self.update(object, &self.caller.clone(), Requester::Channel(id.clone())));
            if let Err(error) = updated {
                self.cx.send(&Message::ParametersRejected { errors: faults(error), id });
            }
        }
        if too_long {
            tracing::warn!("data channel closed: a message was too long");
            self.close_channel();
        }
    }

    /// Tells a client that its messages were dropped, and closes the channel of one that goes on.
    fn report_lost(&mut self, lost: u64, now: Instant) {
        limits::MESSAGE_RATE.refused_times(lost);
        let closes = self.rate.dropped(now);
        let then = if closes { "; the data channel is closed" } else { "" };
        let sentence = format!("{lost} messages were dropped: {}{then}", limits::MESSAGE_RATE);
        let errors = vec![control::fault("", sentence)];
        self.cx.send(&Message::ParametersRejected { errors, id: None });
        if closes {
            tracing::warn!("data channel closed: too many messages");
            self.close_channel();
        }
    }

    fn close_channel(&self) {
        let peer = self.cx.peer().clone();
        // Owned by the runtime; ends by itself in ms.
        spawn_blocking(move || peer.close_channel());
    }

    /// An update by HTTP: as on the data channel, and the caller may wait for its frame.
    pub(super) fn update_by_http(&mut self, object: Values, caller: &Caller) -> Result<Accepted, Error> {
        let (reply, outcome) = oneshot::channel();
        self.update(object, caller, Requester::Http(reply))?;
        Ok(Accepted { parameters: self.steering.values().clone(), outcome })
    }

    /// Applies an update of `caller` whole or not at all; the audit notes what it starts, ends or replaces.
    fn update(&mut self, object: Values, caller: &Caller, requester: Requester) -> Result<(), stage::Error> {
        let keys = rights::noted(&object);
        let updated = self.try_update(object, caller, requester);
        let outcome = if updated.is_ok() { "accepted" } else { "rejected" };
        for key in keys {
            audit::note(caller, key, &self.cx.view().id(), &outcome);
        }
        updated
    }

    /// Checks a whole update, then applies it. The one step of applying that can fail, starting a file's thread, is the last
    /// of the check, before anything has changed.
    ///
    /// Later failures are reported later: a recording that cannot start by [`Message::Recording`], a stage that refuses its
    /// values or does not load by [`Message::ParametersRejected`]; the previous state stays.
    fn try_update(
        &mut self,
        object: Values,
        caller: &Caller,
        requester: Requester,
    ) -> Result<(), stage::Error> {
        rights::permit(&object, caller.rights(), rights::Moment::Later)?;
        let (entry, mut update) = self.steering.check(object)?;
        rights::permit_pipeline(caller, &entry.info.id)?;
        if update.recording.is_some() && self.recorder.is_full() {
            let sentence = "earlier requests are still in progress; try again".to_owned();
            return Err(control::fault("/recording", sentence).into());
        }
        let source = update.source.take();
        let opened = source.map(|choice| self.input_file.open(&self.cx, choice, caller, &entry.info.layouts));
        let opened = opened.transpose()?;
        // From here on nothing fails.
        let (recording, client_delay_ms) = (update.recording, update.client_delay_ms);
        self.steering.apply(&self.cx, entry, update, requester);
        if let Some(opened) = opened {
            self.input_file.play(&self.cx, opened);
        }
        if let Some(request) = recording {
            self.recorder.request(&self.cx, self.steering.running(), request, None);
        }
        if let Some(milliseconds) = client_delay_ms {
            let delay = self.cx.metrics().client_delay.with_label_values::<&str>(&[]);
            delay.observe(milliseconds / 1000.0);
            self.cx.view().set_client_delay(milliseconds);
        }
        Ok(())
    }
}
