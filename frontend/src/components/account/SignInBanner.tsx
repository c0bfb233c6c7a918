import { useState } from "react";

import { useAccount } from "../../hooks/useAccount";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { SignInForm } from "./SignInForm";

/** Offers to sign in again while a stream that began before goes on. */
export function SignInBanner() {
  const { me } = useAccount();
  const [open, setOpen] = useState(false);
  if (me?.role !== "nobody") return null;
  return (
    <section
      aria-label="Signed out"
      className="flex shrink-0 flex-wrap items-center justify-between gap-x-4 gap-y-2 border-b border-warn bg-panel px-4 py-2 sm:px-5"
    >
      <p role="alert" className="text-sm text-warn">
        Your sign-in has ended. The stream and its controls go on; sign in for the rest.
      </p>
      <Button size="small" onClick={() => setOpen(true)}>
        Sign in
      </Button>
      {open && (
        <Dialog title="Sign in" onClose={() => setOpen(false)}>
          <SignInForm ways={me.sign_in} reason={null} streaming />
        </Dialog>
      )}
    </section>
  );
}
