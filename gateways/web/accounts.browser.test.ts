import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Parlance, startParlance } from '../../infra/testing/start.ts';
import { type Window, launch, openWindow, signUp, skipped } from './testing.ts';

describe.skipIf(skipped !== undefined)(`accounts in the web client ${skipped ?? ''}`, () => {
  let parlance: Parlance;
  let browser: Browser;
  let ada: Window;

  beforeAll(async () => {
    parlance = await startParlance({ SIGN_UP: 'invitation' });
    browser = await launch();
    ada = await openWindow(browser, parlance.url);
    await signUp(ada, 'ada', 'Ada Lovelace');
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await parlance?.close();
  });

  test('the owner invites somebody, who comes in by the link', async () => {
    await ada.page.getByRole('button', { name: 'Ada Lovelace' }).click();
    await ada.page.getByRole('button', { name: 'Create an invitation link' }).click();
    const link = await ada.page.getByLabel('Invitation link').inputValue();
    await ada.page.keyboard.press('Escape');
    await ada.page.getByRole('dialog').waitFor({ state: 'detached' });
    const ben = await openWindow(browser, parlance.url + new URL(link).search);
    await ben.page.getByLabel('Invitation code').waitFor();
    await signUp(ben, 'ben', 'Ben Okri');
    expect(new URL(ben.page.url()).search).toBe('');
    expect([...ada.problems, ...ben.problems]).toEqual([]);
  });

  test('without an invitation the form asks for one', async () => {
    const { page } = await openWindow(browser, parlance.url);
    await page.getByRole('button', { name: 'Create an account' }).click();
    expect(await page.getByLabel('Invitation code').getAttribute('required')).not.toBeNull();
  });

  test('two tabs that wake up with an old token renew it once, and both go on', async () => {
    const second = await ada.page.context().newPage();
    await second.goto(parlance.url);
    const tabs = [ada.page, second];
    for (let round = 0; round < 3; round += 1) {
      await second.evaluate(() => {
        const stored = JSON.parse(localStorage.getItem('parlance.session') ?? '{}') as object;
        localStorage.setItem('parlance.session', JSON.stringify({ ...stored, freshUntil: 0 }));
      });
      await Promise.all(tabs.map((tab) => tab.reload()));
      await Promise.all(tabs.map((tab) => tab.getByText('Connected', { exact: true }).waitFor()));
    }
    expect(ada.problems).toEqual([]);
    await second.close();
  });

  test('who signs out is signed out in every tab, and nothing of the conversations stays', async () => {
    const second = await ada.page.context().newPage();
    await second.goto(parlance.url);
    await second.getByText('Connected', { exact: true }).waitFor();
    await ada.page.getByRole('button', { name: 'Ada Lovelace' }).click();
    await ada.page.getByRole('button', { name: 'Sign out of this device' }).click();
    await ada.page.getByRole('heading', { name: 'Welcome back' }).waitFor();
    await second.getByRole('heading', { name: 'Welcome back' }).waitFor();
    expect(await second.evaluate(() => localStorage.length)).toBe(0);
  });

  test('a session that the server ended leads to the sign-in page, and says so', async () => {
    const { page } = await openWindow(browser, parlance.url);
    const gone = { refreshToken: 'gone', accessToken: 'a.b.c', user: { userId: 'x' }, freshUntil: 0 };
    await page.evaluate((stored) => localStorage.setItem('parlance.session', stored), JSON.stringify(gone));
    await page.reload();
    await page.getByText('Your session has ended. Please sign in again.').waitFor();
    expect(await page.evaluate(() => localStorage.length)).toBe(0);
  });
});
