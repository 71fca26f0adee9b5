import { Preferences, User } from '../protocol.ts';
import { Refusal } from '../rejections.ts';
import { type App, identityOf } from './app.ts';
import type { HttpDeps } from './deps.ts';
import { guarded } from './document.ts';

const tags = ['You'];

/** Whoever asks, and what they prefer. */
export const meRoutes =
  ({ directory, preferences }: Pick<HttpDeps, 'directory' | 'preferences'>) =>
  (app: App) => {
    app.get(
      '/v1/me',
      { schema: guarded('Yourself', tags, { 200: User }) },
      async (request): Promise<User> => {
        const [user] = await directory.people.byId([identityOf(request).userId]);
        if (!user) throw new Refusal('invalid_token');
        return user;
      },
    );

    app.get(
      '/v1/me/preferences',
      { schema: guarded('What others learn of you', tags, { 200: Preferences }) },
      async (request): Promise<Preferences> => preferences.of(identityOf(request).userId),
    );

    app.put(
      '/v1/me/preferences',
      {
        schema: {
          ...guarded('Change what others learn of you', tags, { 200: Preferences }),
          description: 'What is left out stays as it is. The answer has all.',
          body: Preferences.partial().strict(),
        },
      },
      async (request): Promise<Preferences> => {
        const { shareReadReceipts, sharePresence } = request.body;
        return preferences.set(identityOf(request).userId, {
          ...(shareReadReceipts !== undefined && { shareReadReceipts }),
          ...(sharePresence !== undefined && { sharePresence }),
        });
      },
    );
  };
