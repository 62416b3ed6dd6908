import { config as n8nConfig } from '@n8n/node-cli/eslint';
import tseslint from 'typescript-eslint';

/**
 * n8n's own community rules, the stricter cloud set, for what ships to n8n. They are written for a repository that holds
 * nothing else, so each one that is meant for all TypeScript is narrowed to it.
 */
const shipped = n8nConfig.map((rules) =>
  rules.files?.includes('**/*.ts') ? { ...rules, files: ['nodes/**/*.ts', 'credentials/**/*.ts'] } : rules,
);

export default tseslint.config(
  {
    ignores: ['**/dist/**', '**/node_modules/**', '.gatehouse/**', 'gateway/web/assets/*.min.js'],
  },
  ...shipped,
  {
    // The class is no API's credential: it lends a secret of the gateway to n8n's HTTP Request node.
    files: ['credentials/GatehouseVaultSecret.credentials.ts'],
    rules: {
      'n8n-nodes-base/cred-class-name-unsuffixed': 'off',
      'n8n-nodes-base/cred-class-field-name-unsuffixed': 'off',
      'n8n-nodes-base/cred-class-field-display-name-missing-api': 'off',
    },
  },
  {
    // The rule wants every list to invite an expression; which tool a model may reach must never be one.
    files: ['nodes/ApprovalGate/properties.ts', 'nodes/VaultCredential/properties.ts'],
    rules: { 'n8n-nodes-base/node-param-description-wrong-for-dynamic-options': 'off' },
  },
  {
    files: ['gateway/**/*.ts', 'test/**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // An async function without await keeps an interface's promise and turns a throw into a rejection.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      'no-console': 'error',
    },
  },
  {
    // Node's test runner awaits what describe and it return, and a test may look at any answer as it came.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  // The commands and benches speak to a terminal.
  { files: ['test/bench/**/*.ts', 'gateway/cli/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    files: ['**/*.mjs'],
    extends: [tseslint.configs.recommended],
  },
);
