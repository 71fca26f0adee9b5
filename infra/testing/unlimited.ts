/** Settings for tests, which say more at once than people do. */
export const unlimited = {
  LIMIT_PERSON: 0,
  LIMIT_DEVICE: 0,
  LIMIT_ADDRESS: 0,
  LIMIT_CONVERSATION: 0,
} as const;

export const unlimitedEnvironment: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(unlimited).map(([name, value]) => [name, String(value)]),
);
