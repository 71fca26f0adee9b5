/** Text as every database can keep it: they cut it at NUL or refuse it, and half a surrogate pair has no UTF-8. */
export const storable = (text: string): string =>
  text.replaceAll('\0', '\uFFFD').replace(/\p{Cs}/gu, '\uFFFD');

/**
 * What two usernames have in common when they differ in case or in compatible characters only (NFKC): they are the same
 * name then. Final sigma is folded too, because lower-casing makes it depend on what follows.
 */
export const usernameKey = (text: string): string =>
  storable(text).normalize('NFKC').toLowerCase().normalize('NFKC').replaceAll('ς', 'σ');

/**
 * A name somebody chose, in the form that is kept (NFKC), or undefined if it is none: normalizing must not bring in a
 * blank, or the `@` that marks imported people's names, and nothing may be in it that nobody sees.
 */
export const chosenUsername = (text: string): string | undefined => {
  const name = text.normalize('NFKC');
  return /^[^\s\p{C}\p{DI}\u2800@/:]{2,64}$/u.test(name) ? name : undefined;
};
