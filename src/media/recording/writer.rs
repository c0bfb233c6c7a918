//! The thread of one recording: writes pieces into files, and their sidecar.
//!
//! It may wait for the disk; only [`super::Recording::stop`] waits for it.

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
    audio_queue::{AudioPacket, AudioQueue},
    format::Format,
    segment::Segment,
};
use crate::{
    limits,
    media::graph::feeds::{Piece, Track},
    recordings::{self, EndCode, Error, FileName, Folder, Kind, What},
};

/// How often sizes and free space are checked and the sidecar is updated.
const LOOK: Duration = Duration::from_secs(1);
/// Shortest time between the starts of two files of a stream. Video whose parameters change more often is left out until
/// this has passed: each file is a graph and an inode.
const BETWEEN_FILES: Duration = Duration::from_secs(1);
/// How often the thread wakes: waking per frame would cost a session more than writing all of its bytes.
const WAKE: Duration = Duration::from_millis(400);

/// The state of the thread.
pub struct Writer {
    folder: Folder,
    messages: Receiver<Message>,
    overflow: Arc<AtomicBool>,
    shared: Arc<Shared>,
    source: Option<Source>,
    output: Stream,
    input: Stream,
}

impl Writer {
    /// A writer into `folder`.
    pub fn new(
        folder: Folder,
        messages: Receiver<Message>,
        overflow: Arc<AtomicBool>,
        shared: Arc<Shared>,
    ) -> Self {
        let (output, input) = (Stream::new(Kind::Output), Stream::new(Kind::Input));
        Self { folder, messages, overflow, shared, source: None, output, input }
    }

    /// Writes until the end.
    pub fn run(mut self) {
        let (mut code, mut sentence) = self.serve().unwrap_or_else(|error| {
            tracing::error!(%error, recording = self.folder.id(), "recording ended");
            super::count_refusal(&error);
            (EndCode::Failed, error.to_string())
        });
        for stream in [&mut self.output, &mut self.input] {
            if let Err(error) = stream.finish()
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
                    Ok(Message::Note(change)) => self.folder.note(&change)?,
                    Ok(Message::Source(source)) => self.switch(source)?,
                    Ok(Message::End(code, sentence)) => return Ok((code, sentence)),
                    Err(TryRecvError::Disconnected) => {
                        return Ok((EndCode::SessionEnded, "its session ended".into()));
                    }
                    Err(TryRecvError::Empty) => break,
                }
            }
            for stream in [&mut self.output, &mut self.input] {
                stream.push()?;
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

    /// Continues with another graph. Its clock and its frame numbers start from zero, so new files are started.
    fn switch(&mut self, mut source: Source) -> Result<(), Error> {
        for stream in [&mut self.output, &mut self.input] {
            stream.finish()?;
            stream.audio.clear();
        }
        if let Some(before) = &self.source {
            source.audio |= before.audio; // audio will resume
            let at_s = self.folder.started().elapsed().as_secs_f64();
            let what = What::Session { session: source.session.clone() };
            self.folder.note(&recordings::Change { at_s, frame: None, what })?;
        }
        self.source = Some(source);
        self.wait(true);
        Ok(())
    }

    fn write(&mut self, piece: Piece) -> Result<(), Error> {
        let Some(source) = self.source.as_mut().filter(|source| source.number == piece.source) else {
            return Ok(()); // from the previous graph
        };
        match piece.track {
            Track::Audio => {
                source.audio = true; // recorded from the next key frame on, in a file with an audio track
                for stream in [&mut self.output, &mut self.input] {
                    stream.audio.push(AudioPacket { at: piece.at, data: piece.data.clone() });
                }
            }
            Track::Input => self.input.write(piece, source, &mut self.folder)?,
            Track::Output => self.output.write(piece, source, &mut self.folder)?,
        }
        let audio = source.audio;
        let begun = self.output.serves(audio) && (self.input.serves(audio) || !self.folder.about().input);
        self.wait(!begun);
        Ok(())
    }

    fn wait(&self, waits: bool) {
        self.shared.waits.store(waits, Relaxed);
    }
}

/// The files of one video stream, sent or received.
struct Stream {
    kind: Kind,
    file: Option<File>,
    audio: AudioQueue,
    /// When its last file was started.
    begun: Option<Instant>,
    /// Whether frames are left out: they need another file, too soon after the last one.
    held_back: bool,
}

struct File {
    segment: Segment,
    name: FileName,
    format: Format,
    /// Time of the first frame, until its number is known.
    unnumbered: Option<Duration>,
}

impl Stream {
    fn new(kind: Kind) -> Self {
        Self { kind, file: None, audio: AudioQueue::default(), begun: None, held_back: false }
    }

    fn write(&mut self, piece: Piece, source: &Source, folder: &mut Folder) -> Result<(), Error> {
        if piece.key
            && let Some(format) = piece.caps.as_ref().and_then(|caps| Format::of(caps, &piece.data))
        {
            self.choose(format, piece.at, source, folder)?;
        }
        let Some(file) = self.file.as_mut().filter(|_| !self.held_back) else {
            return Ok(()); // wait for the requested key frame
        };
        if let Some(number) = file.unnumbered.and_then(|at| source.numbers.of(piece.track, at)) {
            file.unnumbered = None;
            folder.number(&file.name, number);
        }
        if file.segment.has_audio() {
            for packet in self.audio.take_before(piece.at) {
                file.segment.audio(packet.data, packet.at);
            }
        }
        file.segment.frame(piece.data, piece.at, piece.key);
        Ok(())
    }

    /// Chooses the file for a key frame of that format and what follows it: the current one, another, or none yet.
    fn choose(
        &mut self,
        format: Format,
        at: Duration,
        source: &Source,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        let fits = self.file.as_ref().is_some_and(|file| file.format == format);
        if fits && self.serves_audio(source.audio) {
            self.held_back = false;
        } else if self.begun.is_some_and(|begun| begun.elapsed() < BETWEEN_FILES) {
            self.held_back = !fits; // without its audio yet, if that is all that is missing
            limits::RECORDING_FILES.refused();
        } else {
            self.finish()?;
            self.begin(format, at, source, folder)?;
        }
        Ok(())
    }

    fn begin(
        &mut self,
        format: Format,
        at: Duration,
        source: &Source,
        folder: &mut Folder,
    ) -> Result<(), Error> {
        let (path, name) = folder.create_file(self.kind, format.extension())?;
        let segment = Segment::create(&path, &format, source.audio, at)?;
        self.audio.begin(at);
        let (when, started) = (source.zero + at, folder.started());
        let before = started.saturating_duration_since(when).as_secs_f64();
        folder.add(recordings::Segment {
            file: name.clone(),
            kind: self.kind,
            codec: format.codec().to_owned(),
            width: format.size.0,
            height: format.size.1,
            sound: source.audio,
            at_s: when.saturating_duration_since(started).as_secs_f64() - before,
            frame: None,
            session: source.session.clone(),
        })?;
        self.file = Some(File { segment, name, format, unnumbered: Some(at) });
        (self.begun, self.held_back) = (Some(Instant::now()), false);
        Ok(())
    }

    fn serves(&self, audio: bool) -> bool {
        !self.held_back && self.serves_audio(audio)
    }

    fn serves_audio(&self, audio: bool) -> bool {
        self.file.as_ref().is_some_and(|file| file.segment.has_audio() == audio)
    }

    fn push(&mut self) -> Result<(), Error> {
        self.file.as_mut().map_or(Ok(()), |file| file.segment.push())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.file.take().map_or(Ok(()), |file| file.segment.finish())
    }
}
