export type Part =
  | { readonly kind: 'text' | 'code' | 'block'; readonly text: string }
  | { readonly kind: 'link'; readonly text: string; readonly href: string }
  | { readonly kind: 'mention'; readonly text: string; readonly userId: string };

const CODE = /```(?:[\w+-]*\n)?([\s\S]+?)\n?```|`([^`\n]+)`/g;
const LINK = /\bhttps?:\/\/[^\s<>"'`]+/gi;
/** What ends a sentence rather than an address. */
const TAIL = /[.,;:!?…*_~|]+$/;

/** A message's text in pieces: plain, code, addresses, and the names of these people after an `@`. */
export const parse = (text: string, people: readonly { userId: string; name: string }[] = []): Part[] => {
  const parts: Part[] = [];
  let from = 0;
  for (const match of text.matchAll(CODE)) {
    parts.push(...withLinks(text.slice(from, match.index), people));
    const [all, block, inline] = match;
    parts.push(block === undefined ? { kind: 'code', text: inline ?? '' } : { kind: 'block', text: block });
    from = match.index + all.length;
    if (block !== undefined && text[from] === '\n') from += 1;
  }
  return [...parts, ...withLinks(text.slice(from), people)];
};

type People = readonly { userId: string; name: string }[];

const withLinks = (text: string, people: People): Part[] => {
  const parts: Part[] = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const address = trimmed(match[0]);
    const href = safe(address);
    if (href === undefined) continue;
    parts.push(...withMentions(text.slice(from, match.index), people), { kind: 'link', text: address, href });
    from = match.index + address.length;
  }
  return [...parts, ...withMentions(text.slice(from), people)];
};

const trimmed = (address: string): string => {
  let result = address.replace(TAIL, '');
  const count = (character: string) => result.split(character).length;
  while (/[)\]]$/.test(result) && count('(') + count('[') < count(')') + count(']')) {
    result = result.slice(0, -1).replace(TAIL, '');
  }
  return result;
};

const safe = (address: string): string | undefined => {
  if (!URL.canParse(address)) return undefined;
  const { protocol, href } = new URL(address);
  return protocol === 'http:' || protocol === 'https:' ? href : undefined;
};

const withMentions = (text: string, people: People): Part[] => {
  const parts: Part[] = [];
  const plain = (piece: string) => {
    if (piece !== '') parts.push({ kind: 'text', text: piece });
  };
  let from = 0;
  for (const { index, name, userId } of mentionsIn(text, people)) {
    plain(text.slice(from, index));
    from = index + name.length + 1;
    parts.push({ kind: 'mention', text: text.slice(index, from), userId });
  }
  plain(text.slice(from));
  return parts;
};

type Found = { readonly index: number; readonly name: string; readonly userId: string };

/** Where people are named after an `@`: at the start of a word, the longest name that ends with a word. */
export const mentionsIn = (text: string, people: People): Found[] => {
  const longest = people.toSorted((a, b) => b.name.length - a.name.length);
  const found: Found[] = [];
  for (const { index } of text.matchAll(/(?<![\p{L}\p{N}_@])@/gu)) {
    const rest = text.slice(index + 1);
    const who = longest.find(({ name }) => {
      if (rest.slice(0, name.length).toLowerCase() !== name.toLowerCase()) return false;
      return !/^[\p{L}\p{N}_-]/u.test(rest.slice(name.length));
    });
    if (who) found.push({ index, ...who });
  }
  return found;
};
