import { z } from 'zod';
import { UserId } from '../../domain/id.ts';
import { User } from '../protocol.ts';
import type { App } from './app.ts';
import type { HttpDeps } from './deps.ts';
import { guarded } from './document.ts';
import { limitText } from './parameters.ts';

const tags = ['People'];

const Ids = z
  .string()
  .max(100 * 27)
  .transform((text) => text.split(','))
  .pipe(z.array(UserId).max(100));

const Search = z
  .object({
    search: z
      .string()
      .trim()
      .min(1)
      .max(100)
      .optional()
      .meta({ description: 'The beginning of a word of their name' }),
    ids: Ids.optional().meta({
      description: 'Up to 100 user ids with commas between; who is unknown is left out',
    }),
    limit: limitText(50, 20),
  })
  .refine(({ search, ids }) => (search === undefined) !== (ids === undefined), 'either search or ids');

/** The people of the site. */
export const userRoutes =
  ({ directory }: Pick<HttpDeps, 'directory'>) =>
  (app: App) => {
    app.get(
      '/v1/users',
      {
        schema: {
          ...guarded('Find people', tags, { 200: z.object({ users: z.array(User) }) }),
          querystring: Search,
        },
      },
      async (request): Promise<{ users: User[] }> => {
        const { search, ids, limit } = request.query;
        if (ids === undefined) return { users: [...(await directory.people.search(search ?? '', limit))] };
        const found = await directory.people.byId(ids);
        return { users: found.filter((user) => user !== undefined) };
      },
    );
  };
