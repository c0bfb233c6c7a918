import type { Me, Right } from "../types/account";

/** What the page offers, and not to everybody. */
export type Permission = "start" | "files" | "record" | "recordings" | "system" | "log";

interface Rule {
  /** The right that it takes; null if only operators may. */
  right: Right | null;
  words: string;
}

const RULES: Record<Permission, Rule> = {
  start: { right: "publish", words: "start a stream" },
  files: { right: "control", words: "use the server's files" },
  record: { right: "record", words: "record" },
  recordings: { right: "view", words: "see recordings" },
  system: { right: null, words: "see the server's load" },
  log: { right: null, words: "read the server's log" },
};

const SIGNED_OUT = "You are signed out; sign in first.";

/** Why this person may not do it, as a sentence; null if they may. While nobody knows who it is, nothing is refused. */
export function refusalOf(me: Me | null, permission: Permission): string | null {
  const { right, words } = RULES[permission];
  if (!me || me.role === "operator") return null;
  if (me.role === "nobody") return SIGNED_OUT;
  if (right === null) return `Only operators may ${words}; you are signed in as ${me.role}.`;
  if (me.rights.includes(right)) return null;
  return `You are signed in as ${me.role} and may not ${words}; ask the server's operator for a key that may.`;
}

/** Whether there is something to sign out of: a person at the server itself needs no key, nor does anybody at an open server. */
export function isSignedIn({ role, open, subject }: Me): boolean {
  return role !== "nobody" && !open && subject !== "local";
}
