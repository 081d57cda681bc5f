// A hint while typing, not a rule: the server alone decides what it accepts.

export interface PasswordHint {
  /** 0 (nothing typed) to 4. */
  score: 0 | 1 | 2 | 3 | 4;
  words: string;
}

// The server's own minimum.
const SHORTEST = 10;

const COMMON = ["password", "passwort", "qwerty", "letmein", "welcome", "123456", "abc123", "iloveyou", "admin"];

export function passwordHint(password: string, about: readonly string[] = []): PasswordHint {
  if (password === "") return { score: 0, words: `At least ${SHORTEST} characters. A few unrelated words work well.` };
  const lower = password.toLowerCase();
  const known = [...COMMON, ...about.map((word) => word.toLowerCase()).filter((word) => word.length > 3)].find((word) => lower.includes(word));
  if (password.length < SHORTEST) return { score: 1, words: `${SHORTEST - password.length} more to go: at least ${SHORTEST} characters.` };
  if (known !== undefined) return { score: 1, words: "It contains a word that is easy to guess." };
  if (new Set(password).size < 6) return { score: 1, words: "Too many repeated characters." };
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password)).length;
  if (password.length >= 20 || (password.length >= 16 && kinds >= 3)) return { score: 4, words: "Strong." };
  if (password.length >= 14 || kinds >= 3) return { score: 3, words: "Good." };
  return { score: 2, words: "Fair. Longer is better than stranger." };
}
