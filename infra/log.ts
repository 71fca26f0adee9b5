import { type Logger, pino } from 'pino';

/** JSON lines on stderr: stdout belongs to what a command answers. No message text, password or token is ever logged. */
export const createLog = (level: string): Logger =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: [
        'req.headers.authorization',
        'req.headers.cookie',
        '*.password',
        '*.token',
        '*.refreshToken',
        '*.accessToken',
      ],
    },
    pino.destination({ dest: 2, sync: true }),
  );
