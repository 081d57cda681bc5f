import { useEffect, useState } from "react";
import { Button } from "./Button";
import { usePhrases } from "./phrases";
import { toast } from "./toasts";

/** Copies `text`; where the clipboard is out of reach (no TLS), it says so. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const phrases = usePhrases();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1800);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch {
      toast({ tone: "bad", ...phrases.notCopied });
    }
  };
  return (
    <Button kind="quiet" size="small" icon={copied ? "check" : "copy"} onPress={copy} aria-label={copied ? phrases.copied : label} />
  );
}

export function CopyField({ text, what }: { text: string; what: string }) {
  return (
    <span className="copy-field">
      <code tabIndex={0}>{text}</code>
      <CopyButton text={text} label={`Copy ${what}`} />
    </span>
  );
}

export function CodeBlock({ code, what }: { code: string; what: string }) {
  return (
    <div className="code-block">
      <pre tabIndex={0}>
        <code>{code}</code>
      </pre>
      <CopyButton text={code} label={`Copy ${what}`} />
    </div>
  );
}

/** Something that is shown this once. */
export function SecretBox({ label, text, note }: { label: string; text: string; note: string }) {
  return (
    <div className="secret">
      <strong>{label}</strong>
      <CopyField text={text} what={label.toLowerCase()} />
      <p className="small">{note}</p>
    </div>
  );
}
