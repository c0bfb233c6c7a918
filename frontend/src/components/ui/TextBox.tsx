import { useState } from "react";

interface Props {
  id: string;
  value: string;
  /** Whether text applies while typing, or when it is done (Enter, or the focus leaves). */
  when: "written" | "done";
  rows?: number;
  disabled?: boolean;
  describedBy?: string | undefined;
  onChange: (text: string) => void;
}

/** A field for text, of one line or several. */
export function TextBox({ id, value, when, rows = 1, disabled = false, describedBy, onChange }: Props) {
  const [draft, setDraft] = useState<string | null>(null);
  const finish = () => {
    if (draft !== null && draft !== value) onChange(draft);
    setDraft(null);
  };
  const common = {
    id,
    disabled,
    "aria-describedby": describedBy,
    value: draft ?? value,
    onBlur: finish,
    onChange: (event: { target: { value: string } }) => {
      if (when === "written") onChange(event.target.value);
      else setDraft(event.target.value);
    },
  };
  if (rows > 1) return <textarea {...common} rows={rows} className="field px-2.5 py-2 font-mono text-xs" />;
  return (
    <input
      {...common}
      type="text"
      onKeyDown={(event) => event.key === "Enter" && finish()}
      className="field h-9 px-2.5 text-sm"
    />
  );
}
