export type Part =
  | { readonly kind: 'text' | 'code' | 'block'; readonly text: string }
  | { readonly kind: 'link'; readonly text: string; readonly href: string }
  | { readonly kind: 'mention'; readonly text: string; readonly userId: string };

const CODE = /```(?:[\w+-]*\n)?([\s\S]+?)\n?```|`([^`\n]+)`/g;
/** Browsers take about so long an address; what is longer costs too much to look at. */
const LINK = /\bhttps?:\/\/[^\s<>"'`]{1,2040}/gi;
/** What ends a sentence rather than an address. */
const TAIL = new Set('.,;:!?…*_~|');

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

/** Without what ends the sentence around it: punctuation, and brackets that were opened before the address. */
const trimmed = (address: string): string => {
  let open = 0;
  for (const character of address) open += '(['.includes(character) ? 1 : ')]'.includes(character) ? -1 : 0;
  let end = address.length;
  for (; end > 0; end -= 1) {
    const last = address.charAt(end - 1);
    if (TAIL.has(last)) continue;
    if (open >= 0 || !')]'.includes(last)) break;
    open += 1;
  }
  return address.slice(0, end);
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

const MOST_MENTIONS = 500;

/** Where people are named after an `@`: at the start of a word, the longest name that ends with a word. */
export const mentionsIn = (text: string, people: People): Found[] => {
  const longest = people.toSorted((a, b) => b.name.length - a.name.length);
  const found: Found[] = [];
  let looked = 0;
  for (const { index } of text.matchAll(/(?<![\p{L}\p{N}_@])@/gu)) {
    const rest = text.slice(index + 1);
    const who = longest.find(({ name }) => {
      if (rest.slice(0, name.length).toLowerCase() !== name.toLowerCase()) return false;
      return !/^[\p{L}\p{N}_-]/u.test(rest.slice(name.length));
    });
    if (who) found.push({ index, ...who });
    looked += 1;
    if (looked === MOST_MENTIONS) break;
  }
  return found;
};
