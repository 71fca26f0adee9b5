import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Accounts } from '../../commands/accounts.ts';
import { invite } from '../../commands/invite.ts';
import { refreshSession } from '../../commands/refresh-session.ts';
import { signIn } from '../../commands/sign-in.ts';
import { signOut } from '../../commands/sign-out.ts';
import { signUp } from '../../commands/sign-up.ts';
import { Ulid } from '../../domain/id.ts';
import { Device, Invitation, Session, SignIn, SignUp, Site } from '../protocol.ts';
import { accepted } from '../rejections.ts';
import { type App, identityOf } from './app.ts';
import { done, guarded, refusals } from './document.ts';
import type { HttpSettings } from './deps.ts';

const tags = ['Accounts'];

const Refresh = z.object({ refreshToken: z.string().min(1).max(200) });
const Invite = z.object({ uses: z.number().int().min(1).max(1000).optional() });
const Jwks = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });

/** What needs no access token: it is how one gets it. */
export const accountRoutes =
  (accounts: Accounts, { signUp: mode, version }: HttpSettings) =>
  (app: App) => {
    app.get(
      '/v1/site',
      {
        schema: {
          summary: 'What a newcomer must know',
          tags,
          response: { 200: Site, ...refusals() },
        },
      },
      async (): Promise<Site> => {
        const claimed = (await accounts.directory.people.owner()) !== undefined;
        return { signUp: mode, claimed, version };
      },
    );

    app.get(
      '/.well-known/jwks.json',
      { schema: { summary: 'The keys that sign access tokens (RFC 7517)', tags, response: { 200: Jwks } } },
      async () => accounts.tokens.jwks(),
    );

    app.post(
      '/v1/accounts',
      {
        schema: {
          summary: 'Make an account and sign in',
          tags,
          body: SignUp,
          response: {
            201: Session,
            ...refusals(
              'username_taken',
              'username_invalid',
              'invitation_required',
              'invitation_invalid',
              'sign_up_closed',
              'too_many_attempts',
            ),
          },
        },
      },
      async (request, reply) => reply.status(201).send(accepted(await signUp(accounts, request.body))),
    );

    app.post(
      '/v1/sessions',
      {
        schema: {
          summary: 'Sign in on a new device',
          tags,
          body: SignIn,
          response: { 201: Session, ...refusals('wrong_credentials', 'too_many_attempts') },
        },
      },
      async (request, reply) =>
        reply.status(201).send(accepted(await signIn(accounts, { ...request.body, address: request.ip }))),
    );

    app.post(
      '/v1/sessions/refresh',
      {
        schema: {
          summary: 'Go on with a new access token',
          description: 'The refresh token is replaced too. One that is used twice ends the session.',
          tags,
          body: Refresh,
          response: {
            200: Session,
            ...refusals(
              'refresh_token_unknown',
              'refresh_token_expired',
              'refresh_token_reused',
              'session_revoked',
            ),
          },
        },
      },
      async (request): Promise<Session> => accepted(await refreshSession(accounts, request.body)),
    );
  };

/** A person's own devices, and inviting others. */
export const deviceRoutes =
  (accounts: Accounts, { publicUrl }: HttpSettings) =>
  (app: App) => {
    const leave = async (request: FastifyRequest, deviceId: string) =>
      void accepted(await signOut(accounts, { by: identityOf(request).userId, deviceId }));

    app.delete(
      '/v1/sessions/current',
      {
        schema: guarded('Sign out', tags, { 204: done }),
      },
      async (request, reply) => {
        await leave(request, identityOf(request).deviceId);
        return reply.status(204).send(null);
      },
    );

    app.get(
      '/v1/devices',
      {
        schema: guarded('Where you are signed in', tags, { 200: z.object({ devices: z.array(Device) }) }),
      },
      async (request): Promise<{ devices: Device[] }> => {
        const { userId, deviceId: mine } = identityOf(request);
        const devices = await accounts.directory.sessions.list(userId);
        return {
          devices: devices.map(({ userId: _, ...device }) => ({
            ...device,
            current: device.deviceId === mine,
          })),
        };
      },
    );

    app.delete(
      '/v1/devices/:deviceId',
      {
        schema: {
          ...guarded('Sign a device out', tags, { 204: done }, ['device_not_found']),
          params: z.object({ deviceId: Ulid() }),
        },
      },
      async (request, reply) => {
        await leave(request, request.params.deviceId);
        return reply.status(204).send(null);
      },
    );

    app.post(
      '/v1/invitations',
      {
        schema: {
          ...guarded('Invite somebody', tags, { 201: Invitation }, ['owner_only']),
          body: Invite.nullish(),
        },
      },
      async (request, reply) => {
        const invitation = accepted(
          await invite(accounts, { by: identityOf(request).userId, uses: request.body?.uses }),
        );
        const asked = `${request.protocol}://${request.host}`;
        const site = publicUrl ?? (URL.canParse(asked) ? asked : 'http://localhost');
        const url = new URL(`/?invitation=${invitation.code}`, site).href;
        return reply.status(201).send({ ...invitation, url });
      },
    );
  };
