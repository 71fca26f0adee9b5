import { expect, test } from 'vitest';
import { eventId } from './event-id.ts';

test('an event id is a UUID of version 8 that depends on all of its parts and on nothing else', () => {
  const id = eventId('c', 'u', 'x', 0);
  expect(id).toBe('0c219a9e-7302-8b25-80da-a798ec38afff');
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const others = [
    eventId('d', 'u', 'x', 0),
    eventId('c', 'v', 'x', 0),
    eventId('c', 'u', 'y', 0),
    eventId('c', 'u', 'x', 1),
  ];
  expect(new Set([id, ...others, eventId('cu', '', 'x', 0)]).size).toBe(6);
});
