/** Safari on a phone gives the whole screen to a video only. */
type Phone = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

/** Gives `element` the whole screen, or takes it back. */
export async function toggleFullscreen(element: HTMLElement, video: HTMLVideoElement | null): Promise<void> {
  if (document.fullscreenElement) return document.exitFullscreen();
  if (document.fullscreenEnabled) return element.requestFullscreen();
  (video as Phone | null)?.webkitEnterFullscreen?.();
}

export function pipPossible(): boolean {
  return document.pictureInPictureEnabled;
}

/** A window of its own for the video, or back into the page. Throws a sentence. */
export async function enterPip(video: HTMLVideoElement): Promise<void> {
  if (document.pictureInPictureElement) return document.exitPictureInPicture();
  try {
    await video.requestPictureInPicture();
  } catch (error) {
    throw new Error("The browser opens no window for the picture; try again once it moves.", {
      cause: error,
    });
  }
}
