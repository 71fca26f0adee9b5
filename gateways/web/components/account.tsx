import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Device, Invitation } from '../../protocol.ts';
import { api } from '../session.ts';
import { session, signedOut } from '../session.ts';
import { briefTimeOf } from '../time.ts';
import { toast } from '../toast.ts';
import { Dialog } from './dialog.tsx';

export function Account({ onClose }: { onClose: () => void }) {
  const user = session.value?.user;
  const signOut = () => {
    onClose();
    void api.signOut().then(
      () => signedOut(),
      () => signedOut(),
    );
  };
  return (
    <Dialog title={user?.displayName ?? 'Account'} onClose={onClose}>
      <p class="muted">
        Signed in as <strong>{user?.username}</strong>
        {user?.role === 'owner' && ', the owner of this site'}
      </p>
      {user?.role === 'owner' && <Invite />}
      <Devices />
      <div class="buttons">
        <button type="button" onClick={signOut}>
          Sign out of this device
        </button>
      </div>
    </Dialog>
  );
}

function Invite() {
  const invitation = useSignal<Invitation | undefined>(undefined);
  const create = async () => {
    try {
      invitation.value = await api.invite(1);
    } catch (error) {
      toast(error);
    }
  };
  const copy = async (url: string) => {
    try {
      await navigator.clipboard.writeText(url);
      toast('Link copied.');
    } catch {
      toast('The link could not be copied: select it instead.');
    }
  };
  const made = invitation.value;
  return (
    <section aria-labelledby="invite">
      <h3 id="invite">Invite somebody</h3>
      {made ? (
        <div class="row">
          <input
            class="grow"
            readOnly
            value={made.url}
            aria-label="Invitation link"
            onFocus={(e) => e.currentTarget.select()}
          />
          <button type="button" onClick={() => copy(made.url)}>
            Copy
          </button>
        </div>
      ) : (
        <button type="button" onClick={create}>
          Create an invitation link
        </button>
      )}
      {made && <p class="muted">For one person, until {briefTimeOf(made.expiresAt)}.</p>}
    </section>
  );
}

function Devices() {
  const devices = useSignal<readonly Device[]>([]);
  const read = () =>
    api.devices().then(
      (found) => {
        devices.value = found.devices;
      },
      (error: unknown) => toast(error),
    );
  useEffect(() => void read(), []);
  const forget = async (deviceId: string) => {
    try {
      await api.forgetDevice(deviceId);
      await read();
    } catch (error) {
      toast(error);
    }
  };
  return (
    <section aria-labelledby="devices">
      <h3 id="devices">Signed in on</h3>
      <ul class="plain">
        {devices.value.map(({ deviceId, name, lastSeenAt, current }) => (
          <li key={deviceId} class="row">
            <span class="grow">
              {name || 'Unnamed device'}
              <span class="muted">{current ? ' · this one' : ` · last used ${briefTimeOf(lastSeenAt)}`}</span>
            </span>
            {!current && (
              <button type="button" aria-label={`Sign out ${name}`} onClick={() => forget(deviceId)}>
                Sign out
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
