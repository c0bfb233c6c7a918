import { useEffect, useState } from "react";

import { NO_CAMERA, hasMediaDevices } from "../rtc/sources";

export interface Devices {
  cameras: MediaDeviceInfo[];
  microphones: MediaDeviceInfo[];
  /** Why there is no camera at all. */
  sentence: string | null;
}

/** The devices that there are. Names come once one was allowed: `live` reads again. */
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
  // Before a permission the browser tells that there is a device, with no id to choose it by.
  const ofKind = (kind: MediaDeviceKind) =>
    devices.filter((device) => device.kind === kind && device.deviceId !== "");
  return {
    cameras: ofKind("videoinput"),
    microphones: ofKind("audioinput"),
    sentence: possible ? null : NO_CAMERA,
  };
}
