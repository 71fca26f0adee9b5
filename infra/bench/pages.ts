import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import Database from 'libsql';

// The floor of a history page: a bare HTTP server that joins prebuilt rows of one prepared query. No rights, no views.

const messages = Number(process.env.MESSAGES);
const db = new Database(join(process.env.DATA_DIR ?? '.', 'pages.db'));
db.exec('PRAGMA journal_mode = WAL; CREATE TABLE messages (seq INTEGER PRIMARY KEY, item TEXT); BEGIN');
const insert = db.prepare('INSERT INTO messages VALUES (?, ?)');
for (let seq = 0; seq < messages; seq += 1) {
  const text = `message ${seq}, about as long as what people write to each other`;
  const by = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
  const item = { kind: 'message', seq, by, at: 1_700_000_000_000 + seq, clientId: `seed-${seq}` };
  insert.run(seq, JSON.stringify({ ...item, content: { kind: 'text', text }, mentions: [], reactions: [] }));
}
db.exec('COMMIT');

const page = db.prepare('SELECT item FROM messages WHERE seq < ? ORDER BY seq DESC LIMIT 50').raw(true);
const http = createServer((request, response) => {
  const before = Number(/before=(\d+)/.exec(request.url ?? '')?.[1]);
  const rows = page.all(before) as [string][];
  const body = Buffer.from(`{"items":[${rows.reverse().join(',')}]}`);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
});
http.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(http.address() as AddressInfo).port}`));
process.on('SIGTERM', () => process.exit(0));
