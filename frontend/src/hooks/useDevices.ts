import { useEffect, useState } from "react";

import { NO_CAMERA, hasMediaDevices } from "../rtc/sources";

export interface Devices {
  cameras: MediaDeviceInfo[];
  microphones: MediaDeviceInfo[];
  /** Why no camera is available. */
  sentence: string | null;
}

/** The connected devices. Browsers tell their names only after a permission: a change of `live` reads them again. */
export function useDevices(live: boolean): Devices {
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([]);
  const possible = hasMediaDevices();
  useEffect(() => {
    if (!possible) return;
    const read = () => void navigator.mediaDevices.enumerateDevices().then(setDevices);
    read();
    navigator.mediaDevices.addEventListener("devicechange", read);
    return () => navigator.mediaDevices.removeEventListener("devicechange", read);
  }, [possible, live]);
  // Before a permission the browser reports devices without an id to choose them by.
  const ofKind = (kind: MediaDeviceKind) =>
    devices.filter((device) => device.kind === kind && device.deviceId !== "");
  return {
    cameras: ofKind("videoinput"),
    microphones: ofKind("audioinput"),
    sentence: possible ? null : NO_CAMERA,
  };
}
