import { describe, expect, it } from 'vitest';
import { InvalidSettings, readSettings, settingsTable } from './config.ts';

describe('settings', () => {
  it('have a default each, and take what the environment says', () => {
    expect(readSettings({})).toMatchObject({
      PORT: 8080,
      DATA_DIR: './data',
      SIGN_UP: 'open',
      TRUST_PROXIES: 0,
    });
    expect(readSettings({ PORT: '9000', TRUST_PROXIES: '1', SIGN_UP: 'closed', HOME: 'x' })).toMatchObject({
      PORT: 9000,
      TRUST_PROXIES: 1,
      SIGN_UP: 'closed',
    });
  });

  it('treat an empty value as none', () => {
    expect(readSettings({ PORT: '' }).PORT).toBe(8080);
  });

  it.each([
    [{ PORT: 'eighty' }, /PORT is "eighty"/],
    [{ PORT: '70000' }, /PORT is "70000"/],
    [{ SIGN_UP: 'maybe' }, /SIGN_UP is "maybe".*open/],
    [{ TRUST_PROXIES: 'perhaps' }, /TRUST_PROXIES is "perhaps"/],
    [{ PUBLIC_URL: 'ftp://x' }, /PUBLIC_URL is "ftp:\/\/x"/],
  ])('refuse %j and say which setting it is', (env, message) => {
    expect(() => readSettings(env)).toThrow(InvalidSettings);
    expect(() => readSettings(env)).toThrow(message);
  });

  it('are described by a table with a row each', () => {
    expect(settingsTable().split('\n')).toHaveLength(
      2 + Object.keys(readSettings({ PUBLIC_URL: 'http://x' })).length,
    );
  });
});
