import { setupOf } from "../lib/query";
import { Session } from "../rtc/Session";
import { hasMediaDevices } from "../rtc/sources";
import { Account } from "./Account";
import { Announcer } from "./Announcer";
import { SETTINGS_KEY, SettingsStore } from "./SettingsStore";
import { Steering } from "./Steering";

export const setup = setupOf(window.location.search);
export const session = new Session();
export const settings = new SettingsStore(storage(), firstSettings());
export const steering = new Steering(session, settings, setup.parameters);
export const announcer = new Announcer();
export const account = new Account(session.onSignedIn);

/** A browser that forbids storage throws when it is accessed. */
function storage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/** A page that is opened for the first time starts with a source that this browser has. */
function firstSettings() {
  const fresh = storage()?.getItem(SETTINGS_KEY) == null;
  const source = hasMediaDevices() ? ("camera" as const) : ("pattern" as const);
  return { ...(fresh ? { source, measureDelay: source === "pattern" } : {}), ...setup.settings };
}
