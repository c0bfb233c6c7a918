/** Safari on a phone can show only a video in full screen. */
type Phone = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

/** Shows `element` in full screen, or leaves full screen. */
export async function toggleFullscreen(element: HTMLElement, video: HTMLVideoElement | null): Promise<void> {
  if (document.fullscreenElement) return document.exitFullscreen();
  if (document.fullscreenEnabled) return element.requestFullscreen();
  (video as Phone | null)?.webkitEnterFullscreen?.();
}

export function pipPossible(): boolean {
  return document.pictureInPictureEnabled;
}

/** Moves the video into a picture-in-picture window, or back into the page. Throws a sentence. */
export async function enterPip(video: HTMLVideoElement): Promise<void> {
  if (document.pictureInPictureElement) return document.exitPictureInPicture();
  try {
    await video.requestPictureInPicture();
  } catch (error) {
    throw new Error("The browser could not open the window; try again once the video is playing.", {
      cause: error,
    });
  }
}
