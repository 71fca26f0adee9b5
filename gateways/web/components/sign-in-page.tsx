import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Site } from '../../protocol.ts';
import { api } from '../session.ts';
import { fieldOf, rawFieldOf } from '../form.ts';
import { endedBecause, signedIn } from '../session.ts';

const invitedWith = () => new URLSearchParams(location.search).get('invitation') ?? '';

const deviceName = () => {
  const browser = /(Firefox|Edg|Chrome|Safari)\//.exec(navigator.userAgent)?.[1] ?? 'Browser';
  const system = /(Windows|Android|iPhone|iPad|Mac OS|Linux)/.exec(navigator.userAgent)?.[1];
  return (browser === 'Edg' ? 'Edge' : browser) + (system === undefined ? '' : ` on ${system}`);
};

export function SignInPage() {
  const site = useSignal<Site | undefined>(undefined);
  const joining = useSignal(invitedWith() !== '');
  const problem = useSignal<string | undefined>(undefined);
  useEffect(() => {
    api.site().then(
      (found) => {
        site.value = found;
        if (!found.claimed) joining.value = true;
      },
      (error: Error) => {
        problem.value = error.message;
      },
    );
  }, []);
  const closed = site.value?.signUp === 'closed' && site.value.claimed;
  const switchTo = (join: boolean) => {
    joining.value = join;
    problem.value = undefined;
  };
  return (
    <main class="welcome">
      <div class="card">
        <img src="/favicon.svg" alt="" width="44" height="44" />
        <h1>{joining.value ? 'Join Parlance' : 'Welcome back'}</h1>
        <p class="muted">{introduction(joining.value, site.value)}</p>
        <Form joining={joining.value} site={site.value} problem={problem} />
        {!closed && (
          <p class="muted">
            {joining.value ? 'You have an account? ' : 'New here? '}
            <button type="button" class="link" onClick={() => switchTo(!joining.value)}>
              {joining.value ? 'Sign in' : 'Create an account'}
            </button>
          </p>
        )}
      </div>
    </main>
  );
}

const introduction = (joining: boolean, site: Site | undefined) => {
  if (!joining) return endedBecause.value ?? 'Sign in to go on with your conversations.';
  if (site?.claimed === false) return 'Nobody is here yet: the first account owns this site.';
  return site?.signUp === 'invitation'
    ? 'You need an invitation to join this site.'
    : 'It takes a name and a password.';
};

type FormProps = {
  readonly joining: boolean;
  readonly site: Site | undefined;
  readonly problem: { value: string | undefined };
};

function Form({ joining, site, problem }: FormProps) {
  const busy = useSignal(false);
  const asksInvitation = joining && (invitedWith() !== '' || (site?.signUp === 'invitation' && site.claimed));
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (busy.value || !(event.currentTarget instanceof HTMLFormElement)) return;
    const form = event.currentTarget;
    const account = {
      username: fieldOf(form, 'username'),
      password: rawFieldOf(form, 'password'),
      deviceName: deviceName(),
    };
    const displayName = fieldOf(form, 'displayName');
    const invitation = fieldOf(form, 'invitation');
    busy.value = true;
    problem.value = undefined;
    try {
      if (joining) {
        const extra = { ...(displayName && { displayName }), ...(invitation && { invitation }) };
        signedIn(await api.signUp({ ...account, ...extra }));
      } else {
        signedIn(await api.signIn(account));
      }
      history.replaceState(null, '', location.pathname + location.hash);
    } catch (error) {
      problem.value = error instanceof Error ? error.message : String(error);
      busy.value = false;
    }
  };
  return (
    <form onSubmit={submit}>
      <label>
        Username
        <input
          name="username"
          required
          maxLength={64}
          autocomplete="username"
          autocapitalize="none"
          spellcheck={false}
        />
      </label>
      {joining && (
        <label>
          <span>
            Name shown to others <span class="muted">(optional)</span>
          </span>
          <input name="displayName" maxLength={64} autocomplete="name" />
        </label>
      )}
      <label>
        Password
        <input
          name="password"
          type="password"
          required
          minLength={joining ? 8 : 1}
          maxLength={256}
          autocomplete={joining ? 'new-password' : 'current-password'}
        />
      </label>
      {asksInvitation && (
        <label>
          Invitation code
          <input name="invitation" required defaultValue={invitedWith()} maxLength={100} autocomplete="off" />
        </label>
      )}
      <p class="problem" role="alert">
        {problem.value}
      </p>
      <button type="submit" class="primary" disabled={busy.value}>
        {joining ? 'Create account' : 'Sign in'}
      </button>
    </form>
  );
}
