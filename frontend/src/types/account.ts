/** What a caller may be; `nobody` has to sign in first. */
export type Role = "operator" | "user" | "viewer" | "nobody";

/** One thing to do with a session of one's own. */
export type Right = "publish" | "view" | "control" | "record";

/** Who the server takes this page for. */
export interface Me {
  subject: string;
  name: string;
  role: Role;
  rights: Right[];
  /** The server asks nobody for a key. */
  open: boolean;
  sign_in: SignInWays;
}

/** How one can sign in. */
export interface SignInWays {
  key: boolean;
  oidc: { name: string; url: string } | null;
}
