import { signal } from '@preact/signals';

/** What just went wrong or was done, for a few seconds. */
export const toasted = signal<{ readonly text: string } | undefined>(undefined);

let timer: ReturnType<typeof setTimeout> | undefined;

export const toast = (what: unknown): void => {
  const text = what instanceof Error ? what.message : String(what);
  toasted.value = { text };
  clearTimeout(timer);
  timer = setTimeout(() => {
    toasted.value = undefined;
  }, 6_000);
};
