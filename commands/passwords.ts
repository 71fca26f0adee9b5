import { hash, verify } from '@node-rs/argon2';
import { Turnstile } from './turnstile.ts';

export type PasswordSettings = {
  readonly memoryKiB: number;
  readonly passes: number;
  /** Hashed at once: fewer than the four threads that Node shares with the file system. */
  readonly inFlight: number;
  readonly waiting: number;
};

/** The first choice of OWASP's Password Storage Cheat Sheet for argon2id. */
export const owaspPasswords: PasswordSettings = { memoryKiB: 19 * 1024, passes: 2, inFlight: 2, waiting: 64 };

/** Argon2id, with as much of it at once as the machine can bear. Undefined says: too many are waiting. */
export class Passwords {
  readonly #options: { memoryCost: number; timeCost: number; parallelism: number };
  readonly #turnstile: Turnstile;
  readonly #nobody: string;

  constructor(settings: PasswordSettings = owaspPasswords) {
    this.#options = { memoryCost: settings.memoryKiB, timeCost: settings.passes, parallelism: 1 };
    this.#turnstile = new Turnstile({ inside: settings.inFlight, waiting: settings.waiting, waitMs: 5000 });
    const part = (bytes: number) => Buffer.alloc(bytes, 1).toString('base64').replaceAll('=', '');
    this.#nobody = `$argon2id$v=19$m=${settings.memoryKiB},t=${settings.passes},p=1$${part(16)}$${part(32)}`;
  }

  async hash(password: string): Promise<string | undefined> {
    const done = await this.#turnstile.run(async () => ({
      hashed: await hash(typed(password), this.#options),
    }));
    return done?.hashed;
  }

  /** Takes as long when there is nobody's hash to compare with. */
  async verify(hashed: string | undefined, password: string): Promise<boolean | undefined> {
    const done = await this.#turnstile.run(async () => ({
      right: (await verify(hashed ?? this.#nobody, typed(password))) && hashed !== undefined,
    }));
    return done?.right;
  }
}

/** Keyboards differ in how they compose a letter. */
const typed = (password: string) => password.normalize('NFKC');
