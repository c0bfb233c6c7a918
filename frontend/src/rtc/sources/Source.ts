import type { FilePlayer } from "./FilePlayer";

/** A running source; its opener closes it. */
export interface Source {
  stream: MediaStream;
  /** Called for each stamped frame as it is drawn. */
  onStamp: ((number: number) => void) | null;
  /** Called with a sentence when video or audio ended by itself. */
  onEnded: ((sentence: string) => void) | null;
  player: FilePlayer | null;
  close: () => void;
}

/** A source of a device's tracks; `ended` says what happened when one stops. */
export function ofStream(stream: MediaStream, ended: (track: MediaStreamTrack) => string): Source {
  const close = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  const source: Source = { stream, onStamp: null, onEnded: null, player: null, close };
  for (const track of stream.getTracks()) {
    // Fires only for a track that ends by itself, not after `stop()`.
    track.onended = () => source.onEnded?.(ended(track));
  }
  return source;
}
