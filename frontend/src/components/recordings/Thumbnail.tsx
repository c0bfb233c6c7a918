import { useEffect, useRef, useState } from "react";

import { thumbnails } from "../../hooks/useRecorder";

/** The thumbnail of a video file, drawn once it scrolls into view. */
export function Thumbnail({ path }: { path: string | null }) {
  const place = useRef<HTMLDivElement>(null);
  const [still, setStill] = useState<{ path: string; url: string | null } | null>(null);
  useEffect(() => {
    const element = place.current;
    if (!element || path === null) return;
    let gone = false;
    const draw = () => {
      void thumbnails.of(path).then((url) => {
        if (!gone) setStill({ path, url });
      });
    };
    const observer = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      draw();
    });
    observer.observe(element);
    return () => {
      gone = true;
      observer.disconnect();
    };
  }, [path]);
  const url = still?.path === path ? still.url : null;
  return (
    <div
      ref={place}
      className="grid aspect-video w-32 shrink-0 place-items-center overflow-hidden rounded-lg border border-line bg-black"
    >
      {url ? (
        <img src={url} alt="" className="size-full object-contain" />
      ) : (
        <span aria-hidden className="text-lg text-muted">
          ▶
        </span>
      )}
    </div>
  );
}
