import type { Notice } from "../../api/types";

export function latestNumber(notice: Notice): string {
  return notice.latest_version === undefined ? "none yet" : String(notice.latest_version.number);
}
