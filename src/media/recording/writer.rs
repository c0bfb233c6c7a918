//! The thread of one recording: pieces in, files and their sidecar out.
//!
//! It may wait for the disk; nobody waits for it but [`super::Recording::stop`].

use std::{
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, TryRecvError},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    Message, Shared, Source,
    format::Format,
    mixer::{Mixer, Sound},
    segment::Segment,
};
use crate::{
    media::graph::feeds::{Piece, Track},
    recordings::{self, EndCode, Error, Folder, Kind, What},
};

/// How often sizes, room and sidecar are looked after.
const LOOK: Duration = Duration::from_secs(1);
/// How often the thread wakes: once a picture would cost a session more than all of its bytes do.
const WAKE: Duration = Duration::from_millis(400);

/// What the thread works with.
pub struct Writer {
    folder: Folder,
    messages: Receiver<Message>,
    overflow: Arc<AtomicBool>,
    shared: Arc<Shared>,
    source: Option<Source>,
    output: Lane,
    input: Lane,
}

impl Writer {
    /// A writer into `folder`.
    pub fn new(
        folder: Folder,
        messages: Receiver<Message>,
        overflow: Arc<AtomicBool>,
        shared: Arc<Shared>,
    ) -> Self {
        let (output, input) = (Lane::new(Kind::Output), Lane::new(Kind::Input));
        Self { folder, messages, overflow, shared, source: None, output, input }
    }

    /// Writes until the end.
    pub fn run(mut self) {
        let (mut code, mut sentence) = self.serve().unwrap_or_else(|error| {
            tracing::error!(%error, recording = self.folder.id(), "recording ended");
            (EndCode::Failed, error.to_string())
        });
        for lane in [&mut self.output, &mut self.input] {
            if let Err(error) = lane.finish()
                && code != EndCode::Failed
            {
                (code, sentence) = (EndCode::Failed, error.to_string());
            }
        }
        let end = self.folder.finish(code, sentence);
        *self.shared.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
    }

    fn serve(&mut self) -> Result<(EndCode, String), Error> {
        let mut looked = Instant::now();
        loop {
            thread::sleep(WAKE);
            loop {
                match self.messages.try_recv() {
                    Ok(Message::Piece(piece)) => self.write(piece)?,
                    Ok(Message::Note(change)) => self.folder.note(change),
                    Ok(Message::Source(source)) => self.go_on(source)?,
                    Ok(Message::End(code, sentence)) => return Ok((code, sentence)),
                    Err(TryRecvError::Disconnected) => {
                        return Ok((EndCode::SessionEnded, "its session ended".into()));
                    }
                    Err(TryRecvError::Empty) => break,
                }
            }
            for lane in [&mut self.output, &mut self.input] {
                lane.push()?;
            }
            if self.overflow.load(Relaxed) {
                return Err(Error::Slow);
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                self.look()?;
            }
        }
    }

    fn look(&mut self) -> Result<(), Error> {
        let looked = self.folder.look();
        self.shared.bytes.store(self.folder.bytes(), Relaxed);
        looked
    }

    /// Another graph: its time and its numbers begin anew, and so do the files.
    fn go_on(&mut self, mut source: Source) -> Result<(), Error> {
        for lane in [&mut self.output, &mut self.input] {
            lane.finish()?;
            lane.mixer.clear();
        }
        if let Some(before) = &self.source {
            source.sound |= before.sound; // it will come again
            let at_s = self.folder.started().elapsed().as_secs_f64();
            let what = What::Session { session: source.session.clone() };
            self.folder.note(recordings::Change { at_s, frame: None, what });
        }
        self.source = Some(source);
        self.wait(true);
        Ok(())
    }

    fn write(&mut self, piece: Piece) -> Result<(), Error> {
        let Some(source) = self.source.as_mut().filter(|source| source.number == piece.source) else {
            return Ok(()); // of the graph before
        };
        match piece.track {
            Track::Audio => {
                source.sound = true; // from the next key frame on, in a file that has a place for it
                for lane in [&mut self.output, &mut self.input] {
                    lane.mixer.hold(Sound { at: piece.at, data: piece.data.clone() });
                }
            }
            Track::Input => self.input.write(piece, source, &mut self.folder)?,
            Track::Output => self.output.write(piece, source, &mut self.folder)?,
        }
        let sound = source.sound;
        let begun = self.output.serves(sound) && (self.input.serves(sound) || !self.folder.about().input);
        self.wait(!begun);
        Ok(())
    }

    fn wait(&self, waits: bool) {
        self.shared.waits.store(waits, Relaxed);
    }
}

/// The files of one way of the picture.
struct Lane {
    kind: Kind,
    file: Option<File>,
    mixer: Mixer,
}

struct File {
    segment: Segment,
    name: String,
    format: Format,
    /// Time of the first picture, while its number is not known.
    unnumbered: Option<Duration>,
}

impl Lane {
    fn new(kind: Kind) -> Self {
        Self { kind, file: None, mixer: Mixer::default() }
    }

    fn write(&mut self, piece: Piece, source: &Source, folder: &mut Folder) -> Result<(), Error> {
        if piece.key
            && let Some(format) = piece.caps.as_ref().and_then(|caps| Format::of(caps, &piece.data))
            && self
                .file
                .as_ref()
                .is_none_or(|file| file.format != format || file.segment.has_sound() != source.sound)
        {
            self.finish()?;
            self.begin(format, piece.at, source, folder)?;
        }
        let Some(file) = &mut self.file else { return Ok(()) }; // a key frame is asked for
        if let Some(number) = file.unnumbered.and_then(|at| source.numbers.of(piece.track, at)) {
            file.unnumbered = None;
            folder.number(&file.name, number);
        }
        if file.segment.has_sound() {
            for sound in self.mixer.before(piece.at) {
                file.segment.sound(sound.data, sound.at);
            }
        }
        file.segment.picture(piece.data, piece.at, piece.key);
        Ok(())
    }

    fn begin(
        &mut self,
        format: Format,
        at: Duration,
        source: &Source,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        let (path, name) = folder.next_file(self.kind, format.extension());
        let segment = Segment::create(&path, &format, source.sound, at)?;
        self.mixer.begin(at);
        let (when, started) = (source.zero + at, folder.started());
        let before = started.saturating_duration_since(when).as_secs_f64();
        folder.add(recordings::Segment {
            file: name.clone(),
            kind: self.kind,
            codec: format.codec().to_owned(),
            width: format.size.0,
            height: format.size.1,
            sound: source.sound,
            at_s: when.saturating_duration_since(started).as_secs_f64() - before,
            frame: None,
            session: source.session.clone(),
        })?;
        self.file = Some(File { segment, name, format, unnumbered: Some(at) });
        Ok(())
    }

    fn serves(&self, sound: bool) -> bool {
        self.file.as_ref().is_some_and(|file| file.segment.has_sound() == sound)
    }

    fn push(&mut self) -> Result<(), Error> {
        self.file.as_mut().map_or(Ok(()), |file| file.segment.push())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.file.take().map_or(Ok(()), |file| file.segment.finish())
    }
}
