// Counted things. Each language says which forms it has, so the compiler asks for the Polish "few" and "many" and nobody else's.

/** `plural(5, {…})`: the number as the locale writes it, and the form that goes with it. */
export function numbers<Form extends Intl.LDMLPluralRule>(locale: string) {
  const rules = new Intl.PluralRules(locale);
  const digits = new Intl.NumberFormat(locale);
  return (amount: number, forms: Record<Form | "other", string>): string => {
    // A form that no whole number below a million takes (French, Spanish "many") is not asked for.
    const form = rules.select(amount) as Form;
    return `${digits.format(amount)} ${Object.hasOwn(forms, form) ? forms[form] : forms.other}`;
  };
}
