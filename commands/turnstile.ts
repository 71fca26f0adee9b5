/** Lets so many do something at once and so many wait for it in line, for a time; one more is turned away. */
export type TurnstileLimits = { readonly inside: number; readonly waiting: number; readonly waitMs: number };

export class Turnstile {
  readonly #limits: TurnstileLimits;
  readonly #line = new Set<() => void>();
  #busy = 0;

  constructor(limits: TurnstileLimits) {
    this.#limits = limits;
  }

  /** Undefined if the work was not begun: the line is full, or took too long. */
  async run<T extends object>(work: () => Promise<T>): Promise<T | undefined> {
    if (!(await this.#enter())) return undefined;
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<boolean> {
    if (this.#busy < this.#limits.inside) {
      this.#busy += 1;
      return true;
    }
    if (this.#line.size >= this.#limits.waiting) return false;
    return new Promise((resolve) => {
      const enter = () => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.#line.delete(enter);
        resolve(false);
      }, this.#limits.waitMs);
      this.#line.add(enter);
    });
  }

  /** Hands the place over to who has waited longest. */
  #leave(): void {
    const [next] = this.#line;
    if (!next) {
      this.#busy -= 1;
      return;
    }
    this.#line.delete(next);
    next();
  }
}
