import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from '../../gateways/protocol.ts';
import { nextCommand } from './crash-load.ts';
import type { Cast } from './delivery-host.ts';
import { createDevice, type FuzzDevice } from './delivery-device.ts';
import { checkDevices, checkViews } from './delivery-check.ts';
import type { Truth } from './delivery-model.ts';
import type { Random } from './random.ts';

const SETTLE_MS = 20_000;
const LOOK_MS = 10;
/** Of what is said, so much moves people. */
const MOVES = 0.12;

/** People with devices who do anything at all for a while, over connections that break, and then come to rest. */
export const createWorld = (url: string, cast: Cast, random: Random) => {
  const { people } = cast;
  const known = [...cast.conversations];
  const messages: { conversationId: string; seq: number; by: string }[] = [];
  const devices: FuzzDevice[] = cast.devices.map((device) => createDevice(url, device, random.fork()));
  const rate = random.chance(0.2) ? 0 : random.next() * 0.7;
  for (const { faults } of devices) faults.rate = rate;
  let operations = 0;
  const counts = new Map<string, number>();
  const taken = new Map<string, number>();

  const learn = ({ sent, userId, name }: FuzzDevice) => {
    for (const { answer } of sent.slice(taken.get(name) ?? 0)) {
      if (!('seq' in answer)) continue;
      if (!known.includes(answer.conversationId)) known.push(answer.conversationId);
      messages.push({ ...answer, by: userId });
    }
    taken.set(name, sent.length);
  };

  const say = (device: FuzzDevice) => {
    const made = (counts.get(device.name) ?? 0) + 1;
    counts.set(device.name, made);
    const { userId, name } = device;
    const command = random.chance(MOVES)
      ? nextMove()
      : nextCommand(random, { people, known, messages, userId, made, device: name });
    device.submit(command, `${name}-${made}`);
  };

  /** People come and go far more often than they do elsewhere. */
  const nextMove = (): Command => {
    const conversationId = random.pick(known) ?? '';
    const userId = random.pick(people) ?? '';
    return random.chance(0.5)
      ? { type: 'AddMembers', conversationId, userIds: [userId] }
      : random.chance(0.6)
        ? { type: 'RemoveMember', conversationId, userId }
        : { type: 'LeaveConversation', conversationId };
  };

  /** Much at once, in different conversations, so that it becomes one batch of the log. */
  const burst = () => {
    for (let n = random.between(3, 12); n > 0; n -= 1) {
      const device = random.pick(devices);
      if (device) say(device);
    }
  };

  /** How far it has come in some conversation of its own, or a little less or more. */
  const somewhere = (device: FuzzDevice): { conversationId: string; seq: number } => {
    const conversationId = random.pick([...device.memory().known.keys()]) ?? random.pick(known) ?? '';
    const last = device.client().lastSeqOf(conversationId) ?? 0;
    const off = random.chance(0.6) ? 0 : random.between(-10, random.chance(0.1) ? 3 : 0);
    return { conversationId, seq: Math.max(0, last + off) };
  };

  const act = async (device: FuzzDevice): Promise<void> => {
    operations += 1;
    learn(device);
    const die = random.next();
    const { conversationId, seq } = somewhere(device);
    const client = device.client();
    if (die < 0.03) burst();
    else if (die < 0.62) say(device);
    else if (die < 0.75) client.markRead(conversationId, seq);
    else if (die < 0.79) client.typing(conversationId, random.chance(0.8));
    else if (die < 0.82) client.saveDraft(conversationId, random.chance(0.3) ? '' : `draft ${operations}`);
    else if (die < 0.84) client.watch([conversationId]);
    else if (die < 0.86) client.setAway(random.chance(0.5));
    else if (die < 0.91) device.faults.cut();
    else if (die < 0.93) device.faults.stall();
    else if (die < 0.95) device.save();
    else if (die < 0.98) device.reload(random.chance(0.5));
    else {
      device.sleep();
      await delay(random.between(0, 150));
      device.reload(false);
    }
  };

  return {
    operations: () => operations,
    drops: () => devices.reduce((sum, { faults }) => sum + faults.drops, 0),
    connect() {
      for (const device of devices) if (random.chance(0.9)) device.connect();
    },
    /** Each device acts by itself. */
    async run(): Promise<void> {
      const steps = random.between(10, random.chance(0.1) ? 300 : 80);
      const busy = new Set<FuzzDevice>();
      for (let step = 0; step < steps; step += 1) {
        const device = random.pick(devices);
        if (!device || busy.has(device)) continue;
        busy.add(device);
        void act(device).finally(() => busy.delete(device));
        const pause = random.next();
        if (pause < 0.4) await delay(random.between(0, 4));
        else if (pause < 0.42) await delay(random.between(20, 60));
      }
      burst();
      while (busy.size > 0) await delay(1);
    },
    /** Waits until everybody has everything, and says what is wrong if that does not come about. */
    async settle(truth: () => Truth): Promise<string[]> {
      for (const { faults, connect } of devices) {
        faults.rate = 0;
        connect();
      }
      const until = performance.now() + SETTLE_MS;
      let wrong: string[] = [];
      while (performance.now() < until) {
        const rest = await Promise.all(devices.map((device) => device.settled()));
        const unsettled = devices.filter((_, index) => !rest[index]);
        wrong = unsettled.map(
          ({ name, client }) => `${name} is ${JSON.stringify(client().status())} and has not settled`,
        );
        if (wrong.length === 0) wrong = checkDevices(devices, truth());
        if (wrong.length === 0) wrong = await checkViews(devices, truth());
        if (wrong.length === 0) break;
        await delay(LOOK_MS);
      }
      return [...wrong, ...devices.flatMap(({ problems }) => problems)];
    },
    close() {
      for (const device of devices) device.close();
    },
  };
};
