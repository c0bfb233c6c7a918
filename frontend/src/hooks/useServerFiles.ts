import { useEffect, useState } from "react";

import { type ServerFiles, serverFiles } from "../lib/serverFiles";

/** The server's files that may be a source; null is not known. Read again when `moment` changes. */
export function useServerFiles(moment: string): ServerFiles | null {
  const [files, setFiles] = useState<ServerFiles | null>(null);
  useEffect(() => {
    let newest = true;
    serverFiles().then(
      (read) => newest && setFiles(read),
      // The page says at its other places that the server is not there.
      () => undefined,
    );
    return () => {
      newest = false;
    };
  }, [moment]);
  return files;
}
