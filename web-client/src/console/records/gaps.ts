import type { ProcessingRecord } from "../../api/reports";

/** What a record says where nobody said anything. */
export const NOT_DECLARED = "not declared";

/** What the law wants in the record and nobody has declared. */
export function gaps({ controller, contact, activities }: ProcessingRecord): string[] {
  const said = (value: string | null | undefined) => value !== undefined && value !== null && value !== "" && value !== NOT_DECLARED;
  return [
    ...(said(controller.address) ? [] : ["your address"]),
    ...(said(controller.country) ? [] : ["your country"]),
    ...(said(contact.email) || said(contact.phone) ? [] : ["how to reach you"]),
    ...(activities.some(({ transfers }) => !said(transfers)) ? ["transfers to other countries"] : []),
  ];
}
