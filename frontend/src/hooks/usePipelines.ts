import { useCallback, useEffect, useState } from "react";

import { pipelines as fetchPipelines } from "../lib/api";
import type { Pipeline } from "../types/api";

interface Known {
  pipelines: Pipeline[];
  error: string | null;
}

/** Every pipeline of the server; `reload` after a failure. */
export function usePipelines(): Known & { reload: () => void } {
  const [known, setKnown] = useState<Known>({ pipelines: [], error: null });
  const reload = useCallback(() => {
    fetchPipelines().then(
      (pipelines) => setKnown({ pipelines, error: null }),
      (error: unknown) =>
        setKnown({ pipelines: [], error: error instanceof Error ? error.message : String(error) }),
    );
  }, []);
  useEffect(reload, [reload]);
  return { ...known, reload };
}
