import { useEffect, useRef, useState, useSyncExternalStore } from "react";

import { GraphWatch } from "../figures/GraphWatch";
import { graphDotPath } from "../lib/api";
import { GraphImage } from "./figures/GraphImage";
import { Button } from "./ui/Button";
import { CopyButton } from "./ui/CopyButton";
import { Notice } from "./ui/Notice";

interface Props {
  sessionId: string | null;
  /** Whether frames flow: the graph is complete only then, and is drawn again. */
  live?: boolean;
}

/** The session's GStreamer graph as the server runs it, also as a command line. */
export function GraphView({ sessionId, live = true }: Props) {
  const [watch] = useState(() => new GraphWatch());
  const graph = useSyncExternalStore(watch.subscribe, watch.getSnapshot);
  useEffect(() => watch.close, [watch, sessionId]);
  useEffect(() => {
    if (sessionId !== null && live) void watch.load(sessionId);
  }, [watch, sessionId, live]);
  if (sessionId === null) {
    return <p className="text-sm text-muted">The graph appears once a stream is running: press Start.</p>;
  }
  return (
    <section aria-label="Graph" className="space-y-3">
      <div className="flex flex-wrap items-center gap-2">
        <Button disabled={graph.loading} onClick={() => void watch.load(sessionId)}>
          {graph.loading ? "Drawing …" : "Refresh"}
        </Button>
        <Button asChild>
          <a href={graphDotPath(sessionId)} download={`scope-${sessionId}.dot`}>
            Download .dot
          </a>
        </Button>
        {graph.launch !== null && <LaunchLink text={graph.launch} sessionId={sessionId} />}
      </div>
      {graph.sentence && <Notice look="problem">{graph.sentence}</Notice>}
      {graph.url && <GraphImage url={graph.url} />}
      {graph.launch !== null && (
        <details className="text-sm">
          <summary className="cursor-pointer text-soft">As a gst-launch-1.0 line</summary>
          <div className="mt-2 space-y-2">
            <pre
              tabIndex={0}
              aria-label="gst-launch-1.0 line"
              className="max-h-60 overflow-auto rounded-lg border border-line bg-ground/60 p-3 font-mono text-xs whitespace-pre-wrap text-text"
            >
              {graph.launch}
            </pre>
            <CopyButton text={() => graph.launch ?? ""}>Copy the line</CopyButton>
          </div>
        </details>
      )}
    </section>
  );
}

/** Downloads the line as a file. */
function LaunchLink({ text, sessionId }: { text: string; sessionId: string }) {
  const link = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    if (link.current) link.current.href = url;
    return () => URL.revokeObjectURL(url);
  }, [text]);
  return (
    <Button asChild>
      <a ref={link} href="#launch" download={`scope-${sessionId}.launch.txt`}>
        Download the gst-launch line
      </a>
    </Button>
  );
}
