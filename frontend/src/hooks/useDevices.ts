import { useEffect, useState } from "react";

import { NO_CAMERA, hasMediaDevices } from "../rtc/sources";

/** The cameras that there are, and why there is none. Names come once a camera was allowed: `live` reads again. */
export function useDevices(live: boolean): { cameras: MediaDeviceInfo[]; cameraSentence: string | null } {
  const [cameras, setCameras] = useState<MediaDeviceInfo[]>([]);
  const possible = hasMediaDevices();
  useEffect(() => {
    if (!possible) return;
    const read = () => {
      void navigator.mediaDevices.enumerateDevices().then((devices) => {
        setCameras(devices.filter((device) => device.kind === "videoinput"));
      });
    };
    read();
    navigator.mediaDevices.addEventListener("devicechange", read);
    return () => navigator.mediaDevices.removeEventListener("devicechange", read);
  }, [possible, live]);
  return { cameras, cameraSentence: possible ? null : NO_CAMERA };
}
