import type { LiveState } from '../../domain/ports/live-state.ts';
import { MemoryLiveState, type MemoryOptions } from './memory.ts';

export type LiveStateConfig = { readonly type: 'memory' };

export const openLiveState = (
  config: LiveStateConfig,
  options: Pick<MemoryOptions, 'onError'> = {},
): LiveState => {
  switch (config.type) {
    case 'memory':
      return new MemoryLiveState(options);
  }
};
