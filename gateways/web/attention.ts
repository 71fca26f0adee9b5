import { signal } from '@preact/signals';

/** Nobody touched anything for so long: they are away. */
const IDLE = 5 * 60_000;

const looks = () => document.visibilityState === 'visible' && document.hasFocus();

/** Whether somebody looks at this window. */
export const attentive = signal(false);
/** Whether they have left it alone. */
export const away = signal(false);

let timer: ReturnType<typeof setTimeout> | undefined;

const notice = () => {
  attentive.value = looks();
  away.value = document.visibilityState !== 'visible';
  clearTimeout(timer);
  timer = setTimeout(() => {
    away.value = true;
  }, IDLE);
};

/** Follows what happens to the window. */
export const payAttention = (): void => {
  notice();
  for (const event of ['focus', 'blur', 'pointerdown', 'keydown']) globalThis.addEventListener(event, notice);
  document.addEventListener('visibilitychange', notice);
};
