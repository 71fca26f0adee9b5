import { toasted } from '../toast.ts';

export function Toast() {
  return (
    <div class="toast" role="status">
      {toasted.value && <p>{toasted.value.text}</p>}
    </div>
  );
}
