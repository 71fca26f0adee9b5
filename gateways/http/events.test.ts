import { describe, expect, it } from 'vitest';
import type { EventsPage } from '../protocol.ts';
import { upToLeaving } from './events.ts';

const me = '01J00000000000000000000001';
const other = '01J00000000000000000000002';
const base = { by: other, at: 1 };
type Event = EventsPage['events'][number]['event'];
const joined = (userId: string): Event => ({ type: 'MemberJoined', ...base, userId, role: 'member' });
const removed = (userId: string): Event => ({ type: 'MemberRemoved', ...base, userId });
const topic: Event = { type: 'TopicChanged', ...base, topic: 'what they say of the one who left' };
const pageOf = (...events: Event[]): EventsPage => ({
  events: events.map((event, index) => ({ seq: 10 + index, event })),
  lastSeq: 10 + events.length - 1,
});
const seqsFor = (page: EventsPage) => upToLeaving(page, me, { joinedSeq: 3 }).events.map(({ seq }) => seq);

describe('a page of events for somebody whom the view still calls a member', () => {
  it('ends with their own leaving', () => {
    const page = pageOf(topic, removed(me), topic);
    expect(upToLeaving(page, me, { joinedSeq: 3 })).toEqual({ events: page.events.slice(0, 2), lastSeq: 11 });
  });
  it('is whole when others leave', () => expect(seqsFor(pageOf(removed(other), topic))).toEqual([10, 11]));
  it('is whole when they came back', () =>
    expect(seqsFor(pageOf(removed(me), topic, joined(me), topic))).toEqual([10, 11, 12, 13]));
  it('is whole when they left before they joined', () =>
    expect(upToLeaving(pageOf(removed(me), topic), me, { joinedSeq: 20 }).events).toHaveLength(2));
});
