import { useState } from "react";

import { Notice } from "../ui/Notice";

/** Plays a file from the server; the browser requests the ranges that it needs. */
export function Player({ path, title }: { path: string; title: string }) {
  const [failed, setFailed] = useState(false);
  return (
    <>
      {failed && (
        <Notice look="problem">
          This browser cannot play the file; download it and open it in a video player.
        </Notice>
      )}
      <video
        src={path}
        aria-label={`Recording of ${title}`}
        controls
        autoPlay
        playsInline
        onError={() => setFailed(true)}
        className="max-h-[max(16rem,36dvh)] w-full rounded-lg bg-black"
      />
    </>
  );
}
