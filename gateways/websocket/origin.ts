import type { IncomingMessage } from 'node:http';

/** A page of another site must not speak for whoever is signed in here; programs send no Origin. */
export const isForeign = (
  { origin, host }: IncomingMessage['headers'],
  publicHost: string | undefined,
): boolean => origin !== undefined && ![host, publicHost].includes(hostOf(origin) ?? '');

const hostOf = (origin: string): string | undefined =>
  URL.canParse(origin) ? new URL(origin).host : undefined;

/** Where a request comes from, as fastify's `request.ip` says it: so many proxies add to `X-Forwarded-For`. */
export const addressOf = ({ socket, headers }: IncomingMessage, trustedProxies: number): string => {
  const forwarded = String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '');
  const addresses = [...forwarded, socket.remoteAddress ?? ''].toReversed();
  return addresses[Math.min(trustedProxies, addresses.length - 1)] ?? '';
};
