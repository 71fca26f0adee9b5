import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Parlance, startParlance } from '../../infra/testing/start.ts';
import {
  type Window,
  act,
  foundGroup,
  launch,
  message,
  openWindow,
  say,
  signIn,
  signUp,
  skipped,
} from './testing.ts';

describe.skipIf(skipped !== undefined)(`the web client ${skipped ?? ''}`, () => {
  let parlance: Parlance;
  let browser: Browser;
  let ada: Window;
  let ben: Window;
  const windows: Window[] = [];
  const open = async (url = parlance.url, look = {}): Promise<Window> => {
    const window = await openWindow(browser, url, look);
    windows.push(window);
    return window;
  };

  beforeAll(async () => {
    parlance = await startParlance();
    browser = await launch();
    ada = await open();
    await ada.page.getByText('the first account owns this site').waitFor();
    await signUp(ada, 'ada', 'Ada Lovelace');
    ben = await open();
    await signUp(ben, 'ben', 'Ben Okri');
    await signUp(await open(), 'chi', 'Chi Ngozi');
  }, 60_000);

  afterEach(() => expect(windows.flatMap(({ problems }) => problems)).toEqual([]));

  afterAll(async () => {
    await browser?.close();
    await parlance?.close();
  });

  const startDirect = async (window: Window, name: string) => {
    await window.page.getByRole('button', { name: 'New conversation' }).click();
    await window.page.getByLabel('Find people').fill(name);
    await window.page.getByRole('button', { name }).click();
    await window.page.locator('#composer').waitFor();
  };

  const group = (title: string, members: readonly string[]) => foundGroup(parlance.url, title, members);

  const visit = async (window: Window, at: string) => {
    await window.page.goto(parlance.url + at);
    await window.page.locator('#composer').waitFor();
  };

  test('says why somebody can’t sign in, and lets them in with the right password', async () => {
    const window = await open();
    await signIn(window, 'ada', 'wrong password');
    expect(await window.page.getByRole('alert').filter({ hasText: /\S/ }).textContent()).toMatch(/password/);
    await signIn(window, 'ada');
    await window.page.getByText('Connected', { exact: true }).waitFor();
  });

  test('two people talk, and see at once what the other one does', async () => {
    await startDirect(ada, 'Ben Okri');
    await say(ada, 'Good morning!');
    await ben.page.getByRole('link', { name: /Ada Lovelace.*Good morning!/ }).click();
    await message(ben, 'Good morning!').waitFor();
    await say(ben, 'Morning, Ada');
    await message(ada, 'Morning, Ada').waitFor();

    await act(ada, 'Morning, Ada', 'React');
    await ada.page.getByRole('button', { name: 'React with 🎉' }).click();
    const reaction = message(ben, 'Morning, Ada').getByRole('button', { name: '🎉 1: Ada Lovelace' });
    await reaction.click();
    await message(ada, 'Morning, Ada').getByRole('button', { name: '🎉 2: you, Ben Okri' }).click();
    await message(ben, 'Morning, Ada').getByRole('button', { name: '🎉 1: you' }).waitFor();

    await act(ben, 'Good morning!', 'Reply');
    await say(ben, 'A fine one');
    await message(ada, 'A fine one')
      .getByRole('button', { name: 'In reply to Ada Lovelace Good morning!' })
      .click();
    await expect
      .poll(() => ada.page.evaluate(() => document.activeElement?.textContent))
      .toContain('Good morning!');

    // The jump may take the focus once more when the page has settled.
    const editing = async () => {
      await ada.page.locator('#composer').press('ArrowUp');
      return ada.page.getByText('Edit your message').count();
    };
    await expect.poll(editing).toBe(1);
    await say(ada, 'Good evening!');
    await message(ben, 'Good evening!').filter({ hasText: 'edited' }).waitFor();

    await act(ben, 'Good evening!', 'Pin');
    await ada.page.getByRole('button', { name: 'Details' }).click();
    await ada.page.getByRole('button', { name: 'Ada Lovelace Good evening!', exact: true }).waitFor();
    await ada.page.getByRole('button', { name: 'Close details' }).click();

    await act(ada, 'Good evening!', 'Delete');
    await ada.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await message(ben, 'Message deleted').first().waitFor();
    expect(await message(ben, 'Good evening!').count()).toBe(0);
  });

  test('what somebody sends while the server is away comes through once it is back', async () => {
    const { at } = await group('Weather', ['ben']);
    await visit(ada, at);
    await visit(ben, at);
    await say(ada, 'before');
    await message(ben, 'before').waitFor();
    const { folder, url } = parlance;
    await parlance.close({ keep: true });
    await ada.page.getByText('Not connected', { exact: true }).waitFor();
    await say(ada, 'meanwhile');
    expect(await message(ada, 'meanwhile').getAttribute('class')).toContain('pending');
    parlance = await startParlance({ DATA_DIR: folder, PORT: Number(new URL(url).port) });
    await message(ben, 'meanwhile').waitFor({ timeout: 20_000 });
    await expect.poll(() => message(ada, 'meanwhile').getAttribute('class')).not.toContain('pending');

    await ada.page.reload();
    await message(ada, 'meanwhile').waitFor();
    expect(await message(ada, 'meanwhile').count()).toBe(1);
  }, 60_000);

  test('what was written without a network outlives a reload, and comes once when the network is back', async () => {
    const { at } = await group('Tunnel', ['ben']);
    await visit(ada, at);
    await visit(ben, at);
    const { folder, url } = parlance;
    await parlance.close({ keep: true });
    const context = ada.page.context();
    await context.setOffline(true);
    await ada.page.getByText('Not connected', { exact: true }).waitFor();
    await say(ada, 'in the tunnel');
    await say(ada, 'still in it');
    expect(await ada.page.reload().catch(() => undefined)).toBeUndefined();
    parlance = await startParlance({ DATA_DIR: folder, PORT: Number(new URL(url).port) });
    await context.setOffline(false);
    await visit(ada, at);
    await message(ben, 'still in it').waitFor({ timeout: 40_000 });
    await expect.poll(() => ada.page.locator('article.pending').count()).toBe(0);
    for (const window of [ada, ben]) {
      const said = await window.page.locator('article .body').allTextContents();
      expect(said.map((text) => text.trim())).toEqual(['in the tunnel', 'still in it']);
    }
  }, 60_000);

  test('a message that no frame can hold is refused, and the next one goes through', async () => {
    const { at } = await group('Paste', ['ben']);
    await visit(ada, at);
    await say(ada, '\u0001'.repeat(60_000));
    await ada.page.getByRole('alert').filter({ hasText: 'Not sent: This is too long' }).waitFor();
    await ada.page.getByRole('button', { name: 'Discard' }).click();
    await say(ada, 'shorter');
    await expect.poll(() => message(ada, 'shorter').getAttribute('class')).not.toContain('pending');
    await ada.page.getByText('Connected', { exact: true }).waitFor();
  });

  test('history comes as one scrolls, stays in its place, and does not pile up', async () => {
    const { rest, at, path } = await group('Archive', []);
    for (let number = 0; number < 420; number += 1) {
      await rest.send('POST', `${path}/messages`, { content: { kind: 'text', text: `line ${number}.` } });
    }
    await visit(ada, at);
    await message(ada, 'line 419.').waitFor();
    const up = () =>
      ada.page.evaluate(async () => {
        const box = document.querySelector('[role=log]');
        if (!box) throw new Error('no timeline');
        const seen = [...box.querySelectorAll<HTMLElement>('article')].find(
          (row) => row.getBoundingClientRect().top > 150,
        );
        const before = seen?.getBoundingClientRect().top ?? 0;
        const from = box.scrollTop;
        box.scrollTop -= 500;
        const moved = from - box.scrollTop;
        const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
        for (let frames = 0; frames < 3 || box.getAttribute('aria-busy') === 'true'; frames += 1)
          await frame();
        const jumped = seen?.isConnected ? Math.abs(seen.getBoundingClientRect().top - before - moved) : 0;
        const begins = box.textContent?.includes('The conversation begins here') && box.scrollTop === 0;
        return { jumped, begins, rows: box.querySelectorAll('article').length };
      });
    const seen = [await up()];
    while (!seen.at(-1)?.begins && seen.length < 200) seen.push(await up());
    await message(ada, 'line 0.').waitFor();
    expect(Math.max(...seen.map(({ rows }) => rows))).toBeLessThanOrEqual(300);
    expect(seen.filter(({ jumped }) => jumped > 2)).toEqual([]);
    await ada.page.getByRole('button', { name: 'Latest messages' }).click();
    await message(ada, 'line 419.').waitFor();
  }, 60_000);

  test('a group takes people in, mentions them and lets them go', async () => {
    const { page } = ada;
    await page.getByRole('button', { name: 'New conversation' }).click();
    await page.getByRole('button', { name: 'Group', exact: true }).click();
    await page.getByLabel('Name of the group').fill('Engine');
    await page.getByRole('button', { name: 'Create group' }).click();
    await page.getByRole('heading', { name: 'Engine', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Details' }).click();
    await page.getByRole('button', { name: 'Add people' }).click();
    await page.getByLabel('Find people').fill('ben');
    await page.getByRole('dialog').getByRole('button', { name: 'Ben Okri' }).click();
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await ben.page.getByRole('link', { name: /Engine/ }).click();

    await page.locator('#composer').pressSequentially('@be');
    await page.getByRole('option', { name: /Ben Okri/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.keyboard.type('is here');
    await page.keyboard.press('Enter');
    await ben.page.locator('.mentions-me').filter({ hasText: '@ben is here' }).waitFor();

    await page.getByRole('button', { name: 'Manage Ben Okri' }).click();
    await page.getByLabel('Role').selectOption('admin');
    await ben.page.getByText('Ada Lovelace made Ben Okri an admin').waitFor();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await ben.page.getByText('You are no longer in Engine.').waitFor();
    expect(await ben.page.getByRole('link', { name: /Engine/ }).count()).toBe(0);
    await page.getByText('Ada Lovelace removed Ben Okri').waitFor();
  });

  test('everything can be reached by keyboard', async () => {
    const { at } = await group('Keys', ['ben']);
    const { page } = ada;
    await visit(ada, at);
    await say(ada, 'by keyboard');
    await message(ada, 'by keyboard').waitFor();
    await page.keyboard.press('Shift+Tab');
    expect(
      await page.evaluate(
        () => document.activeElement?.getAttribute('role') ?? document.activeElement?.tagName,
      ),
    ).toMatch(/ARTICLE|BUTTON/);
    await message(ada, 'by keyboard').focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await message(ada, 'by keyboard').getByRole('button', { name: '❤️ 1: you' }).waitFor();
  });
});
