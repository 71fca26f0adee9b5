import { z } from 'zod';

const limit = (usual: number, whose: string) =>
  z.coerce
    .number()
    .min(0)
    .default(usual)
    .meta({ description: `Commands a second ${whose}; ten seconds’ worth may come at once. 0: no limit` });

const port = z.coerce.number().int().min(0).max(65_535);

/** Every setting: its name in the environment, what is allowed, its default, and what it does. */
export const Settings = z.object({
  PORT: port.default(8080).meta({ description: 'TCP port of HTTP and WebSocket; 0 takes a free one' }),
  HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .meta({ description: 'Address to listen on; `0.0.0.0` for every network' }),
  DATA_DIR: z
    .string()
    .min(1)
    .default('./data')
    .meta({ description: 'Folder of everything that is kept; one process at a time' }),
  PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ description: 'Where people reach the site; for links. Default: the address listened on' }),
  SIGN_UP: z
    .enum(['open', 'invitation', 'closed'])
    .default('open')
    .meta({ description: 'Who may make an account. The first one is always allowed, and owns the site' }),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .meta({ description: 'Least severity that is logged' }),
  TRUST_PROXIES: z.coerce.number().int().min(0).max(10).default(0).meta({
    description:
      'How many proxies stand before it, each of which adds to `X-Forwarded-For`; 0 takes no notice of that',
  }),
  MAX_CONNECTIONS: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .meta({ description: 'WebSockets and long polls; one more is answered 503' }),
  MAX_CONNECTIONS_PER_ADDRESS: z.coerce
    .number()
    .int()
    .min(1)
    .default(2_000)
    .meta({ description: 'The same from one address; one more is answered 429' }),
  MAX_CONNECTIONS_PER_PERSON: z.coerce
    .number()
    .int()
    .min(1)
    .default(50)
    .meta({ description: 'The same of one person; one more is closed with 4430' }),
  COMPRESSION: z
    .enum(['off', 'on'])
    .default('off')
    .meta({ description: 'Compressed frames for sockets that ask for them; costs processor time' }),
  COMPRESSION_THRESHOLD: z.coerce
    .number()
    .int()
    .min(0)
    .default(1_024)
    .meta({ description: 'Frames of fewer bytes are not compressed' }),
  LIMIT_PERSON: limit(30, 'of one person'),
  LIMIT_DEVICE: limit(20, 'of one device'),
  LIMIT_ADDRESS: limit(500, 'from one address'),
  LIMIT_CONVERSATION: limit(500, 'in one conversation'),
  STATE_CACHE_MB: z.coerce
    .number()
    .int()
    .min(16)
    .max(65_536)
    .default(128)
    .meta({ description: 'Memory for the states of active conversations' }),
});
export type Settings = z.infer<typeof Settings>;

/** Names the setting, what was found and what is allowed. */
export class InvalidSettings extends Error {
  readonly code = 'invalid_settings';
}

/** The settings of an environment. Nothing else reads it. Throws `InvalidSettings`. */
export const readSettings = (env: Readonly<Record<string, string | undefined>>): Settings => {
  const present = Object.fromEntries(
    Object.keys(Settings.shape).flatMap((name) => (env[name] ? [[name, env[name]]] : [])),
  );
  const parsed = Settings.safeParse(present);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    return `${name} is ${JSON.stringify(present[name])}: ${issue.message}`;
  });
  throw new InvalidSettings(`${problems.join('\n')}\nThe README has a table of all settings.`);
};

/** The README's table, made from the schema that validates; a test keeps them equal. */
export const settingsTable = (): string => {
  const { properties } = z.toJSONSchema(Settings, { io: 'input', unrepresentable: 'any' }) as {
    properties: Record<string, { enum?: string[]; description?: string }>;
  };
  const defaults = readSettings({});
  const rows = Object.entries(properties).map(([name, property]) => {
    const value = defaults[name as keyof Settings];
    const fallback = value === undefined ? '' : `\`${value}\``;
    const allowed = property.enum ? ` (${property.enum.map((one) => `\`${one}\``).join(', ')})` : '';
    return `| \`${name}\` | ${fallback} | ${property.description ?? ''}${allowed} |`;
  });
  return ['| setting | default | what it does |', '|---|---|---|', ...rows].join('\n');
};
