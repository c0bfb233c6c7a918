import { useEffect, useState } from "react";

import { type ServerFiles, serverFiles } from "../lib/serverFiles";
import { useRefusal } from "./useAccount";

/** The files on the server that can be a source; null if unknown, or not for this person. Read again when `moment` changes. */
export function useServerFiles(moment: string): ServerFiles | null {
  const [files, setFiles] = useState<ServerFiles | null>(null);
  const may = useRefusal("files") === null;
  useEffect(() => {
    if (!may) return setFiles(null);
    let newest = true;
    serverFiles().then(
      (read) => newest && setFiles(read),
      // Other parts of the page say that the server is not reachable.
      () => undefined,
    );
    return () => {
      newest = false;
    };
  }, [may, moment]);
  return files;
}
