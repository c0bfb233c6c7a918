/** Downloads `content` as a file. */
export function download(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The browser reads the address within this task.
  setTimeout(() => URL.revokeObjectURL(link.href), 0);
}

/** The frame that a video shows, as PNG; null if it shows none. */
export function frameOf(video: HTMLVideoElement): Promise<Blob | null> {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const context = canvas.getContext("2d", { alpha: false });
  if (!context || canvas.width === 0 || canvas.height === 0) return Promise.resolve(null);
  context.drawImage(video, 0, 0);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

/** A file name with the time, as in "scope-2026-11-24-19-05-33.png". */
export function timedName(kind: string, suffix: string, now = new Date()): string {
  const time = now.toISOString().slice(0, 19).replaceAll(/[T:]/g, "-");
  return `scope-${kind}-${time}.${suffix}`;
}
