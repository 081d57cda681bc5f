// What `<input type="datetime-local">` holds: local time, without a zone. The API speaks UTC.

/** As the input holds it; empty when there is none. */
export function localMinute(at: string | Date | undefined): string {
  if (at === undefined || at === "") return "";
  const date = new Date(at);
  const two = (part: number) => String(part).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** As the API wants it. What is no time at all stays, so that the server tells it at its field. */
export function instant(local: string): string {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? local : at.toISOString();
}
