import { type FormEvent, useId, useLayoutEffect, useRef, useState } from "react";

import { sentence as sentenceOf } from "../../lib/format";
import { signIn } from "../../state/actions";
import type { SignInWays } from "../../types/account";
import { Button } from "../ui/Button";
import { Notice } from "../ui/Notice";

interface Props {
  ways: SignInWays;
  /** Why somebody has to sign in. */
  reason: string | null;
  /** A stream is running, which the way to an issuer must not end. */
  streaming?: boolean;
}

/** Signs in with a key, or at the server's issuer. */
export function SignInForm({ ways, reason, streaming = false }: Props) {
  const id = useId();
  return (
    <div className="space-y-5">
      {reason && (
        <p id={`${id}-reason`} role="status" className="text-sm text-soft">
          {reason}
        </p>
      )}
      {ways.key && <KeyForm describedBy={reason ? `${id}-reason` : ""} />}
      {ways.oidc && (
        <div className={`space-y-2 ${ways.key ? "border-t border-line pt-5" : ""}`}>
          <Button asChild className="w-full" look={ways.key ? "quiet" : "primary"}>
            <a href={ways.oidc.url} {...(streaming ? { target: "_blank", rel: "noopener" } : {})}>
              Sign in with {ways.oidc.name}
            </a>
          </Button>
          {streaming && (
            <p className="text-xs text-muted">
              It opens in a new tab, so that the stream goes on; come back here afterwards.
            </p>
          )}
        </div>
      )}
      {!ways.key && !ways.oidc && (
        <Notice look="problem">This server has no way to sign in: ask its operator for access.</Notice>
      )}
    </div>
  );
}

function KeyForm({ describedBy }: { describedBy: string }) {
  const id = useId();
  const box = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  // A dialog goes by this attribute, which React leaves out.
  useLayoutEffect(() => box.current?.setAttribute("autofocus", ""), []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const key = box.current?.value.trim() ?? "";
    if (busy || key === "") return box.current?.focus();
    setBusy(true);
    setProblem(null);
    signIn(key).catch((error: unknown) => {
      setProblem(sentenceOf(error));
      setBusy(false);
      box.current?.focus();
      box.current?.select();
    });
  };
  return (
    <form aria-label="Sign in with a key" className="space-y-4" onSubmit={submit}>
      {/* Password managers keep the key under this name. */}
      <input type="text" name="username" autoComplete="username" defaultValue="Scope" readOnly hidden />
      <div className="space-y-1.5">
        <label htmlFor={id} className="block text-sm font-medium text-soft">
          Key
        </label>
        <input
          ref={box}
          id={id}
          type="password"
          name="key"
          autoComplete="current-password"
          autoCapitalize="none"
          spellCheck={false}
          required
          autoFocus
          aria-invalid={problem !== null}
          aria-describedby={[describedBy, `${id}-help`].join(" ").trim()}
          className="field h-10 px-3 font-mono text-sm"
        />
      </div>
      {problem && <Notice look="problem">{problem}</Notice>}
      <Button type="submit" look="primary" className="w-full" disabled={busy}>
        {busy ? "Signing in …" : "Sign in"}
      </Button>
      <div id={`${id}-help`} className="space-y-2 text-xs text-pretty text-muted">
        <p>
          No key? The server printed a sign-in link when it started: open that link, or paste what follows{" "}
          <code className="font-mono">key=</code> in it. Otherwise ask the server&apos;s operator.
        </p>
        {!window.isSecureContext && (
          <p>This page is not encrypted: others on the network can read the key. Prefer an https address.</p>
        )}
      </div>
    </form>
  );
}
