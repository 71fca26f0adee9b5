import { describe, expect, it } from 'vitest';
import { type Seat, createRooms } from './rooms.ts';

const seatOf = (userId: string, deviceId = 'd'): Seat => ({ userId, deviceId, send: () => undefined });
const quiet = () => undefined;

describe('rooms', () => {
  it('seat a socket in the conversations of its person, and forget it when it goes', async () => {
    const rooms = createRooms();
    const ann = seatOf('ann');
    await rooms.seat(ann, async () => ['c1', 'c2']);
    expect([...rooms.in('c1')]).toEqual([ann]);
    rooms.remove(ann);
    expect(rooms.in('c1').size + rooms.in('c2').size).toBe(0);
    expect(rooms.knows('ann')).toBe(false);
  });

  it('move all sockets of a person together', async () => {
    const rooms = createRooms();
    const [phone, laptop] = [seatOf('ann', 'phone'), seatOf('ann', 'laptop')];
    await rooms.seat(phone, async () => []);
    await rooms.seat(laptop, async () => []);
    rooms.join('ann', 'c1');
    expect(rooms.in('c1').size).toBe(2);
    rooms.remove(phone);
    expect([...rooms.in('c1')]).toEqual([laptop]);
    rooms.leave('ann', 'c1');
    expect(rooms.in('c1').size).toBe(0);
  });

  it('let what happens while a socket arrives win over what was read', async () => {
    const rooms = createRooms();
    const ann = seatOf('ann');
    let read: (conversations: string[]) => void = quiet;
    const seated = rooms.seat(ann, () => new Promise((resolve) => (read = resolve)));
    rooms.leave('ann', 'left');
    rooms.join('ann', 'joined');
    rooms.leave('ann', 'back');
    rooms.join('ann', 'back');
    expect(rooms.in('joined').size).toBe(0);
    read(['left', 'stays']);
    await seated;
    expect(['left', 'joined', 'stays', 'back'].map((id) => rooms.in(id).size)).toEqual([0, 1, 1, 1]);
  });

  it('keep nothing of an arrival that failed', async () => {
    const rooms = createRooms();
    await expect(rooms.seat(seatOf('ann'), () => Promise.reject(new Error('no view')))).rejects.toThrow(
      'no view',
    );
    expect(rooms.knows('ann')).toBe(false);
  });
});
