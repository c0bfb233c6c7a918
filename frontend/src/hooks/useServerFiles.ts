import { useEffect, useState } from "react";

import { type ServerFiles, serverFiles } from "../lib/serverFiles";

/** The files on the server that can be a source; null until known. Read again when `moment` changes. */
export function useServerFiles(moment: string): ServerFiles | null {
  const [files, setFiles] = useState<ServerFiles | null>(null);
  useEffect(() => {
    let newest = true;
    serverFiles().then(
      (read) => newest && setFiles(read),
      // Other parts of the page say that the server is not reachable.
      () => undefined,
    );
    return () => {
      newest = false;
    };
  }, [moment]);
  return files;
}
