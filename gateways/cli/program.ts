import { Command, InvalidArgumentError, Option } from 'commander';
import { type ImportIrcDeps, addImportIrc } from './import-irc.ts';

export type ServeOptions = { readonly json?: boolean };
export type AddUserOptions = {
  readonly displayName?: string;
  readonly password?: string;
  readonly json?: boolean;
};
export type InviteOptions = { readonly uses: number; readonly days: number; readonly json?: boolean };

/** What the commands do; each resolves to the exit code. */
export type Actions = {
  readonly serve: (options: ServeOptions) => Promise<number>;
  readonly demo: (options: ServeOptions) => Promise<number>;
  readonly addUser: (username: string, options: AddUserOptions) => Promise<number>;
  readonly invite: (options: InviteOptions) => Promise<number>;
  readonly importIrc: ImportIrcDeps;
};

const upTo =
  (most: number) =>
  (value: string): number => {
    const number = Number(value);
    if (!Number.isSafeInteger(number) || number < 1 || number > most)
      throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`);
    return number;
  };

const json = () => new Option('--json', 'print one JSON object on the last line, for scripts');

/** `parlance …`. A wrong call ends with exit code 2. */
export const createProgram = (version: string, actions: Actions): Command => {
  const program = new Command('parlance')
    .description('A chat backend in which every conversation is an append-only stream of events')
    .version(version)
    .option(
      '-d, --data-dir <folder>',
      'the folder of everything that is kept (default: the setting DATA_DIR, ./data)',
    )
    .showHelpAfterError('Try --help after the command.')
    .addHelpText(
      'after',
      '\nSettings come from the environment: PORT, DATA_DIR, SIGN_UP, …; the README has a table of all.',
    );

  program
    .command('serve')
    .description('start the server; it runs until SIGINT or SIGTERM')
    .addOption(json())
    .action(run((options: ServeOptions) => actions.serve(options)));

  program
    .command('demo')
    .description(
      'start the server with three people, whose passwords are printed, and a sample of real IRC history',
    )
    .addOption(json())
    .action(run((options: ServeOptions) => actions.demo(options)));

  const user = program.command('user').description('accounts');
  user
    .command('add')
    .description('make an account; the first one owns the site')
    .argument('<username>')
    .option('--display-name <name>', 'the name that others see (default: the username)')
    .option(
      '--password <password>',
      'at least 8 characters (default: the first line of standard input, or one is made and printed)',
    )
    .addOption(json())
    .action(run((username: string, options: AddUserOptions) => actions.addUser(username, options)));

  program
    .command('invite')
    .description('make an invitation link')
    .option('--uses <number>', 'how many people may use it', upTo(1000), 1)
    .option('--days <number>', 'how long it is good for', upTo(365), 7)
    .addOption(json())
    .action(run((options: InviteOptions) => actions.invite(options)));

  addImportIrc(
    program.command('import').description('bring in conversations from elsewhere'),
    actions.importIrc,
  );

  exitWithTwo(program);
  return program;
};

/** Commander hands over arguments, options and itself; an action wants the first two. */
const run =
  <A extends unknown[]>(action: (...args: A) => Promise<number>) =>
  async (...args: unknown[]) => {
    process.exitCode = await action(...(args.slice(0, -1) as A));
  };

/** Commander's own exit code for a wrong call is 1, which here means that something failed. */
const exitWithTwo = (command: Command): void => {
  command.exitOverride((error) => {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    throw error;
  });
  for (const child of command.commands) exitWithTwo(child);
};
