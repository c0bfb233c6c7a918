import { Latest } from "../lib/Latest";
import { graphSvg, launchLine } from "../lib/api";
import { sentence } from "../lib/format";
import { Store } from "../lib/store";

export interface GraphSnapshot {
  /** Object URL of the image; null if there is none. */
  url: string | null;
  /** The session's graph as `gst-launch-1.0` lines. */
  launch: string | null;
  loading: boolean;
  sentence: string | null;
}

const NOTHING: GraphSnapshot = { url: null, launch: null, loading: false, sentence: null };

/** The image of one session's graph. It is shown in an `<img>`, where no script in it can run. */
export class GraphWatch extends Store<GraphSnapshot> {
  private readonly latest = new Latest();

  constructor() {
    super(NOTHING);
  }

  /** Asks the server to draw it; the previous image stays until then. */
  async load(id: string): Promise<void> {
    const signal = this.latest.start();
    this.update({ loading: true, sentence: null });
    const [image, launch] = await Promise.allSettled([graphSvg(id, signal), launchLine(id, signal)]);
    if (signal.aborted) return;
    this.release();
    this.update({
      url: image.status === "fulfilled" ? URL.createObjectURL(image.value) : null,
      launch: launch.status === "fulfilled" ? launch.value : null,
      loading: false,
      sentence: image.status === "rejected" ? sentence(image.reason) : null,
    });
  }

  /** Discards the image. */
  readonly close = (): void => {
    this.latest.abort();
    this.release();
    this.update(NOTHING);
  };

  private release(): void {
    const { url } = this.getSnapshot();
    if (url) URL.revokeObjectURL(url);
  }
}
