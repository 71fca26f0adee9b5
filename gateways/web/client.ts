import { signal } from '@preact/signals';
import type { Client } from '../client/client.ts';
import { CommandFailed } from '../client/outbox.ts';
import type { Acknowledgement, Command } from '../protocol.ts';

/** Of the person who is signed in. */
export const client = signal<Client | undefined>(undefined);

/** Answered once it is durable. Throws CommandFailed. */
export const submit = (command: Command): Promise<Acknowledgement> =>
  client.peek()?.submit(command) ?? Promise.reject(new CommandFailed('signed_out', 'You are signed out.'));
