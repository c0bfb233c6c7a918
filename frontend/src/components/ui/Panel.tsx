import type { ReactNode } from "react";

/** A section with a title; `aside` is to the right of it. */
export function Panel({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section aria-label={title} className="px-4 pt-4 pb-6 sm:px-5">
      <header className="mb-4 flex h-7 items-center justify-between">
        <h2 className="engraved text-muted">{title}</h2>
        {aside}
      </header>
      <div className="space-y-5">{children}</div>
    </section>
  );
}
