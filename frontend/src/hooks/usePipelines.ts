import { useCallback, useEffect, useState } from "react";

import { loadedPipeline, pipelines as fetchPipelines } from "../lib/api";
import { sentence } from "../lib/format";
import { useSignedOut } from "./useAccount";
import { steering } from "../state/page";
import type { Pipeline } from "../types/api";

interface Known {
  pipelines: Pipeline[];
  error: string | null;
  /** The first request has ended, either way. */
  settled: boolean;
}

/** The server's pipelines; `reload` after a failure, or to see new ones. */
export function usePipelines(): Known & { reload: () => void } {
  const [known, setKnown] = useState<Known>({ pipelines: [], error: null, settled: false });
  const reload = useCallback(() => {
    Promise.all([fetchPipelines(), loadedPipeline()]).then(
      ([pipelines, usual]) => {
        steering.setPipelines(pipelines, usual);
        setKnown({ pipelines, error: null, settled: true });
      },
      (error: unknown) =>
        setKnown((before) => ({
          ...before,
          error: sentence(error),
          settled: true,
        })),
    );
  }, []);
  const signedOut = useSignedOut();
  useEffect(() => {
    if (!signedOut) reload();
  }, [reload, signedOut]);
  return { ...known, reload };
}
