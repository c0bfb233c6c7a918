import type { FilePlayer } from "./FilePlayer";

/** A running source; whoever opened it closes it. */
export interface Source {
  stream: MediaStream;
  /** Told of each stamped frame as it is drawn. */
  onStamp: ((number: number) => void) | null;
  /** Told when the picture or the sound ended by itself, with a sentence. */
  onEnded: ((sentence: string) => void) | null;
  player: FilePlayer | null;
  close: () => void;
}

/** A source of tracks that a device gives; `ended` says what it means that one stops. */
export function ofStream(stream: MediaStream, ended: (track: MediaStreamTrack) => string): Source {
  const close = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  const source: Source = { stream, onStamp: null, onEnded: null, player: null, close };
  for (const track of stream.getTracks()) {
    // Only for what ends by itself: `stop()` fires no event.
    track.onended = () => source.onEnded?.(ended(track));
  }
  return source;
}
