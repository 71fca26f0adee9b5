import { createHash, randomBytes } from 'node:crypto';

/** A bearer secret: 256 random bits after a prefix that says what it opens. Only its hash is stored. */
export const newSecret = (prefix: 'prt_' | 'pin_'): string => prefix + randomBytes(32).toString('base64url');

/** SHA-256 (hex). A secret of this length needs no slower one. */
export const secretHash = (secret: string): string => createHash('sha256').update(secret).digest('hex');
