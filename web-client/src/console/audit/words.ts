/** `retention_rule.changed` → "Retention rule changed". */
export function kindInWords(kind: string): string {
  const words = kind.replace(/[._]/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
