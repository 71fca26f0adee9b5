import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Parlance, startParlance } from '../../infra/testing/start.ts';
import {
  findings,
  foundGroup,
  hasSidewaysScroll,
  launch,
  message,
  openWindow,
  signIn,
  signUp,
  skipped,
} from './testing.ts';

describe.skipIf(skipped !== undefined)(`the looks of the web client ${skipped ?? ''}`, () => {
  let parlance: Parlance;
  let browser: Browser;

  beforeAll(async () => {
    parlance = await startParlance();
    browser = await launch();
    await signUp(await openWindow(browser, parlance.url), 'ada', 'Ada Lovelace');
    await signUp(await openWindow(browser, parlance.url), 'ben', 'Ben Okri');
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await parlance?.close();
  });

  test.each(
    [1440, 375].flatMap((width) =>
      (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
    ),
  )(
    'axe-core finds nothing at $width px, $colorScheme',
    async (look) => {
      const { rest, at, path } = await foundGroup(parlance.url, `Looks ${look.width} ${look.colorScheme}`, [
        'ben',
      ]);
      const text = 'See https://example.com and `code`, @ada. ' + 'x'.repeat(200);
      const content = { kind: 'text', text };
      await rest.send('POST', `${path}/messages`, { content, mentions: [rest.user.userId] });
      const window = await openWindow(browser, parlance.url, look);
      const check = async (what: string) => {
        expect({ what, findings: await findings(window) }).toEqual({ what, findings: [] });
        expect({ what, sideways: await hasSidewaysScroll(window) }).toEqual({ what, sideways: false });
      };
      await window.page.getByLabel('Password').waitFor();
      await check('sign in');
      await signIn(window, 'ada');
      await window.page.getByRole('link', { name: /Looks/ }).first().waitFor();
      await check('list');
      await window.page.goto(parlance.url + at);
      await message(window, 'See https://example.com').focus();
      await check('conversation');
      await window.page.getByRole('button', { name: 'Details' }).click();
      await window.page.getByText('Members 2').waitFor();
      await check('details');
      await window.page.getByRole('button', { name: 'Add people' }).click();
      await window.page.getByRole('dialog').waitFor();
      await check('dialog');
      expect(window.problems).toEqual([]);
    },
    60_000,
  );
});
