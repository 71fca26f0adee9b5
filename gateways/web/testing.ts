import { accessSync, constants, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import type { AxeResults } from 'axe-core';
import { type Browser, type Page, chromium } from 'playwright-core';
import type { Acknowledgement, Session } from '../protocol.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];

const runs = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** A Chromium: `CHROMIUM`, or one on the `PATH`. */
const findChromium = (): string | undefined => {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [process.env['CHROMIUM'] ?? '', ...found].find((path) => path !== '' && runs(path));
};

const executablePath = findChromium();
const reason = 'no Chromium: put one on the PATH, or name it in CHROMIUM';

/** Why browser tests don't run here; under `CI=true` they do, and fail. */
export const skipped =
  executablePath === undefined && process.env['CI'] !== 'true' ? `(skipped: ${reason})` : undefined;

const args =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

export const launch = (): Promise<Browser> => {
  if (executablePath === undefined) throw new Error(reason);
  return chromium.launch({ executablePath, args: args.split(' ') });
};

export type Window = {
  readonly page: Page;
  /** Errors of the console, of the page and of its content security policy. */
  readonly problems: string[];
};

type Look = { readonly width?: number; readonly height?: number; readonly colorScheme?: 'light' | 'dark' };

/** A window of somebody's own browser. What the server refuses on purpose, or is away for, is no problem of the page. */
export const openWindow = async (browser: Browser, url: string, look: Look = {}): Promise<Window> => {
  const { width = 1440, height = 900, colorScheme = 'light' } = look;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme,
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    const refused = /^Failed to load resource: (.* 401|net::ERR_)|WebSocket connection to .* failed/.test(
      message.text(),
    );
    if (message.type() === 'error' && !refused) problems.push(message.text());
  });
  await page.goto(url);
  return { page, problems };
};

const PASSWORD = 'correct horse';

export const signUp = async ({ page }: Window, username: string, displayName: string): Promise<void> => {
  const other = page.getByRole('button', { name: 'Create an account' });
  await page.getByLabel('Password').waitFor();
  if (
    await page
      .getByRole('button', { name: 'Sign in', exact: true })
      .and(page.locator('[type=submit]'))
      .isVisible()
  ) {
    await other.click();
  }
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Name shown to others').fill(displayName);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByText('Connected', { exact: true }).waitFor();
};

export const signIn = async ({ page }: Window, username: string, password = PASSWORD): Promise<void> => {
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByLabel('Password').press('Enter');
};

/** A message in the timeline, by what it says itself. */
export const message = ({ page }: Window, text: string) =>
  page.getByRole('article').filter({ has: page.locator('.body, .gone', { hasText: text }) });

export const say = async ({ page }: Window, text: string): Promise<void> => {
  await page.locator('#composer').fill(text);
  await page.locator('#composer').press('Enter');
};

/** Does something with a message by its toolbar. */
export const act = async (window: Window, text: string, action: string): Promise<void> => {
  await message(window, text).hover();
  await message(window, text).getByRole('button', { name: action, exact: true }).click();
};

/** The REST interface, for what a test needs to be there. */
const restOf = async (url: string, username: string) => {
  const send = async (method: string, path: string, body?: unknown, token?: string): Promise<unknown> => {
    const headers = { ...(body !== undefined && { 'Content-Type': 'application/json' }) };
    const authorization = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const init = { method, headers: { ...headers, ...authorization }, signal: AbortSignal.timeout(10_000) };
    const response = await fetch(
      url + path,
      body === undefined ? init : { ...init, body: JSON.stringify(body) },
    );
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const { accessToken, user } = (await send('POST', '/v1/sessions', {
    username,
    password: PASSWORD,
  })) as Session;
  return {
    user,
    send: (method: string, path: string, body?: unknown) => send(method, path, body, accessToken),
  };
};

/** A group of Ada's with these people, and where it is. */
export const foundGroup = async (url: string, title: string, members: readonly string[]) => {
  const rest = await restOf(url, 'ada');
  const people = await Promise.all(members.map((name) => restOf(url, name)));
  const group = { title, members: people.map(({ user }) => user.userId) };
  const { conversationId } = (await rest.send('POST', '/v1/conversations', group)) as Acknowledgement;
  return { rest, at: `/#/c/${conversationId}`, path: `/v1/conversations/${conversationId}` };
};

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What axe-core has to say about the page, a line for each finding. */
export const findings = async ({ page }: Window): Promise<string[]> => {
  await page.evaluate(axe);
  const run = `axe.run(document, { runOnly: ${JSON.stringify(rules)} })`;
  const { violations } = await page.evaluate<AxeResults>(run);
  return violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`,
  );
};

export const hasSidewaysScroll = ({ page }: Window): Promise<boolean> =>
  page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
