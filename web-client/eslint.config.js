import a11y from "eslint-plugin-jsx-a11y";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["**/dist", "src/api/schema.d.ts"] },
  ...tseslint.configs.strict,
  a11y.flatConfigs.recommended,
  {
    plugins: { "react-hooks": hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      "@typescript-eslint/consistent-type-imports": "error",
      "no-restricted-globals": [
        "error",
        { name: "localStorage", message: "Nothing of a visitor is kept in the browser; sessions live in HttpOnly cookies." },
        { name: "sessionStorage", message: "Nothing of a visitor is kept in the browser; sessions live in HttpOnly cookies." },
      ],
      // Safari forgets that a list without bullets is a list, so the role is spelled out there.
      "jsx-a11y/no-redundant-roles": ["error", { ul: ["list"], ol: ["list"] }],
      // What scrolls must be reachable with the keyboard.
      "jsx-a11y/no-noninteractive-tabindex": ["error", { tags: ["pre", "code"], roles: ["tabpanel", "log"] }],
      // autoFocus stands only in dialogs and one-field pages, where moving focus is what the visitor expects.
      "jsx-a11y/no-autofocus": "off",
    },
  },
  {
    files: ["e2e/**/*.mjs"],
    languageOptions: {
      globals: { process: "readonly", fetch: "readonly", URL: "readonly", Buffer: "readonly", setTimeout: "readonly" },
    },
  },
);
